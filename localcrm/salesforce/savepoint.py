"""Undoes a call that was to succeed as a whole: the tables as they were before it."""

from __future__ import annotations

from localcrm.salesforce.org import Org


class Savepoint:
    """Remembers every table's rows (not their ids' counters, which real ids burn too).

    Rows are replaced, never changed in place, by the writing of records, so remembering the
    mapping is enough.
    """

    def __init__(self, org: Org) -> None:
        self._org = org
        self._rows = {name: dict(table.rows) for name, table in org.tables.items()}

    def roll_back(self) -> None:
        """Put the rows back."""
        for name, table in self._org.tables.items():
            if table.rows != self._rows[name]:
                table.rows.clear()
                table.put_all(self._rows[name].values())
        self._org.forget_grants()
