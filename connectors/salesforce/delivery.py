"""Rows on their way into Salesforce in full batches, and the receipt each of them gets.

A batch neither succeeds nor fails as a whole; its answers come in the order of its rows. Batches are
independent, so several are in flight. Rows that somebody else holds are sent again, fewer at a time and
later; those that a trigger cannot do together are halved until they can. Not here: which rows there are.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from connectors.base import Receipt, ReceiptStatus
from connectors.errors import BudgetSpent, CrmError, OutcomeUnknown, Unauthorised, Unavailable
from connectors.salesforce.client import Client, RefusedCall, UnknownName
from connectors.salesforce.lanes import Lanes
from connectors.salesforce.record_refusals import AUTOMATION, LOCKED, Refusal, refusal_of

BATCH = 200
# Locked rows again: after so many seconds, so many at a time, one call after the other.
_LATER = ((1.0, 50), (3.0, 10), (6.0, 1))
# So many rows refused by a trigger though each was alone: it is not the number of them.
_ALONE_IS_ENOUGH = 5
_NOTHING_LOST = frozenset({ReceiptStatus.UNCHANGED, ReceiptStatus.DEFERRED})
_KEPT = "its fields are others than we thought; run `leadsla check`, then `leadsla provision`"


@dataclass(frozen=True, slots=True)
class Row:
    """One record to write. ``parts``: the number of each change that it carries out, with its values.

    Without an ``id`` it is a new record, or one that is found by the key in its values.
    """

    object: str
    parts: tuple[tuple[int, Mapping[str, Any]], ...]
    id: str = ""

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(number for number, _ in self.parts)

    @property
    def values(self) -> dict[str, Any]:
        return {name: value for _, values in self.parts for name, value in values.items()}

    def record(self) -> dict[str, Any]:
        """The row as a collection takes it."""
        own = {"Id": self.id} if self.id else {}
        return {"attributes": {"type": self.object}, **own, **self.values}

    def apart(self) -> list[Row]:
        return [Row(self.object, (part,), self.id) for part in self.parts]


@dataclass(frozen=True, slots=True)
class Deed:
    """A collections call. ``makes``: whether it may make records, so that a lost answer matters."""

    method: str
    path: str = "composite/sobjects"
    makes: bool = False


UPDATE = Deed("PATCH")
CREATE = Deed("POST", makes=True)


@dataclass(slots=True)
class Delivery:
    """The receipts of one ``apply``, by number of the change, and whether to go on at all.

    ``schema_changed``: Salesforce does not know a field that it showed us before. ``size``: how many rows
    the org's own triggers take together, as far as was found out.
    """

    client: Client
    lanes: Lanes
    receipts: dict[int, Receipt] = field(default_factory=dict)
    stopped: str = ""
    schema_changed: bool = False
    size: int = BATCH
    _trouble: CrmError | None = None
    _locked: list[Row] = field(default_factory=list)
    _alone: Counter[str] = field(default_factory=Counter)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def settle(self, row: Row, status: ReceiptStatus, message: str = "", record_id: str = "") -> None:
        """The receipt of everything this row carries out; a new record has its own ``record_id``."""
        for number in row.numbers:
            self.receipts[number] = Receipt(status, record_id or row.id, message)

    def attempt(self, call: Callable[[], object], rows: Sequence[Row]) -> bool:
        """Make a call that rows depend on; False when they are deferred instead."""
        if not self.stopped:
            try:
                call()
            except (OutcomeUnknown, RefusedCall) as error:
                self._defer(rows, str(error))
                return False
            except (Unavailable, Unauthorised, BudgetSpent) as error:
                self._stop(error)
                self._raise_trouble()
        if self.stopped:
            self._defer(rows, self.stopped)
        return not self.stopped

    def send(self, deed: Deed, rows: Sequence[Row]) -> None:
        """Every row gets its receipts. What is refused together is tried part by part."""
        self._with_patience(deed, rows)
        spoilt = [row for row in rows if len(row.parts) > 1 and self._is_refused(row)]
        alone = [row.apart() for row in spoilt]
        while alone:  # a batch must not name a record twice
            self._with_patience(deed, [parts.pop(0) for parts in alone])
            alone = [parts for parts in alone if parts]

    def refuse(self, row: Row, refusal: Refusal) -> None:
        """Salesforce did not take this row."""
        self.schema_changed = self.schema_changed or refusal.is_about_our_schema
        status = ReceiptStatus.DEFERRED if refusal.is_passing else ReceiptStatus.REJECTED
        is_gone = refusal.says_lead_is_gone(row.object)
        told = Receipt(status, row.id, str(refusal), lead_is_gone=is_gone)
        self.receipts.update(dict.fromkeys(row.numbers, told))

    def _with_patience(self, deed: Deed, rows: Sequence[Row]) -> None:
        self._batches(deed, rows, self.size)
        for seconds, size in _LATER:
            with self._lock:
                again, self._locked = self._locked, []
            if not again or self.stopped:
                break
            self.client.line.sleep(seconds)
            self._batches(deed, sorted(again, key=lambda row: row.id), size, is_careful=True)
        self._raise_trouble()
        self._locked.clear()

    def _batches(self, deed: Deed, rows: Sequence[Row], size: int, *, is_careful: bool = False) -> None:
        """No batch begins after trouble with the whole connection; those in flight bring their receipts.

        ``is_careful``: one after the other.
        """
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        if is_careful or len(parts) < 2:
            for part in parts:
                self._send(self.client, deed, part)
            return
        jobs = [self.lanes.begin(partial(self._send, deed=deed, rows=part)) for part in parts]
        try:
            wait(jobs)
        finally:  # interrupted: what is not begun does not begin
            self.stopped = self.stopped or ("" if all(job.done() for job in jobs) else "interrupted")
        for job in jobs:
            job.result()

    def _is_refused(self, row: Row) -> bool:
        return self.receipts[row.numbers[0]].status is ReceiptStatus.REJECTED

    def _defer(self, rows: Sequence[Row], message: str) -> None:
        for row in rows:
            self.settle(row, ReceiptStatus.DEFERRED, message)

    def _stop(self, error: CrmError) -> None:
        with self._lock:
            self.stopped = self.stopped or str(error)
            if isinstance(error, Unauthorised | BudgetSpent):
                self._trouble = self._trouble or error

    def _raise_trouble(self) -> None:
        """Raise trouble of the whole connection, unless receipts already given would be lost by it."""
        is_lost = any(one.status not in _NOTHING_LOST for one in list(self.receipts.values()))
        if self._trouble is not None and not is_lost:
            raise self._trouble

    def _send(self, client: Client, deed: Deed, rows: Sequence[Row]) -> None:
        if self.stopped:
            self._defer(rows, self.stopped)
            return
        body = {"allOrNone": False, "records": [row.record() for row in rows]}
        try:
            answers = client.rest(deed.method, deed.path, body)
        except OutcomeUnknown as error:
            for row in rows:
                self.settle(row, ReceiptStatus.UNKNOWN, str(error))
        except UnknownName:
            self.schema_changed = True
            self._defer(rows, _KEPT)
        except RefusedCall as error:
            self._halve(client, deed, rows, Refusal(error.code))
        except (Unavailable, Unauthorised, BudgetSpent) as error:
            self._stop(error)
            # an upsert was repeated in vain, but one of the attempts may have been applied
            maybe = deed.makes and isinstance(error, Unavailable)
            for row in rows:
                self.settle(row, ReceiptStatus.UNKNOWN if maybe else ReceiptStatus.DEFERRED, str(error))
        else:
            together = self._receive(deed, rows, answers)
            if together:
                self._fewer(client, deed, len(rows), together)

    def _receive(self, deed: Deed, rows: Sequence[Row], answers: Any) -> list[tuple[Row, Refusal]]:
        """Receipts by the order of the answers; what is left are rows that a trigger failed on together."""
        if not _fits(answers, rows):
            status = ReceiptStatus.UNKNOWN if deed.makes else ReceiptStatus.DEFERRED
            for row in rows:
                self.settle(row, status, "Salesforce's answer does not fit what was sent")
            return []
        together: list[tuple[Row, Refusal]] = []
        for row, answer in zip(rows, answers, strict=True):
            if answer.get("success"):
                self.settle(row, ReceiptStatus.WRITTEN, record_id=str(answer.get("id") or ""))
                continue
            refusal = refusal_of(answer)
            if refusal.code in AUTOMATION and len(rows) > 1:
                together.append((row, refusal))
                continue
            if refusal.code in LOCKED:
                with self._lock:
                    self._locked.append(row)
            if refusal.code in AUTOMATION:
                self._alone[refusal.code] += 1
            self.refuse(row, refusal)
        return together

    def _fewer(self, client: Client, deed: Deed, tried: int, failed: Sequence[tuple[Row, Refusal]]) -> None:
        """Rows that a trigger or flow failed on, fewer at a time; not for ever, if it fails on any."""
        refusal = failed[0][1]
        if self._alone[refusal.code] >= _ALONE_IS_ENOUGH:
            for row, why in failed:
                self.refuse(row, why)
            return
        rows = [row for row, _ in failed]
        if len(failed) < tried:
            self._send(client, deed, rows)
            return
        self.size = min(self.size, max(1, tried // 2))
        self._halve(client, deed, rows, refusal)

    def _halve(self, client: Client, deed: Deed, rows: Sequence[Row], refusal: Refusal) -> None:
        if len(rows) == 1:
            self.refuse(rows[0], refusal)
            return
        self._send(client, deed, rows[: len(rows) // 2])
        self._send(client, deed, rows[len(rows) // 2 :])


def _fits(answers: Any, rows: Sequence[Row]) -> bool:
    """Whether this is an answer for each row, and not a page of something in between."""
    is_list = isinstance(answers, list) and len(answers) == len(rows)
    return is_list and all(isinstance(one, Mapping) for one in answers)
