"""Rows on their way into HubSpot in full batches, and the receipt each of them gets.

A batch neither succeeds nor fails as a whole, and its results come in any order: rows carry a
trace id. A batch that one row spoils is halved until that row stands alone. Batches of one kind of
rows are independent, so several are in flight at once.
Not here: which rows there are (``write``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from connectors.base import Receipt, ReceiptStatus
from connectors.errors import BudgetSpent, CrmError, OutcomeUnknown, Unauthorised, Unavailable
from connectors.hubspot.client import BATCH, Client, Reply, chunks
from connectors.hubspot.fields import TASK_KEY
from connectors.hubspot.flight import in_flight
from connectors.hubspot.refusals import Refused, code_of, message_for

AT_ONCE = 10  # all batches of the 1,000 changes that are delivered together
# A row refused for one of these is fine in itself: a later run may write it.
_PASSING = frozenset(
    {"CONFLICT", "LOCKED", "RATE_LIMITS", "RATE_LIMIT", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE"}
)
GONE = "OBJECT_NOT_FOUND"
# The account's properties are others than we thought: the next run's check tells, whatever the record is.
_OF_THE_SCHEMA = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"})
_NOTHING_LOST = frozenset({ReceiptStatus.UNCHANGED, ReceiptStatus.DEFERRED})

Send = Callable[[str, Sequence[Mapping[str, Any]]], Reply]


@dataclass(frozen=True, slots=True)
class Row:
    """One record to write for the changes with these numbers; without an id it is a new one.

    ``by``: a unique property by which HubSpot finds the record, or makes it.
    """

    numbers: tuple[int, ...]
    properties: Mapping[str, str]
    id: str = ""
    associations: tuple[Mapping[str, Any], ...] = ()
    by: str = ""

    @property
    def trace(self) -> str:
        return f"row-{self.numbers[0]}"

    def input(self) -> Mapping[str, Any]:
        """The row as HubSpot's batch endpoints take it."""
        shared = {"properties": dict(self.properties), "objectWriteTraceId": self.trace}
        if self.by:
            return {**shared, "idProperty": self.by, "id": self.properties[self.by]}
        return {**shared, "id": self.id} if self.id else {**shared, "associations": list(self.associations)}


@dataclass(slots=True)
class Delivery:
    """The receipts of one ``apply``, by number of the change, and whether to go on at all.

    ``made``: ids of the records that an upsert did not find and made.
    """

    client: Client
    receipts: dict[int, Receipt] = field(default_factory=dict)
    stopped: str = ""
    made: set[str] = field(default_factory=set)
    _trouble: CrmError | None = None

    def settle(
        self, numbers: Sequence[int], status: ReceiptStatus, message: str = "", record_id: str = ""
    ) -> None:
        for number in numbers:
            self.receipts[number] = Receipt(status, record_id, message)

    def settle_gone(self, numbers: Sequence[int], message: str, record_id: str) -> None:
        """These are about a lead that is not there any more."""
        told = Receipt(ReceiptStatus.REJECTED, record_id, message, lead_is_gone=True)
        self.receipts.update(dict.fromkeys(numbers, told))

    def has_written(self, number: int) -> bool:
        receipt = self.receipts.get(number)
        return receipt is not None and receipt.status is ReceiptStatus.WRITTEN

    def update(self, kind: str, rows: Sequence[Row]) -> None:
        self._batches(kind, _once_each(rows), self.client.update)

    def create(self, kind: str, rows: Sequence[Row]) -> None:
        self._batches(kind, rows, self.client.create)

    def upsert(self, kind: str, rows: Sequence[Row]) -> None:
        self._batches(kind, rows, self.client.upsert)

    def attempt(self, call: Callable[[], object], numbers: Sequence[int] = ()) -> bool:
        """Make a call that ``numbers`` depend on; False when they are deferred instead."""
        refused = ""
        if not self.stopped:
            try:
                call()
            except Refused as error:
                refused = str(error)
            except (Unavailable, Unauthorised, BudgetSpent) as error:
                self._stop(error)
                self._raise_trouble()
        if refused or self.stopped:
            self.settle(numbers, ReceiptStatus.DEFERRED, refused or self.stopped)
        return not (refused or self.stopped)

    def _batches(self, kind: str, rows: Sequence[Row], send: Send) -> None:
        """No batch begins after trouble with the whole connection; those in flight bring their receipts."""
        jobs = [partial(self._send, kind, part, send) for part in chunks(rows, BATCH)]
        in_flight(jobs, AT_ONCE)
        self._raise_trouble()

    def _stop(self, error: CrmError) -> None:
        self.stopped = self.stopped or str(error)
        if isinstance(error, Unauthorised | BudgetSpent):
            self._trouble = self._trouble or error

    def _raise_trouble(self) -> None:
        """Raise trouble of the whole connection, unless receipts already given would be lost by it."""
        is_lost = any(one.status not in _NOTHING_LOST for one in list(self.receipts.values()))
        if self._trouble is not None and not is_lost:
            raise self._trouble

    def _send(self, kind: str, rows: Sequence[Row], send: Send) -> None:
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
            # an upsert was repeated in vain, but one of the attempts may have been applied
            maybe = isinstance(error, Unavailable) and bool(rows[0].by)
            status = ReceiptStatus.UNKNOWN if maybe else ReceiptStatus.DEFERRED
            self.settle(numbers, status, str(error))
        else:
            self._receive(rows, reply)

    def _refuse(self, row: Row, code: str) -> None:
        kind = code.split(" on ", maxsplit=1)[0]
        passes = kind in _PASSING or kind in _OF_THE_SCHEMA
        status = ReceiptStatus.DEFERRED if passes else ReceiptStatus.REJECTED
        if kind in _OF_THE_SCHEMA:
            self.client.forget_schemas()
        if kind == GONE:
            self.settle_gone(row.numbers, message_for(code), row.id)
            return
        self.settle(row.numbers, status, message_for(code), row.id)

    def _receive(self, rows: Sequence[Row], reply: Reply) -> None:
        """Give every row its receipt by trace id, else by record id or task key."""
        open_rows = {row.trace: row for row in rows}
        for result in reply.results:
            row = _row_of(result, open_rows)
            if row is not None:
                del open_rows[row.trace]
                self._accept(row, result)
        for error in reply.body.get("errors") or ():
            for row in _rows_of(error, open_rows):
                del open_rows[row.trace]
                self._refuse(row, code_of(error))
        for row in open_rows.values():
            status = ReceiptStatus.DEFERRED if row.id else ReceiptStatus.UNKNOWN
            self.settle(row.numbers, status, "HubSpot's answer does not mention this record", row.id)

    def _accept(self, row: Row, result: Mapping[str, Any]) -> None:
        record_id = str(result.get("id") or row.id)
        if row.id and record_id != row.id:
            told = f"it was merged into {record_id} in HubSpot, which is looked at again in the next run"
            self.settle_gone(row.numbers, told, record_id)
            return
        if result.get("new"):
            self.made.add(record_id)
        self.settle(row.numbers, ReceiptStatus.WRITTEN, record_id=record_id)


def _once_each(rows: Sequence[Row]) -> list[Row]:
    """Rows of the same record as one: HubSpot refuses a batch that names a record twice."""
    merged: dict[str, Row] = {}
    for row in rows:
        before = merged.get(row.id)
        if before is not None:
            properties = {**before.properties, **row.properties}
            row = replace(row, numbers=(*before.numbers, *row.numbers), properties=properties)  # noqa: PLW2901
        merged[row.id] = row
    return list(merged.values())


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
