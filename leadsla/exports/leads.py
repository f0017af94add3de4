"""The leads of an export: every column read once, and the columns that say who, when and how it ended.

Not here: what was done with them (``activities``), which of them count (``counting``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.base import Problem
from leadsla.exports import naming
from leadsla.exports.columns import Codes, Column, Gathering, Ints
from leadsla.exports.identities import accounts, copies, fingerprints, lead_id_of, numbered, tells_rows_apart
from leadsla.exports.outcome import Asked, Outcome, outcome_of, parted
from leadsla.exports.reading import BadExport, Export, Report

FEWEST = 20
_MOSTLY = 0.9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person said about the columns of the leads; empty: find out."""

    outcome: str
    created: str = ""
    ended: str = ""
    lead_id: str = ""
    exclude: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    still_open: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column is what; None where none is."""

    outcome: str
    created: str | None = None
    sequence: str | None = None
    ended: str | None = None
    lead_id: str | None = None
    account: str | None = None

    @property
    def taken(self) -> dict[str, str]:
        """The role of each column that has one."""
        pairs = (
            (self.outcome, "outcome"),
            (self.ended, "ended"),
            (self.created, "created"),
            (self.sequence, "sequence"),
            (self.lead_id, "lead_id"),
            (self.account, "account"),
        )
        return {name: role for name, role in reversed(pairs) if name is not None}


@dataclass(frozen=True, slots=True, eq=False)
class Leads:
    """All rows of the export.

    ``began`` and ``ended``: microseconds, -1 unknown; None where no column says. ``sequence``: running
    number, nan unknown. ``fingerprint``: of the row's content. ``ids``: number of the row's lead id in
    ``index``, -1 none. ``copies``: rows that another one equals in every cell; ``are_different``: otherwise a
    column is different in nearly every row. ``in_future``: how many dates of a column lay in the future.
    """

    export: Export
    roles: Roles
    outcome: Outcome
    columns: tuple[Column, ...]
    fingerprint: Ints
    began: Ints | None = None
    began_has_times: bool = False
    sequence: NDArray[np.float64] | None = None
    ended: Ints | None = None
    ids: Codes | None = None
    index: dict[str, int] = field(default_factory=dict)
    account: Ints | None = None
    copies: NDArray[np.bool_] | None = None
    are_different: bool = False
    in_future: dict[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many rows."""
        return int(self.fingerprint.size)

    def began_by_id(self) -> Ints:
        """When each lead began, by the number of its id; -1 where nobody knows."""
        assert self.ids is not None and self.began is not None  # noqa: S101, PT018 - asked before
        found = np.full(int(self.ids.max(initial=-1)) + 1, np.iinfo(np.int64).max)
        known = (self.ids >= 0) & (self.began >= 0)
        np.minimum.at(found, self.ids[known], self.began[known])
        found[found == np.iinfo(np.int64).max] = -1
        return found


def read_leads(path: Path, wishes: Wishes, problems: list[Problem], report: Report | None = None) -> Leads:
    """Raises BadExport when nothing can be learned; what else is wrong is added to ``problems``."""
    export = Export(path, problems)
    stop_at(problems)
    reading = _Reading(export, wishes, problems)
    reading.assign()
    stop_at(problems)
    reading.read(report)
    stop_at(problems)
    return reading.leads()


def without_future(leads: Leads, now: datetime) -> Leads:
    """Dates after tomorrow are mistakes of typing: nobody knows them, and how many there were is kept."""
    latest = (now + timedelta(days=1) - _EPOCH) // timedelta(microseconds=1)
    roles, found = leads.roles, dict(leads.in_future)
    both = ((roles.created, leads.began), (roles.ended, leads.ended))
    for name, instants in both:
        if name is not None and instants is not None and (late := int((instants > latest).sum())):
            found[name] = late
    kept = [None if one is None else np.where(one > latest, -1, one) for _, one in both]
    return replace(leads, began=kept[0], ended=kept[1], in_future=found)


def stop_at(problems: Sequence[Problem]) -> None:
    """Raises BadExport with everything that is wrong so far, if anything is."""
    if any(not one.is_warning for one in problems):
        raise BadExport(problems)


class _Reading:
    """One export on its way to ``Leads``."""

    def __init__(self, export: Export, wishes: Wishes, problems: list[Problem]) -> None:
        self.export, self.wishes, self.problems = export, wishes, problems
        self.where = export.path.name
        self.head = export.head()
        self.asked = Asked("")
        self.lead_id: str | None = None
        self.accounts: list[str] = []
        self.excluded: list[str | None] = []
        self.columns: dict[str, Gathering] = {}
        self.prints: list[Ints] = []
        self.different = 0

    def assign(self) -> None:
        """The columns a person named must exist; the id is found by its name and by being different."""
        names, wishes = self.export.names, self.wishes
        column, value = parted(wishes.outcome, names)
        found = self._named(column) or ""
        self.asked = Asked(found, value, wishes.still_open)
        for one in (wishes.created, wishes.ended):
            if one:
                self._named(one)
        self.excluded = [self._named(one) for one in wishes.exclude]
        for one in wishes.keep:
            self._named(one)
        if wishes.lead_id and wishes.lead_id.casefold() in {name.casefold() for name in names}:
            self.lead_id = self._named(wishes.lead_id)
        else:
            self.lead_id = lead_id_of(names, self.head)
        self.accounts = naming.all_of(names, naming.ACCOUNT)[:1]

    def _named(self, wanted: str) -> str | None:
        return naming.named(self.export.names, wanted, self.where, self.problems)

    def read(self, report: Report | None) -> None:
        """Every row, once."""
        kept = {self.asked.column, self.lead_id, *self.accounts}
        comma = self.export.delimiter == ";"
        self.columns = {name: Gathering(name, comma, name in kept) for name in self.export.names}
        for cells in self.export.chunks(report):
            for name, part in zip(self.export.names, cells, strict=True):
                self.columns[name].add(part)
            self.prints.append(fingerprints(cells))

    def leads(self) -> Leads:
        """Raises BadExport when the outcome, or a column a person named, is not what it must be."""
        gathered = self.columns[self.asked.column]
        outcome = outcome_of(self.asked, list(gathered.coder), gathered.codes, self.where, self.problems)
        ids, index, account = self._identities()
        fingerprint = np.concatenate(self.prints)
        again = copies(fingerprint)
        self.different = int((~again).sum())
        named = {name: self._column(one) for name, one in self.columns.items()}
        self.columns = {}
        began, sequence = self._beginning(named)
        ended = self._end({key: one for key, one in named.items() if one is not began}, outcome)
        stop_at(self.problems)
        assert outcome is not None  # noqa: S101 - stop_at has raised
        roles = Roles(
            self.asked.column,
            began.name if began else None,
            sequence.name if sequence else None,
            ended.name if ended else (self.asked.column if outcome.won_at is not None else None),
            self.lead_id,
            self.accounts[0] if account is not None else None,
        )
        return Leads(
            self.export,
            roles,
            outcome,
            tuple(named.values()),
            fingerprint,
            None if began is None else np.asarray(began.values, np.int64),
            began is not None and began.instants is not None and began.instants.has_times,
            None if sequence is None else np.asarray(sequence.values, np.float64),
            outcome.won_at if ended is None else np.asarray(ended.values, np.int64),
            ids,
            index,
            account,
            again,
            any(tells_rows_apart(one, self.different, fingerprint.size) for one in named.values()),
        )

    def _column(self, one: Gathering) -> Column:
        """Ids and companies are only told apart, unless their number may tell the order of leads."""
        only_told_apart = one.name in {self.lead_id, *self.accounts} and one.name != self.wishes.created
        is_running = naming.plain(one.name) in naming.SEQUENCE and next(iter(one.coder), "").strip().isdigit()
        if only_told_apart and not is_running:
            return Column(one.name, "text", np.empty(0, np.int64), distinct=len(one.coder))
        return one.column()

    def _identities(self) -> tuple[Codes | None, dict[str, int], Ints | None]:
        ids: Codes | None = None
        index: dict[str, int] = {}
        if self.lead_id is not None:
            gathered = self.columns[self.lead_id]
            ids, index = numbered(gathered.coder, gathered.codes)
        account = None
        for name in self.accounts:
            gathered = self.columns[name]
            account = accounts(gathered.coder, gathered.codes)
        return ids, index, account

    def _beginning(self, columns: dict[str, Column]) -> tuple[Column | None, Column | None]:
        """The date a lead came in, or else a running number."""
        if self.wishes.created:
            found = columns.get(self._named(self.wishes.created) or "")
            if found is not None and found.kind not in {"date", "number"}:
                self._wrong(f"{found.name} holds neither dates nor running numbers", "name another --created")
            return (found, None) if found is None or found.kind == "date" else (None, found)
        for name in naming.all_of(self.export.names, naming.CREATED):
            if name in columns and columns[name].kind == "date" and self._is_full(columns[name]):
                return columns[name], None
        return None, self._sequence(columns)

    def _sequence(self, columns: dict[str, Column]) -> Column | None:
        for name in naming.all_of(self.export.names, naming.SEQUENCE):
            column = columns[name]
            if column.kind == "number" and self._is_full(column) and self._is_unique(column):
                return column
        return None

    def _is_unique(self, column: Column) -> bool:
        return column.distinct is not None and column.distinct >= _MOSTLY * min(column.filled, self.different)

    def _is_full(self, column: Column) -> bool:
        return column.filled >= _MOSTLY * self.export.rows

    def _end(self, columns: dict[str, Column], outcome: Outcome | None) -> Column | None:
        """When leads ended: a column of dates that most won leads have."""
        if self.wishes.ended:
            found = columns.get(self._named(self.wishes.ended) or "")
            if found is not None and found.kind != "date":
                self._wrong(f"{found.name} holds no dates", "name another --outcome-date")
            return found
        if outcome is None or outcome.won_at is not None:
            return None
        won = outcome.ends == 1
        for name in naming.all_of(self.export.names, naming.ENDED):
            column = columns.get(name)
            if column is not None and column.kind == "date" and (column.values[won] >= 0).mean() >= _MOSTLY:
                return column
        return None

    def _wrong(self, what: str, remedy: str) -> None:
        self.problems.append(Problem(self.where, what, remedy))
