"""Parcels move on, one step at a time."""

import unittest

from parcels.store import Parcel
from parcels.tracking import advance, load_by_zone


class TrackingTest(unittest.TestCase):
    """The steps of a parcel, and the load of the zones."""

    def test_a_parcel_moves_one_step(self) -> None:
        self.assertEqual(advance(Parcel("P1", "Ann", "north", 800)).status, "sorted")

    def test_a_delivered_parcel_stays(self) -> None:
        parcel = Parcel("P1", "Ann", "north", 800, "delivered")
        self.assertEqual(advance(parcel), parcel)

    def test_the_heaviest_zone_comes_first(self) -> None:
        parcels = [
            Parcel("P1", "Ann", "north", 800),
            Parcel("P2", "Bob", "south ", 500),
            Parcel("P3", "Eve", "South", 400),
            Parcel("P4", "Eve", "east", 9000, "delivered"),
        ]
        self.assertEqual(load_by_zone(parcels), [("South", 900), ("North", 800)])

    def test_a_parcel_without_weight_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            load_by_zone([Parcel("P1", "Ann", "north", 0)])
