"""Parcels as files for the accounting office."""

import csv
import io
from collections.abc import Iterable

from parcels.store import Parcel


def exportCsv(parcels: Iterable[Parcel]) -> str:
    """One line for each parcel: number, customer, grams."""
    text = io.StringIO()
    writer = csv.writer(text)
    for parcel in parcels:
        writer.writerow((parcel.number, parcel.customer, parcel.weight))
    return text.getvalue()


def export_load(parcels: Iterable[Parcel]) -> str:
    """One line for each zone: its name, and the grams still to be delivered there."""
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
    return "".join(f"{zone},{weight}\n" for zone, weight in by_weight)
