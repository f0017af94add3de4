"""What was done with each lead in the time after it came in: an export of activities, joined as it is read.

Only kinds and pieces of content within the window are kept, as pairs with the lead; the file itself is
never in memory. Not here: what that says (``sla_engine.learning.lift``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import compress, repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.base import Problem
from leadsla.exports import naming
from leadsla.exports.columns import Coder, Ints, coded, kind_of
from leadsla.exports.contents import Contents
from leadsla.exports.dates import NEVER, Instants, evidence
from leadsla.exports.leads import Leads, stop_at
from leadsla.exports.reading import Cells, Export, Report
from leadsla.exports.values import is_empty
from sync.personal import masked

MOST_KINDS = 200
MOST_CONTENTS = 2_000_000
_DAY = 86_400_000_000
_MICROSECOND = timedelta(microseconds=1)
BEFORE_CREATION = timedelta(days=1)
"""The form that made a lead is written down before the lead; counted as the store counts."""
_MATCHED = 0.2


@dataclass(frozen=True, slots=True)
class ActivityWishes:
    """What a person said about the columns of the activities; empty: find out."""

    lead_id: str = ""
    kind: str = ""
    time: str = ""
    content: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the rows: within the window, outside it, of no known lead, without a readable time."""

    read: int = 0
    within: int = 0
    outside: int = 0
    of_no_lead: int = 0
    without_time: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """Which lead, by number of its id, had what in the window.

    ``marks[kind, lead]``; pairs of content and lead. ``contents``: (number of the kind, text), which
    ``pair_what`` numbers. ``columns``: which column was taken for what.
    """

    kinds: tuple[str, ...]
    marks: NDArray[np.bool_]
    contents: tuple[tuple[int, str], ...]
    pair_what: Ints
    pair_lead: Ints
    counts: Counts
    columns: dict[str, str | None]


def read_activities(  # noqa: PLR0913 - as many as there are sources of what is known
    path: Path,
    leads: Leads,
    window: timedelta,
    wishes: ActivityWishes,
    problems: list[Problem],
    report: Report | None = None,
) -> Done:
    """Raises BadExport when the activities cannot be joined; adds what is wrong to ``problems``."""
    export = Export(path, problems)
    stop_at(problems)
    joining = _Joining(export, leads, window // _MICROSECOND, problems)
    joining.assign(wishes)
    stop_at(problems)
    joining.read(report)
    stop_at(problems)
    return joining.done()


@dataclass(slots=True)
class _Joining:
    """One export of activities on its way to ``Done``."""

    export: Export
    leads: Leads
    window: int
    problems: list[Problem]
    lead: str = ""
    kind: str | None = None
    time: str = ""
    content: str | None = None
    instants: Instants = field(default_factory=lambda: Instants(()))
    kinds: Coder = field(default_factory=Coder)
    contents: Contents | None = None
    began: Ints = field(init=False)
    marks: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), bool))
    pairs: list[Ints] = field(default_factory=list)
    counted: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("within", "outside", "none", "time"), 0)
    )

    def __post_init__(self) -> None:
        self.began = self.leads.began_by_id()

    def assign(self, wishes: ActivityWishes) -> None:
        """Find the columns by their names, the lead's by what it holds."""
        head = self.export.head()
        self._assign_lead(wishes.lead_id, head)
        self._assign_time(wishes.time, head)
        self._decide_days()
        names = [name for name in self.export.names if name not in {self.lead, self.time}]
        found = [name for name in naming.all_of(names, naming.KIND) if _few(head.get(name, ()))]
        self.kind = self._named(wishes.kind) if wishes.kind else next(iter(found), None)
        names = [name for name in names if name != self.kind]
        self.content = (
            self._named(wishes.content) if wishes.content else naming.first_of(names, naming.CONTENT)
        )
        self.contents = Contents() if self.content else None
        if self.kind is None and self.content is None and not self.problems:
            self._wrong("has no column that says what was done", "name it with --kind or --content")

    def _named(self, wanted: str) -> str | None:
        return naming.named(self.export.names, wanted, self.export.path.name, self.problems)

    def _wrong(self, what: str, remedy: str) -> None:
        self.problems.append(Problem(self.export.path.name, what, remedy))

    def _assign_lead(self, wanted: str, head: dict[str, Cells]) -> None:
        index = self.leads.index
        if not index:
            where = self.leads.export.path.name
            what = "has no column whose values tell leads apart, so activities cannot be joined"
            self.problems.append(Problem(where, what, "name the lead's id with --lead-id"))
            return
        ours, theirs = ({name.casefold() for name in one.names} for one in (self.export, self.leads.export))
        if wanted and (wanted.casefold() in ours or wanted.casefold() not in theirs):
            self.lead = self._named(wanted) or ""
            return
        shares = {name: sum(cell.strip() in index for cell in cells) for name, cells in head.items()}
        best = max(shares, key=lambda name: shares[name], default="")
        if not best or shares[best] < _MATCHED * len(head[best]):
            self._wrong(
                f'has no column with the leads\' ids ("{self.leads.roles.lead_id}" of the leads)',
                "name the column that both files share with --lead-id",
            )
            return
        self.lead = best

    def _assign_time(self, wanted: str, head: dict[str, Cells]) -> None:
        names = self.export.names
        wanted_names = naming.all_of(names, naming.TIME)
        candidates = list(filter(None, [self._named(wanted)])) if wanted else [*wanted_names, *names]
        for name in candidates:
            cells = head.get(name, ())
            counts = np.ones(len(cells), np.int64)
            if cells and kind_of(cells, counts) == "date":
                self.time = name
                self.instants = Instants(cell for cell in cells if not is_empty(cell))
                return
        if not self.problems or not wanted:
            self._wrong("has no column of dates that says when something was done", "name it with --time")

    def _decide_days(self) -> None:
        """What 03/04/2026 means, if the first rows leave it open: the first date that tells, or the leads."""
        if not self.instants.is_undecided or self.problems:
            return
        place = self.export.names.index(self.time)
        told = next(filter(None, (evidence(cells[place]) for cells in self.export.chunks())), 0)
        leads = next(
            (one.instants for one in self.leads.columns if one.name == self.leads.roles.created), None
        )
        if told:
            self.instants.turn(day_first=told > 0)
        elif leads is not None and leads.has_strokes and not leads.is_undecided:
            self.instants.turn(day_first=leads.day_first)

    def read(self, report: Report | None) -> None:
        """Every row once; only pairs of what and lead stay."""
        place = {name: at for at, name in enumerate(self.export.names)}
        for cells in self.export.chunks(report):
            rows = _rows_of(self.leads.index, cells[place[self.lead]])
            inside = self._inside(rows, self.instants.all_of(cells[place[self.time]]))
            rows, chosen = rows[inside], inside.tolist()
            kinds = np.zeros(rows.size, np.int32)
            if self.kind is not None:
                kinds = coded(self.kinds, tuple(compress(cells[place[self.kind]], chosen)))
                if len(self.kinds) > MOST_KINDS:
                    self._wrong(
                        f'"{self.kind}" holds more than {MOST_KINDS} different kinds',
                        "name the column of kinds with --kind",
                    )
                    return
            self._mark(rows, kinds)
            if self.contents is not None and self.content is not None:
                self._pair(rows, kinds, tuple(compress(cells[place[self.content]], chosen)))

    def _inside(self, rows: Ints, when: Ints) -> NDArray[np.bool_]:
        """Whether something was done in the window of its lead, the form that made it included.

        A day without a time counts from midnight.
        """
        known, dated = rows >= 0, when != NEVER
        start = self.began[rows]
        first = (start if self.instants.has_times else start - start % _DAY) - BEFORE_CREATION // _MICROSECOND
        inside = known & dated & (start != NEVER) & (when >= first) & (when < start + self.window)
        self.counted["none"] += int((~known).sum())
        self.counted["time"] += int((known & ~dated).sum())
        self.counted["within"] += int(inside.sum())
        self.counted["outside"] += int((known & dated & ~inside).sum())
        return np.asarray(inside, bool)

    def _mark(self, rows: Ints, kinds: NDArray[np.int32]) -> None:
        needed = max(1, len(self.kinds))
        if self.marks.shape[0] < needed:
            grown = np.zeros((needed + 8, self.began.size), bool)
            grown[: self.marks.shape[0], :] = self.marks if self.marks.size else False
            self.marks = grown
        self.marks[kinds, rows] = True

    def _pair(self, rows: Ints, kinds: NDArray[np.int32], texts: Cells) -> None:
        if self.contents is None:
            return
        what = coded(self.contents, texts).astype(np.int64) * MOST_KINDS + kinds
        self.pairs.append(what * self.began.size + rows)
        if len(self.contents.short) > MOST_CONTENTS:
            self.contents, self.pairs = None, []

    def done(self) -> Done:
        """What was found."""
        leads = max(1, self.began.size)
        keys = np.concatenate(self.pairs) if self.pairs else np.empty(0, np.int64)
        self.pairs = []
        keys.sort()
        keys = keys[_is_first(keys)]
        what, lead = keys // leads, keys % leads
        first = _is_first(what)
        texts = list(self.contents.short) if self.contents is not None else []
        contents = tuple((int(one % MOST_KINDS), texts[one // MOST_KINDS]) for one in what[first].tolist())
        place = np.cumsum(first) - 1
        full = np.array([bool(text) for _, text in contents], bool)[place]
        kinds = tuple(masked(text.strip()) or "(empty)" for text in self.kinds) or ("activity",)
        counts = Counts(
            self.export.rows,
            *(self.counted[one] for one in ("within", "outside", "none", "time")),
        )
        columns = {"lead": self.lead, "time": self.time, "kind": self.kind, "content": self.content}
        return Done(kinds, self.marks[: len(kinds)], contents, place[full], lead[full], counts, columns)


def _is_first(values: Ints) -> NDArray[np.bool_]:
    """Of sorted values, where another one begins."""
    return np.append(np.ones(min(1, values.size), bool), values[1:] != values[:-1])


def _rows_of(index: dict[str, int], ids: Iterable[str]) -> Ints:
    """The lead of each row, -1 for none: numbers of ids, looked up as they stand, then without blanks."""
    cells = ids if isinstance(ids, tuple) else tuple(ids)
    found = np.fromiter(map(dict.get, repeat(index), cells, repeat(-1)), np.int64, len(cells))
    for place in np.flatnonzero(found < 0).tolist():
        found[place] = index.get(cells[place].strip(), -1)
    return found


def _few(cells: Sequence[str]) -> bool:
    return 1 <= len(set(cells)) <= min(MOST_KINDS, max(2, len(cells) // 2))
