"""Transactions that end after they have stamped their rows: Salesforce's late commits, and row locks.

A row saved in a long transaction keeps the SystemModstamp of the saving and becomes visible only with the
commit, behind the back of whoever has read past that stamp (airbyte#27146).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import Row
from localcrm.salesforce.tables import Table


@dataclass(frozen=True, slots=True)
class Transaction:
    """Rows saved but not committed. ``stamped`` is their canonical stamp; ``commits_at`` is aware."""

    stamped: str
    commits_at: datetime
    rows: dict[str, list[Row]]  # by object

    def ids(self) -> set[str]:
        """The records it holds locked."""
        return {row["Id"] for rows in self.rows.values() for row in rows}


class LateCommits:
    """The open transactions, and how often each locked row still refuses. The org's lock guards it."""

    def __init__(self, tables: dict[str, Table]) -> None:
        self._tables = tables
        self._open: list[Transaction] = []
        self._locked: dict[str, int] = {}

    def begin(self, transaction: Transaction) -> None:
        """Hold these rows back until the transaction commits."""
        self._open.append(transaction)

    def settle(self, now: datetime) -> None:
        """Make the rows of every transaction that is over by ``now`` visible."""
        due = [one for one in self._open if one.commits_at <= now]
        self._open = [one for one in self._open if one.commits_at > now]
        for transaction in due:
            for name, rows in transaction.rows.items():
                table = self._tables[name]
                for row in rows:
                    (table.replace if row["Id"] in table.rows else table.put)(row)

    def oldest(self) -> str | None:
        """The stamp of the oldest open transaction, which no reader may pass."""
        return min((one.stamped for one in self._open), default=None)

    def lock(self, record_id: str, times: int) -> None:
        """Let the next ``times`` saves of a record fail."""
        self._locked[record_id] = times

    def check(self, record_id: str) -> None:
        """Raise UNABLE_TO_LOCK_ROW while somebody else holds the record."""
        left = self._locked.get(record_id, 0)
        if left:
            self._locked[record_id] = left - 1
        if left or any(record_id in one.ids() for one in self._open):
            text = f"unable to obtain exclusive access to this record or 1 records: {record_id}"
            raise ApiError("UNABLE_TO_LOCK_ROW", text)
