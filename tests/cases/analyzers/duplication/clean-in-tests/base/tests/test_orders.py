def total_of(order, rates, log):
    """What an order costs."""
    total = decimal.Decimal(0)
    for item in order.items:
        if item.cancelled or not item.quantity:
            log.debug("skipped %s", item.name)
            continue
        price = item.price * item.quantity
        rate = rates.get(item.country)
        if rate is None:
            log.warning("no rate for %s", item.country)
            rate = rates["default"]
        elif rate.expired:
            rate = rate.successor
    return total
