"""Who may cancel a parcel."""

import unittest

from parcels.access import may_cancel
from parcels.store import Parcel


class AccessTest(unittest.TestCase):
    """Customers, before and after their parcel has left."""

    def test_an_accepted_parcel_may_be_cancelled(self) -> None:
        self.assertTrue(may_cancel("customer", Parcel("P1", "Ann", "north", 800)))

    def test_a_delivered_parcel_may_not(self) -> None:
        parcel = Parcel("P1", "Ann", "north", 800, "delivered")
        self.assertFalse(may_cancel("customer", parcel))
