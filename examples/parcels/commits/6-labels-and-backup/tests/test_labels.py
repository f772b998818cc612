"""Labels can be read back."""

import unittest

from parcels.labels import check_digit, label
from parcels.store import Parcel


class LabelTest(unittest.TestCase):
    """Numbers, digits and lines."""

    def test_the_check_digit_completes_the_sum(self) -> None:
        self.assertEqual(check_digit("P1234"), "8")
        self.assertEqual(check_digit("P0"), "0")

    def test_a_label_has_two_lines(self) -> None:
        parcel = Parcel("P1234", "Ann", "north", 1_250)
        self.assertEqual(label(parcel), "P1234-8\nNORTH 1.2 kg")
