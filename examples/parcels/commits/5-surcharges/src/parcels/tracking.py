"""Where parcels are on their way."""

from collections.abc import Iterable
from dataclasses import replace

from parcels.store import Parcel

STEPS = ("accepted", "sorted", "on the road", "delivered")


def advance(parcel: Parcel) -> Parcel:
    """The parcel one step further; a delivered one stays as it is."""
    step = STEPS.index(parcel.status)
    return replace(parcel, status=STEPS[min(step + 1, len(STEPS) - 1)])


def stuck(parcels: Iterable[Parcel], moved: Iterable[str]) -> list[Parcel]:
    numbers = set(moved)
    return [p for p in parcels if p.status != "delivered" and p.number not in numbers]


def load_by_zone(parcels: Iterable[Parcel]) -> list[tuple[str, int]]:
    """Grams still to be delivered in each zone, the heaviest zone first."""
    grams: dict[str, int] = {}
    for parcel in parcels:
        if parcel.status == "delivered":
            continue
        if parcel.weight <= 0:
            raise ValueError("parcel " + parcel.number + " has no weight")
        zone = parcel.zone.strip().lower()
        if zone not in grams:
            grams[zone] = 0
        grams[zone] = grams[zone] + parcel.weight
    by_weight = sorted(grams.items(), key=lambda item: (-item[1], item[0]))
    return [(zone.capitalize(), weight) for zone, weight in by_weight]
