"""Rows on their way into HubSpot in full batches, and the receipt each of them gets.

A batch neither succeeds nor fails as a whole, and its results come in any order: rows carry a
trace id. A batch that one row spoils is halved until that row stands alone.
Not here: which rows there are (``write``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.base import Receipt, ReceiptStatus
from connectors.errors import BudgetSpent, CrmError, OutcomeUnknown, Unauthorised, Unavailable
from connectors.hubspot.client import BATCH, Client, Reply, chunks
from connectors.hubspot.fields import TASK_KEY
from connectors.hubspot.refusals import Refused, code_of, message_for

# A row refused for one of these is fine in itself: a later run may write it.
_PASSING = frozenset(
    {"CONFLICT", "LOCKED", "RATE_LIMITS", "RATE_LIMIT", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE"}
)


@dataclass(frozen=True, slots=True)
class Row:
    """One record to write for the changes with these numbers; without an id it is a new one."""

    numbers: tuple[int, ...]
    properties: Mapping[str, str]
    id: str = ""
    associations: tuple[Mapping[str, Any], ...] = ()

    @property
    def trace(self) -> str:
        return f"row-{self.numbers[0]}"

    def input(self) -> Mapping[str, Any]:
        """The row as HubSpot's batch endpoints take it."""
        shared = {"properties": dict(self.properties), "objectWriteTraceId": self.trace}
        return {**shared, "id": self.id} if self.id else {**shared, "associations": list(self.associations)}


@dataclass(slots=True)
class Delivery:
    """The receipts of one ``apply``, by number of the change, and whether to go on at all."""

    client: Client
    receipts: dict[int, Receipt] = field(default_factory=dict)
    stopped: str = ""

    def settle(
        self, numbers: Sequence[int], status: ReceiptStatus, message: str = "", record_id: str = ""
    ) -> None:
        for number in numbers:
            self.receipts[number] = Receipt(status, record_id, message)

    def update(self, kind: str, rows: Sequence[Row]) -> None:
        for part in chunks(rows, BATCH):
            self._send(kind, part, self.client.update)

    def create(self, kind: str, rows: Sequence[Row]) -> None:
        for part in chunks(rows, BATCH):
            self._send(kind, part, self.client.create)

    def attempt(self, read: Callable[[], None], numbers: Sequence[int]) -> bool:
        """Run what must be read before ``numbers`` can be written; False when they are deferred instead."""
        if not self.stopped:
            try:
                read()
            except (Unavailable, Unauthorised, BudgetSpent) as error:
                self._stop(error)
        if self.stopped:
            self.settle(numbers, ReceiptStatus.DEFERRED, self.stopped)
        return not self.stopped

    def _stop(self, error: CrmError) -> None:
        """Raise trouble of the whole connection, unless receipts already given would be lost by it."""
        is_whole = isinstance(error, Unauthorised | BudgetSpent)
        if is_whole and not any(one.status is not ReceiptStatus.UNCHANGED for one in self.receipts.values()):
            raise error
        self.stopped = str(error)

    def _send(
        self, kind: str, rows: Sequence[Row], send: Callable[[str, Sequence[Mapping[str, Any]]], Reply]
    ) -> None:
        numbers = [number for row in rows for number in row.numbers]
        if self.stopped:
            self.settle(numbers, ReceiptStatus.DEFERRED, self.stopped)
            return
        try:
            reply = send(kind, [row.input() for row in rows])
        except OutcomeUnknown as error:
            self.settle(numbers, ReceiptStatus.UNKNOWN, str(error))
        except Refused as error:
            if len(rows) == 1:
                self._refuse(rows[0], error.code)
                return
            self._send(kind, rows[: len(rows) // 2], send)
            self._send(kind, rows[len(rows) // 2 :], send)
        except (Unavailable, Unauthorised, BudgetSpent) as error:
            self._stop(error)
            self.settle(numbers, ReceiptStatus.DEFERRED, self.stopped)
        else:
            self._receive(rows, reply)

    def _refuse(self, row: Row, code: str) -> None:
        passing = code.split(" on ", maxsplit=1)[0] in _PASSING
        status = ReceiptStatus.DEFERRED if passing else ReceiptStatus.REJECTED
        self.settle(row.numbers, status, message_for(code), row.id)

    def _receive(self, rows: Sequence[Row], reply: Reply) -> None:
        """Give every row its receipt by trace id, else by record id or task key."""
        open_rows = {row.trace: row for row in rows}
        for result in reply.results:
            row = _row_of(result, open_rows)
            if row is not None:
                del open_rows[row.trace]
                self.settle(row.numbers, ReceiptStatus.WRITTEN, record_id=str(result.get("id") or row.id))
        for error in reply.body.get("errors") or ():
            for row in _rows_of(error, open_rows):
                del open_rows[row.trace]
                self._refuse(row, code_of(error))
        for row in open_rows.values():
            status = ReceiptStatus.DEFERRED if row.id else ReceiptStatus.UNKNOWN
            self.settle(row.numbers, status, "HubSpot's answer does not mention this record", row.id)


def _row_of(result: Mapping[str, Any], rows: Mapping[str, Row]) -> Row | None:
    trace = result.get("objectWriteTraceId")
    if trace in rows:
        return rows[str(trace)]
    key = (result.get("properties") or {}).get(TASK_KEY)
    for row in rows.values():
        if row.id and row.id == str(result.get("id")):
            return row
        if not row.id and key and row.properties.get(TASK_KEY) == key:
            return row
    return None


def _rows_of(error: Mapping[str, Any], rows: Mapping[str, Row]) -> list[Row]:
    context = error.get("context") or {}
    traces = {str(one) for one in context.get("objectWriteTraceId") or ()}
    ids = {str(one) for name in ("ids", "id") for one in context.get(name) or ()}
    return [row for row in rows.values() if row.trace in traces or (row.id and row.id in ids)]
