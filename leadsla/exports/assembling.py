"""Out of leads, counts and activities: the ``Sample`` that is learned from, in an order of its own.

Fields that are no features are dropped, each with a reason. Not here: which fields know the outcome
beforehand by their numbers (``sla_engine.learning.audit``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from leadsla.exports import naming, personal
from leadsla.exports.activities import BEFORE_CREATION, Done
from leadsla.exports.columns import Column, Ints
from leadsla.exports.counting import Counting
from leadsla.exports.kinds import engine_kind
from leadsla.exports.leads import Leads
from leadsla.exports.values import is_empty
from sla_engine.learning.sample import Feature, Presence, Sample, Sign
from sla_engine.model import ActivityKind

FEWEST_WITH = 5
MOST_PRESENCES = 2_000
MOST_CONTENT_LINES = 30
MOST_KIND_LINES = 40
_FEWEST_FOR_LINE = 30
_BAD_WORDS = frozenset({"unsubscribed", "bounced", "bounce", "optout", "opt"})
_BAD_KINDS = frozenset({ActivityKind.BOUNCE, ActivityKind.OPT_OUT})
_GOOD_KINDS = frozenset(
    {
        ActivityKind.EMAIL_OPEN,
        ActivityKind.EMAIL_CLICK,
        ActivityKind.EMAIL_REPLY,
        ActivityKind.PAGE_VISIT,
        ActivityKind.FORM,
        ActivityKind.EVENT,
        ActivityKind.HAND_RAISE,
    }
)

Why = Literal["role", "excluded", "personal", "empty", "date", "text", "set_later"]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A column that is no feature: why, and its role, or how many different values it has (0: very many)."""

    field: str
    why: Why
    role: str = ""
    distinct: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Assembled:
    """What is learned from, what was dropped, and how many pieces of content were too seldom to be tested."""

    sample: Sample
    dropped: tuple[Dropped, ...]
    seldom: int = 0


def assembled(
    leads: Leads, counting: Counting, done: Done | None, *, excluded: Sequence[str], kept: Sequence[str]
) -> Assembled:
    """The sample of the rows that count; sorted by time and content, so the order of rows changes nothing."""
    rows = np.flatnonzero(counting.mask)
    order = _order(leads, rows)
    keys = leads.fingerprint[rows] if order is None else order
    sorting = np.lexsort((leads.fingerprint[rows], keys))
    rows = rows[sorting]
    dropped = tuple(_dropped(leads, _meant(leads, excluded), _meant(leads, kept)))
    without = {one.field for one in dropped}
    columns = [one for one in leads.columns if one.name not in without]
    features = [_feature(one, rows) for one in columns]
    presences = [one for column in columns if naming.is_content(column.name) for one in _levels(column, rows)]
    seldom = 0
    if done is not None:
        joined = _Joined(leads, done, counting, rows)
        presences += joined.presences()
        features += joined.features({one.name for one in features})
        seldom = joined.seldom
    presences.sort(key=lambda one: (-one.rows.size, one.name))
    return Assembled(
        Sample(
            counting.won[sorting],
            None if order is None else order[sorting],
            tuple(features),
            tuple(presences[:MOST_PRESENCES]),
            None if leads.account is None else leads.account[rows],
        ),
        dropped,
        max(0, len(presences) - MOST_PRESENCES) + seldom,
    )


def _meant(leads: Leads, wanted: Iterable[str]) -> set[str | None]:
    """The columns a person named; "Deal" is not "Deal #" where there are both."""
    names = [one.name for one in leads.columns]
    return {naming.named(names, one, "", []) for one in wanted}


def _order(leads: Leads, rows: Ints) -> Ints | None:
    if leads.began is not None:
        return leads.began[rows]
    if leads.sequence is None:
        return None
    known = np.where(np.isnan(leads.sequence), -1, leads.sequence)
    return known.astype(np.int64)[rows]


def _dropped(leads: Leads, excluded: set[str | None], kept: set[str | None]) -> Iterator[Dropped]:
    taken = leads.roles.taken
    for column in leads.columns:
        if column.name in taken:
            yield Dropped(column.name, "role", taken[column.name])
        elif column.name in excluded:
            yield Dropped(column.name, "excluded")
        elif is_personal(column):
            yield Dropped(column.name, "personal")
        elif column.kind in {"empty", "date", "text"}:
            why: Why = "empty" if column.kind == "empty" else "date" if column.kind == "date" else "text"
            yield Dropped(column.name, why, "", column.distinct or 0)
        elif naming.is_set_later(column.name) and column.name not in kept:
            yield Dropped(column.name, "set_later")


def is_personal(column: Column) -> bool:
    """Whether a column tells who somebody is, or how to reach them."""
    is_a_word = column.kind in {"category", "text", "number"}
    return column.is_personal or (is_a_word and personal.is_personal_name(column.name))


def _feature(column: Column, rows: Ints) -> Feature:
    is_interest = naming.is_interest(column.name) and column.kind != "category"
    sign: Sign = "any"
    if naming.words(column.name) & _BAD_WORDS:
        sign = "bad"
    elif is_interest and column.kind == "number":
        sign = "good"
    kind = column.kind if column.kind in {"number", "yes_no"} else "category"
    group = "interest" if is_interest else "fit"
    return Feature(column.name, group, kind, column.values[rows], column.levels, sign)  # type: ignore[arg-type]


def _levels(column: Column, rows: Ints) -> Iterator[Presence]:
    """Each campaign, page or source that leads came from, as a piece of content."""
    if column.kind != "category":
        return
    values = np.asarray(column.values, np.int64)[rows]
    counts = np.bincount(values[values >= 0], minlength=len(column.levels))
    for code, level in enumerate(column.levels):
        if counts[code] >= FEWEST_WITH:
            yield Presence(f"{column.name}: {level}", "content", np.flatnonzero(values == code))


class _Joined:
    """Activities of the leads that count, by the sample's rows."""

    def __init__(self, leads: Leads, done: Done, counting: Counting, rows: Ints) -> None:
        assert leads.ids is not None  # noqa: S101 - activities are joined by it
        self.done, self.size, self.window, self.seldom = (
            done,
            rows.size,
            counting.landmark + BEFORE_CREATION,
            0,
        )
        self.ids = np.asarray(leads.ids[rows], np.int64)
        self.row_of = np.full(int(leads.ids.max(initial=-1)) + 2, -1, np.int64)
        self.row_of[self.ids] = np.arange(rows.size)
        self.row_of[-1] = -1
        self.kinds = self._kinds()
        self.contents = self._contents()

    def _kinds(self) -> dict[str, Ints]:
        """The rows with each kind of activity; capital and small letters are the same."""
        found: dict[str, Ints] = {}
        shown: dict[str, str] = {}
        for number, kind in enumerate(self.done.kinds):
            name = shown.setdefault(kind.casefold(), kind)
            rows = self.row_of[np.flatnonzero(self.done.marks[number])]
            found[name] = np.union1d(found.get(name, np.empty(0, np.int64)), rows[rows >= 0])
        return {name: rows for name, rows in sorted(found.items()) if name != "(empty)"}

    def _contents(self) -> dict[tuple[str, str], Ints]:
        """The rows with each of the most frequent pieces of content, by kind and text; pairs come sorted."""
        rows = self.row_of[self.done.pair_lead]
        what, rows = self.done.pair_what[rows >= 0], rows[rows >= 0]
        counts = np.bincount(what, minlength=len(self.done.contents))
        ends = np.cumsum(counts)
        frequent = np.flatnonzero(counts >= FEWEST_WITH).tolist()
        names = {
            one: (self.done.kinds[kind], text) for one in frequent for kind, text in [self.done.contents[one]]
        }
        frequent.sort(key=lambda one: (-counts[one], names[one]))
        self.seldom = max(0, len(frequent) - MOST_PRESENCES)
        found: dict[tuple[str, str], Ints] = {}
        for one in frequent[:MOST_PRESENCES]:
            some = rows[ends[one] - counts[one] : ends[one]]
            found[names[one]] = np.union1d(found.get(names[one], np.empty(0, np.int64)), some)
        return found

    def presences(self) -> Iterator[Presence]:
        """One for each kind, and for each piece of content."""
        for kind, rows in self.kinds.items():
            if rows.size:
                yield Presence(kind, "activity", rows)
        for (kind, text), rows in self.contents.items():
            yield Presence(text if len(self.done.kinds) == 1 else f"{kind}: {text}", "content", rows)

    def features(self, taken: set[str]) -> Iterator[Feature]:
        """Yes or no for the most frequent kinds and contents, so that a card may ask for them."""
        engine: dict[ActivityKind | str, list[str]] = {}
        for kind in self.kinds:
            engine.setdefault(engine_kind(kind) or kind, []).append(kind)
        chosen: list[tuple[str, ActivityKind | None, str, Ints]] = []
        for known, kinds in engine.items():
            rows = np.unique(np.concatenate([self.kinds[kind] for kind in kinds]))
            label = kinds[0] if len(kinds) == 1 else known.replace("_", " ")
            chosen.append((label, known if isinstance(known, ActivityKind) else None, "", rows))
        chosen.sort(key=lambda one: (-one[3].size, one[0]))
        del chosen[MOST_KIND_LINES:]
        for (kind, text), rows in list(self.contents.items())[:MOST_CONTENT_LINES]:
            chosen.append((f"{kind}: {text}", engine_kind(kind), text, rows))
        asked: set[tuple[str, str]] = set()
        for label, known_kind, text, rows in chosen:
            key = (known_kind or label, text)
            if key in asked:  # two words for one kind of ours: the more frequent one stands for both
                continue
            asked.add(key)
            if _FEWEST_FOR_LINE <= rows.size < self.size and not is_empty(label):
                yield self._feature(
                    label if label not in taken else f"{label} (activity)", known_kind, text, rows
                )

    def _feature(self, name: str, kind: ActivityKind | None, content: str, rows: Ints) -> Feature:
        values = np.zeros(self.size, np.int64)
        values[rows] = 1
        sign: Sign = "bad" if kind in _BAD_KINDS else "good" if kind in _GOOD_KINDS else "any"
        window = self.window if kind is not None else None
        return Feature(name, "interest", "yes_no", values, (), sign, kind, content if kind else "", window)
