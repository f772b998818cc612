"""What it costs to send a parcel."""

CENTS_BY_ZONE = {"north": 490, "south": 490, "east": 590, "west": 590, "islands": 890}


def postage(
    zone: str,
    grams: int,
    *,
    express: bool = False,
    goods: str = "",
    month: int = 0,
    customer: str = "",
) -> int:
    """Price in cents. Raises ValueError for a zone or a weight that we do not carry."""
    if zone not in CENTS_BY_ZONE or not 0 < grams <= 30_000:
        raise ValueError("we do not carry this parcel")
    price = CENTS_BY_ZONE[zone]
    if grams > 2_000:
        price += 150
    if grams > 10_000:
        price += 400
    if zone == "islands":
        if grams > 20_000:
            raise ValueError("the ferry takes 20 kg at most")
        if month in (12, 1, 2):
            price += 300
            if express:
                price += 200
        elif month in (6, 7, 8) and grams > 5_000:
            price += 100
    if goods:
        if goods == "fragile":
            price += 250
            if grams > 10_000 or express:
                price += 250
        elif goods == "liquid":
            if zone == "islands" or grams > 15_000:
                raise ValueError("we do not carry this parcel")
            price += 120
        elif goods == "animal":
            if not express or month in (7, 8):
                raise ValueError("animals travel by express, and not in summer")
            price += 900
    if customer == "gold":
        price = int(price * 0.9)
    elif customer == "staff" and month == 12:
        price = price // 2
    return price * 2 if express else price
