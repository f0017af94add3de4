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
from sync.store.packing import micros

_BEFORE_CREATION = timedelta(days=1)  # the form that made the lead belongs to it
_WORK = frozenset({ActivityKind.CALL, ActivityKind.EMAIL, ActivityKind.MEETING})
_WON = {
    "opportunity": frozenset({LifecycleStage.OPPORTUNITY, LifecycleStage.CUSTOMER}),
    "customer": frozenset({LifecycleStage.CUSTOMER}),
}
_MOST_LEVELS = 1_000
_CONTENT_LEADS, _CONTENT_LINES = 30, 60
_PERSONAL = frozenset({"last_name", "first_name", "name", "email", "phone", "mobile"})
_NEVER = -1


@dataclass(slots=True)
class _Column:
    """One field's values, lead by lead: texts as codes, numbers as they are."""

    codes: array[int] = field(default_factory=lambda: array("q"))
    numbers: array[float] = field(default_factory=lambda: array("d"))
    levels: dict[str, int] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    late_won: int = 0
    late_others: int = 0

    def add(self, value: Value) -> None:
        code, number = _NEVER, float("nan")
        if isinstance(value, bool):
            self.kinds.add("yes_no")
            code = int(value)
        elif isinstance(value, int | float):
            self.kinds.add("number")
            number = float(value)
        elif isinstance(value, datetime):
            self.kinds.add("date")
        elif value:
            self.kinds.add("category")
            code = self.levels.setdefault(value.strip(), len(self.levels)) if self.has_few_levels else _NEVER
        self.codes.append(code)
        self.numbers.append(number)

    def extend(self, other: _Column) -> None:
        """The values of other leads after these."""
        texts = list(other.levels)
        codes = [self.levels.setdefault(text, len(self.levels)) for text in texts]
        is_text = bool(texts)
        self.codes.extend(codes[code] if is_text and code != _NEVER else code for code in other.codes)
        self.numbers.extend(other.numbers)
        self.kinds |= other.kinds
        self.late_won += other.late_won
        self.late_others += other.late_others

    @property
    def has_few_levels(self) -> bool:
        return len(self.levels) <= _MOST_LEVELS

    def feature(self, name: str, rows: Bools) -> Feature | None:
        """The column of the counted leads; None for dates, mixtures and texts that are all different."""
        if len(self.kinds) != 1 or not self.has_few_levels:
            return None
        (kind,) = self.kinds
        if kind == "number":
            return Feature(name, "fit", "number", np.frombuffer(self.numbers, np.float64)[rows])
        codes = np.frombuffer(self.codes, np.int64)[rows]
        if kind == "yes_no":
            return Feature(name, "fit", "yes_no", codes)
        return Feature(name, "fit", "category", codes, tuple(self.levels)) if kind == "category" else None


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
    _worked: bytearray = field(default_factory=bytearray)
    _bad_data: bytearray = field(default_factory=bytearray)
    _accounts: array[int] = field(default_factory=lambda: array("q"))
    _account_codes: dict[str, int] = field(default_factory=dict)
    _columns: dict[str, _Column] = field(default_factory=dict)
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
        self._won_at.append(_NEVER if won_at is None else micros(won_at))
        self._closed_at.append(_NEVER if closed_at is None else micros(closed_at))
        self._worked.append(won_at is not None or _was_worked(history))
        self._bad_data.append(self._had_bad_data(history))
        fields = fields_at(history, landmark)
        account = str(fields.get(self.agreement.learning.account) or "").strip().casefold()
        codes = self._account_codes
        self._accounts.append(codes.setdefault(account, len(codes)) if account else _NEVER)
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
        self._worked += other._worked
        self._bad_data += other._bad_data
        known = [
            self._account_codes.setdefault(one, len(self._account_codes)) for one in other._account_codes
        ]
        self._accounts.extend(known[code] if code != _NEVER else code for code in other._accounts)
        for name in sorted({*self._columns, *other._columns}):
            self._columns.setdefault(name, _nothing(size)).extend(other._columns.get(name) or _nothing(added))
        for key, rows in other._rows.items():
            self._rows.setdefault(key, array("q")).extend(row + size for row in rows)

    def ends(self) -> Ends:
        """When each lead began and ended."""
        return Ends(
            np.frombuffer(self._began, np.int64),
            np.frombuffer(self._won_at, np.int64),
            np.frombuffer(self._closed_at, np.int64),
            np.frombuffer(bytes(self._worked), np.bool_),
            np.frombuffer(bytes(self._bad_data), np.bool_),
        )

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
        won = sum(1 for at in self._won_at if at != _NEVER)
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
            if name not in wanted and (name in _PERSONAL or name == self.agreement.learning.account):
                continue
            if name not in self._columns:
                self._columns[name] = _nothing(row)
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
            elif counted.size:
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
            elif counted.size >= _CONTENT_LEADS:
                pieces.append((f"{kind.value}: {content}", kind, content, counted))
        pieces.sort(key=lambda one: (-one[3].size, one[0]))
        return [self._feature(*one, size) for one in (*kinds, *pieces[:_CONTENT_LINES])]

    def _feature(self, name: str, kind: ActivityKind, content: str, rows: Ints, size: int) -> Feature:
        values = np.zeros(size, np.int64)
        values[rows] = 1
        return Feature(
            name, "interest", "yes_no", values, (), "good", activity=kind, content=content, window=self.window
        )


def _nothing(leads: int) -> _Column:
    """A column of which nobody knows anything yet."""
    return _Column(array("q", [_NEVER]) * leads, array("d", [float("nan")]) * leads)


def _placed(rows: Sequence[int], mask: Bools, place: Ints) -> Ints:
    """Rows of all leads as rows of the counted ones."""
    every = np.asarray(rows, np.int64)
    found: Ints = place[every[mask[every]]]
    return found


def _is_work(one: Activity) -> bool:
    return one.kind in _WORK and one.actor_kind is ActorKind.PERSON


def _was_worked(history: LeadHistory) -> bool:
    """Whether anybody did anything: a lead nobody touched was never lost, only never tried."""
    return any(_is_work(one) for one in history.activities) or any(
        one.actor_kind is ActorKind.PERSON for one in history.stages
    )
