"""What the courier is told."""

import unittest

from parcels.courier import sign_in_headers


class CourierTest(unittest.TestCase):
    """The headers of a request."""

    def test_the_depot_is_named(self) -> None:
        self.assertEqual(sign_in_headers("north")["X-Depot"], "north")
