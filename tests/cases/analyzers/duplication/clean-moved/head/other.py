"""Orders."""

import decimal


def other_total(order, rates, log):
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
        try:
            discount = item.discount.apply(price)
        except ValueError as error:
            log.error("bad discount: %s", error)
            discount = 0
        total += (price - discount) * (1 + rate.percent / 100)
        if total > order.limit:
            raise OverflowError(order.number)
    while total < order.minimum:
        total += order.fee
    return total.quantize(decimal.Decimal("0.01"))
