"""Where parcels are kept: one SQLite table."""

import sqlite3
from dataclasses import astuple, dataclass

COLUMNS = "number TEXT PRIMARY KEY, customer TEXT, zone TEXT, weight INTEGER, status TEXT"


@dataclass(frozen=True)
class Parcel:
    """One parcel. `weight` is in grams."""

    number: str
    customer: str
    zone: str
    weight: int
    status: str = "accepted"


class Store:
    """The parcels of one database file."""

    def __init__(self, path: str = ":memory:") -> None:
        self._db = sqlite3.connect(path)
        self._db.execute("CREATE TABLE IF NOT EXISTS parcels (" + COLUMNS + ")")

    def save(self, parcel: Parcel) -> None:
        """Keep `parcel`, in place of the one of the same number."""
        self._db.execute("INSERT OR REPLACE INTO parcels VALUES (?, ?, ?, ?, ?)", astuple(parcel))
        self._db.commit()

    def find(self, number: str) -> Parcel | None:
        """The parcel of this number, None if there is none."""
        row = self._db.execute("SELECT * FROM parcels WHERE number = ?", (number,)).fetchone()
        return Parcel(*row) if row else None

    def search(self, name: str) -> list[Parcel]:
        """The parcels of all customers whose name contains `name`."""
        rows = self._db.execute(f"SELECT * FROM parcels WHERE customer LIKE '%{name}%'")
        return [Parcel(*row) for row in rows]

    def close(self) -> None:
        """Let go of the database file."""
        self._db.close()
