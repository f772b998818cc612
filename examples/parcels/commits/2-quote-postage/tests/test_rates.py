"""The price list, line by line."""

import unittest

from parcels.rates import postage


class PostageTest(unittest.TestCase):
    """What a parcel costs."""

    def test_a_light_parcel_costs_the_rate_of_its_zone(self) -> None:
        self.assertEqual(postage("north", 800), 490)

    def test_heavy_parcels_cost_more(self) -> None:
        self.assertEqual(postage("east", 5_000), 740)
        self.assertEqual(postage("east", 12_000), 1_140)

    def test_express_costs_twice_as_much(self) -> None:
        self.assertEqual(postage("west", 800, express=True), 1_180)

    def test_what_we_do_not_carry_is_refused(self) -> None:
        for zone, grams in (("moon", 800), ("north", 0), ("north", 30_001)):
            with self.subTest(zone=zone, grams=grams), self.assertRaises(ValueError):
                postage(zone, grams)
