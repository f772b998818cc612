"""What the accounting office gets."""

import unittest

from parcels.export import exportCsv
from parcels.store import Parcel


class ExportTest(unittest.TestCase):
    """Lines of the files."""

    def test_each_parcel_is_a_line(self) -> None:
        self.assertEqual(exportCsv([Parcel("P1", "Ann", "north", 800)]), "P1,Ann,800\r\n")
