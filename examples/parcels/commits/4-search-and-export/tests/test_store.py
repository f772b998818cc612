"""Parcels come back as they were saved."""

import unittest

from parcels.store import Parcel, Store


class StoreTest(unittest.TestCase):
    """One store in memory for each test."""

    def setUp(self) -> None:
        self.store = Store()
        self.addCleanup(self.store.close)

    def test_a_saved_parcel_is_found(self) -> None:
        parcel = Parcel("P1", "Ann", "north", 800)
        self.store.save(parcel)
        self.assertEqual(self.store.find("P1"), parcel)

    def test_an_unknown_number_finds_nothing(self) -> None:
        self.assertIsNone(self.store.find("P9"))

    def test_parcels_are_found_by_a_part_of_the_name(self) -> None:
        anna = Parcel("P1", "Anna", "north", 800)
        self.store.save(anna)
        self.store.save(Parcel("P2", "Bob", "north", 800))
        self.assertEqual(self.store.search("nn"), [anna])
