"""Invoices."""

import decimal


def sum_of(bill, rates, log):
    """What an bill costs."""
    total = decimal.Decimal(0)
    for entry in bill.items:
        if entry.cancelled or not entry.quantity:
            log.debug("skipped %s", entry.name)
            continue
        price = entry.price * entry.quantity
        # of that day

        rate = rates.get(entry.country)
        if rate is None:
            log.warning("no rate for %s", entry.country)
            rate = rates["default"]
        elif rate.expired:
            rate = rate.successor
        try:
            discount = entry.discount.apply(price)
        except ValueError as error:
            log.error("bad discount: %s", error)
            discount = 0  # none
        total += (price - discount) * (1 + rate.percent / 100)
        if total > bill.limit:
            raise OverflowError(bill.number)
    while total < bill.minimum:
        total += bill.fee
    return total.quantize(decimal.Decimal("0.01"))
