"""The rows of one object, kept in order of (SystemModstamp, Id) beside the order of creation."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from localcrm.salesforce.fields import Row
from localcrm.salesforce.ids import make_id

_LATEST = "\U0010ffff"


def stamp_of(row: Row) -> str:
    """The row's place in time: SystemModstamp, or CreatedDate where an object has none."""
    found: str = row.get("SystemModstamp") or row.get("CreatedDate") or ""
    return found


class Table:
    """Sparse rows (absent = null) by id. Not thread-safe: the org holds the lock."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.rows: dict[str, Row] = {}
        self._order: list[tuple[str, str]] = []
        self._sorted = True
        self._made = 0
        self._indexes: dict[str, dict[str, dict[str, None]]] = {}

    def next_id(self) -> str:
        self._made += 1
        return make_id(self.prefix, self._made)

    def put(self, row: Row) -> None:
        """Insert a new row; it must have its ``Id`` and stamps."""
        self.rows[row["Id"]] = row
        self._index(row)
        if self._sorted:
            insort(self._order, (stamp_of(row), row["Id"]))

    def put_all(self, rows: Iterable[Row]) -> None:
        """Insert many at once; the order is made when it is first needed."""
        for row in rows:
            self.rows[row["Id"]] = row
        self._sorted = False
        self._indexes.clear()

    def replace(self, row: Row) -> None:
        """Put a changed copy in the place of the row of the same id."""
        before = self.rows[row["Id"]]
        if self._sorted:
            self._forget(before)
            insort(self._order, (stamp_of(row), row["Id"]))
        self._unindex(before)
        self.rows[row["Id"]] = row
        self._index(row)

    def remove(self, record_id: str) -> None:
        """Drop a row for good."""
        if self._sorted:
            self._forget(self.rows[record_id])
        self._unindex(self.rows[record_id])
        del self.rows[record_id]

    def having(self, field: str, value: str) -> list[Row]:
        """Rows whose text ``field`` equals ``value``, case not counted, in order of creation."""
        found = self._indexes.get(field)
        if found is None:
            found = self._indexes[field] = {}
            for row in self.rows.values():
                if isinstance(row.get(field), str):
                    found.setdefault(row[field].lower(), {})[row["Id"]] = None
        return [self.rows[one] for one in found.get(value.lower(), ())]

    def between(self, low: str, high: str | None) -> Iterator[Row]:
        """Rows with low <= stamp <= high in order of (stamp, Id)."""
        order = self._ordered()
        first = bisect_left(order, (low, ""))
        last = len(order) if high is None else bisect_left(order, (high, _LATEST))
        rows = self.rows
        for place in range(first, last):
            yield rows[order[place][1]]

    def settle(self) -> None:
        """Make the order now, so that the first reader need not wait for it."""
        self._ordered()

    def _index(self, row: Row) -> None:
        for field, index in self._indexes.items():
            if isinstance(row.get(field), str):
                index.setdefault(row[field].lower(), {})[row["Id"]] = None

    def _unindex(self, row: Row) -> None:
        for field, index in self._indexes.items():
            if isinstance(row.get(field), str):
                index[row[field].lower()].pop(row["Id"], None)

    def _forget(self, row: Row) -> None:
        del self._order[bisect_left(self._order, (stamp_of(row), row["Id"]))]

    def _ordered(self) -> list[tuple[str, str]]:
        if not self._sorted:
            self._order = sorted((stamp_of(row), row["Id"]) for row in self.rows.values())
            self._sorted = True
        return self._order
