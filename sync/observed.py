"""Each lead of the store as it was at its landmark, written down column by column, for learning.

A lead takes a few dozen bytes here, so a million fit in memory. Values that could name a person are left out.
Not here: which leads may be counted, and what they teach (``sla_engine.learning``).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from sla_engine.agreement import Agreement
from sla_engine.behaviour import Behaviour
from sla_engine.history import fields_at, known_by
from sla_engine.interest import BEHAVIOUR
from sla_engine.learning.audit import EditedAfter
from sla_engine.learning.cohort import Ends
from sla_engine.learning.sample import Bools, Feature, Ints, Presence, Sample
from sla_engine.lifecycle import REJECTED
from sla_engine.model import Activity, ActivityKind, ActorKind, LeadHistory, LifecycleStage, Value
from sync.field_columns import NEVER, FieldColumn, names_people, nothing_known
from sync.personal import could_name_somebody
from sync.store.packing import micros

_BEFORE_CREATION = timedelta(days=1)  # the form that made the lead belongs to it
_WORK = frozenset({ActivityKind.CALL, ActivityKind.EMAIL, ActivityKind.MEETING})
_WON = {
    "opportunity": frozenset({LifecycleStage.OPPORTUNITY, LifecycleStage.CUSTOMER}),
    "customer": frozenset({LifecycleStage.CUSTOMER}),
}
_CONTENT_LEADS, _CONTENT_LINES = 30, 60
_NAMED_FROM = 15  # so many leads have it in common: it tells nothing of one of them
_MICROSECOND = timedelta(microseconds=1)
_SALES_DECIDED = frozenset(LifecycleStage) - {LifecycleStage.INQUIRY, LifecycleStage.MQL}


@dataclass(slots=True)
class Observed:
    """Leads written down one after the other, as they were known at ``as_of`` (aware).

    ``agreement`` says what counts and when the landmark is.
    """

    agreement: Agreement
    as_of: datetime
    ids: list[str] = field(default_factory=list)
    _began: array[int] = field(default_factory=lambda: array("q"))
    _won_at: array[int] = field(default_factory=lambda: array("q"))
    _closed_at: array[int] = field(default_factory=lambda: array("q"))
    _worked_at: array[int] = field(default_factory=lambda: array("q"))
    _bad_data: bytearray = field(default_factory=bytearray)
    _accounts: array[int] = field(default_factory=lambda: array("q"))
    _account_codes: dict[str, int] = field(default_factory=dict)
    _columns: dict[str, FieldColumn] = field(default_factory=dict)
    _rows: dict[tuple[str, ActivityKind, str], array[int]] = field(default_factory=dict)

    def add(self, history: LeadHistory) -> None:
        """One lead, unless it had not begun by then (or was never handed over, where that counts)."""
        history = known_by(history, self.as_of)
        began = self._begin(history)
        if began is None or began > self.as_of:
            return
        landmark = began + self.agreement.learning.landmark
        row = len(self.ids)
        self.ids.append(history.lead.id)
        won_at, closed_at = self._ends(history, began)
        self._began.append(micros(began))
        self._won_at.append(NEVER if won_at is None else micros(won_at))
        self._closed_at.append(NEVER if closed_at is None else micros(closed_at))
        worked_at = _worked_at(history)
        self._worked_at.append(NEVER if worked_at is None else micros(worked_at))
        self._bad_data.append(self._had_bad_data(history))
        fields = fields_at(history, landmark)
        account = str(fields.get(self.agreement.learning.account) or "").strip().casefold()
        codes = self._account_codes
        self._accounts.append(codes.setdefault(account, len(codes)) if account else NEVER)
        self._note_fields(row, fields)
        self._note_late_edits(history, won_at, closed_at or landmark)
        self._note_activities(row, history, fields, landmark)

    def extend(self, other: Observed) -> None:
        """Leads written down elsewhere, after these."""
        size, added = len(self.ids), len(other.ids)
        self.ids += other.ids
        self._began += other._began
        self._won_at += other._won_at
        self._closed_at += other._closed_at
        self._worked_at += other._worked_at
        self._bad_data += other._bad_data
        known = [
            self._account_codes.setdefault(one, len(self._account_codes)) for one in other._account_codes
        ]
        self._accounts.extend(known[code] if code != NEVER else code for code in other._accounts)
        for name in sorted({*self._columns, *other._columns}):
            more = other._columns.get(name) or nothing_known(added)
            self._columns.setdefault(name, nothing_known(size)).extend(more)
        for key, rows in other._rows.items():
            self._rows.setdefault(key, array("q")).extend(row + size for row in rows)

    def ends(self, horizon: timedelta | None = None) -> Ends:
        """When each lead began and ended; worked counts until ``horizon`` after the landmark (None: ever)."""
        began, worked_at = np.frombuffer(self._began, np.int64), np.frombuffer(self._worked_at, np.int64)
        worked = worked_at != NEVER
        if horizon is not None:
            worked &= worked_at <= began + (self.agreement.learning.landmark + horizon) // _MICROSECOND
        return Ends(
            began,
            np.frombuffer(self._won_at, np.int64),
            np.frombuffer(self._closed_at, np.int64),
            worked,
            np.frombuffer(bytes(self._bad_data), np.bool_),
        )

    def looked_at_before(self, instant: datetime) -> Bools:
        """The leads whose landmark lies before an instant."""
        landmark = self.agreement.learning.landmark // _MICROSECOND
        before: Bools = np.frombuffer(self._began, np.int64) + landmark < micros(instant)
        return before

    def sample(self, mask: Bools, won: Bools) -> Sample:
        """The counted leads, with what was known of each at its landmark."""
        place = np.cumsum(mask) - 1
        presences = tuple(self._presences(mask, place))
        fields = [column.feature(name, mask) for name, column in sorted(self._columns.items())]
        behaviour = self._behaviour(mask, place, int(mask.sum()))
        return Sample(
            won,
            np.frombuffer(self._began, np.int64)[mask],
            (*(one for one in fields if one is not None), *behaviour),
            presences,
            np.frombuffer(self._accounts, np.int64)[mask] if self._account_codes else None,
        )

    def edited_after(self) -> dict[str, EditedAfter]:
        """For each field, the share of leads in which it was edited after the end."""
        won = sum(1 for at in self._won_at if at != NEVER)
        others = len(self.ids) - won
        return {
            name: EditedAfter(column.late_won / max(won, 1), column.late_others / max(others, 1))
            for name, column in self._columns.items()
        }

    def _begin(self, history: LeadHistory) -> datetime | None:
        if self.agreement.learning.begins == "created":
            return history.lead.created_at
        handed = (one.at for one in history.stages if one.stage is LifecycleStage.MQL)
        return next(handed, None)

    def _ends(self, history: LeadHistory, began: datetime) -> tuple[datetime | None, datetime | None]:
        wins = _WON[self.agreement.learning.outcome]
        won = next((one.at for one in history.stages if one.stage in wins), None)
        later = (one.at for one in history.stages if one.at >= began and one.stage in REJECTED)
        return won, next(later, None)

    def _had_bad_data(self, history: LeadHistory) -> bool:
        bad = {one.casefold() for one in self.agreement.learning.bad_data}
        told = [one.reason for one in history.stages if one.stage in REJECTED]
        return any(reason.casefold() in bad for reason in (*told, history.lead.reason))

    def _note_fields(self, row: int, fields: Mapping[str, Value]) -> None:
        wanted = self.agreement.learning.fields or ()
        for name in wanted or fields:
            if name not in wanted and (names_people(name) or name == self.agreement.learning.account):
                continue
            if name not in self._columns:
                self._columns[name] = nothing_known(row)
        for name, column in self._columns.items():
            column.add(fields.get(name))

    def _note_late_edits(self, history: LeadHistory, won_at: datetime | None, ended: datetime) -> None:
        end = won_at or ended
        for name in {one.field for one in history.fields if one.at > end}:
            column = self._columns.get(name)
            if column is not None and won_at is not None:
                column.late_won += 1
            elif column is not None:
                column.late_others += 1

    def _note_activities(
        self, row: int, history: LeadHistory, fields: Mapping[str, Value], landmark: datetime
    ) -> None:
        behaviour = Behaviour(history, self.agreement.interest, fields)
        earliest = landmark - self.window
        found: set[tuple[str, ActivityKind, str]] = set()
        for one in history.activities:
            at, kind = one.at, one.kind
            if at > landmark:
                break
            if one.planned_for is not None or at <= earliest or one.known_at > self.as_of:
                continue
            if kind in BEHAVIOUR:
                if behaviour.counts(one, landmark, for_score=True):
                    found.add(("activity", kind, ""))
                    if one.content:
                        found.add(("content", kind, one.content))
            elif _is_work(one):
                found.add(("activity", kind, ""))
        for key in found:
            self._rows.setdefault(key, array("q")).append(row)

    @property
    def window(self) -> timedelta:
        """How long before the landmark an activity counts: since creation, and the day before."""
        return self.agreement.learning.landmark + _BEFORE_CREATION

    def _presences(self, mask: Bools, place: Ints) -> Iterable[Presence]:
        for (family, kind, content), rows in sorted(self._rows.items()):
            name = f"{kind.value}: {content}" if content else kind.value
            counted = _placed(rows, mask, place)
            if family == "activity":
                yield Presence(name, "activity", counted)
            elif counted.size >= _NAMED_FROM and not could_name_somebody(content):
                yield Presence(name, "content", counted)

    def _behaviour(self, mask: Bools, place: Ints, size: int) -> list[Feature]:
        """What leads did themselves, as columns: each kind, and the pieces of content seen most."""
        kinds, pieces = [], []
        for (family, kind, content), rows in sorted(self._rows.items()):
            if kind in _WORK or kind is ActivityKind.EMAIL_OPEN:
                continue
            counted = _placed(rows, mask, place)
            if family == "activity":
                kinds.append((kind.value, kind, "", counted))
            elif counted.size >= _CONTENT_LEADS and not could_name_somebody(content):
                pieces.append((f"{kind.value}: {content}", kind, content, counted))
        pieces.sort(key=lambda one: (-one[3].size, one[0]))
        return [self._feature(*one, size) for one in (*kinds, *pieces[:_CONTENT_LINES])]

    def _feature(self, name: str, kind: ActivityKind, content: str, rows: Ints, size: int) -> Feature:
        values = np.zeros(size, np.int64)
        values[rows] = 1
        return Feature(
            name, "interest", "yes_no", values, (), "good", activity=kind, content=content, window=self.window
        )


def _placed(rows: Sequence[int], mask: Bools, place: Ints) -> Ints:
    """Rows of all leads as rows of the counted ones."""
    every = np.asarray(rows, np.int64)
    found: Ints = place[every[mask[every]]]
    return found


def _is_work(one: Activity) -> bool:
    return one.kind in _WORK and one.actor_kind is ActorKind.PERSON


def _worked_at(history: LeadHistory) -> datetime | None:
    """When somebody in sales first did something: a lead nobody touched was never lost, only never tried."""
    deeds = [one.at for one in history.activities if _is_work(one) and one.planned_for is None]
    moves = [
        one.at for one in history.stages if one.actor_kind is ActorKind.PERSON and one.stage in _SALES_DECIDED
    ]
    return min((*deeds[:1], *moves[:1]), default=None)
