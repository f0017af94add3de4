"""Undoes a call that was to succeed as a whole: tables and fields as they were before it."""

from __future__ import annotations

from localcrm.salesforce.fields import Row
from localcrm.salesforce.org import Org


class Savepoint:
    """Remembers every table's rows (not their ids' counters, which real ids burn too).

    Rows are replaced, never changed in place, by the writing of records, so remembering the
    mapping is enough.
    """

    def __init__(self, org: Org) -> None:
        self._org = org
        self._rows = {name: dict(table.rows) for name, table in org.tables.items()}
        self._fields = {name: dict(kind.fields) for name, kind in org.types.items()}

    def changes(self) -> dict[str, list[Row]]:
        """The rows put or replaced since, by object."""
        found: dict[str, list[Row]] = {}
        for name, table in self._org.tables.items():
            before = self._rows[name]
            rows = [row for key, row in table.rows.items() if before.get(key) is not row]
            if rows:
                found[name] = rows
        return found

    def roll_back(self) -> None:
        """Put rows and fields back."""
        for name, table in self._org.tables.items():
            if table.rows != self._rows[name]:
                table.rows.clear()
                table.put_all(self._rows[name].values())
        for name, kind in self._org.types.items():
            if kind.fields != self._fields[name]:
                kind.become(self._fields[name])
        self._org.forget_grants()
