"""Barcodes as scanners expect them."""

import unittest

from parcels.barcode import stripes


class BarcodeTest(unittest.TestCase):
    """Start, digits and stop."""

    def test_two_digits_are_interleaved(self) -> None:
        self.assertEqual(stripes("38"), "0000" + "1110000100" + "100")

    def test_an_odd_number_gets_a_leading_zero(self) -> None:
        self.assertEqual(stripes("7"), stripes("07"))
