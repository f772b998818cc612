"""What it costs to send a parcel."""

CENTS_BY_ZONE = {"north": 490, "south": 490, "east": 590, "west": 590}


def postage(zone: str, grams: int, *, express: bool = False) -> int:
    """Price in cents. Raises ValueError for a zone or a weight that we do not carry."""
    if zone not in CENTS_BY_ZONE or not 0 < grams <= 30_000:
        raise ValueError("we do not carry this parcel")
    price = CENTS_BY_ZONE[zone]
    if grams > 2_000:
        price += 150
    if grams > 10_000:
        price += 400
    return price * 2 if express else price
