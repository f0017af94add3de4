"""What a run did, in numbers that add up, and where the leads stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from connectors.base import Change, Receipt, ReceiptStatus
from sla_engine.verdict import ClockState, Verdict


@dataclass(slots=True)
class RunReport:
    """One run on one connection. planned = written + unchanged + rejected + deferred."""

    connection: str
    mode: str
    at: datetime
    read: int = 0
    evaluated: int = 0
    planned: int = 0
    written: int = 0
    unchanged: int = 0
    rejected: int = 0
    deferred: int = 0
    quarantined: int = 0
    uncovered: int = 0
    exempt: int = 0
    left_alone: int = 0  # open clocks of owners who have left, with nobody to stand in
    calls: int = 0
    seconds: float = 0.0
    changes: Counter[str] = field(default_factory=Counter)
    would: Counter[str] = field(default_factory=Counter)  # shadow mode: what was not written
    states: Counter[str] = field(default_factory=Counter)  # SLA status of the leads judged in this run
    troubles: list[str] = field(default_factory=list)

    def count(self, receipt: Receipt) -> None:
        """Add one receipt; an unknown outcome is deferred until it is settled."""
        match receipt.status:
            case ReceiptStatus.WRITTEN:
                self.written += 1
            case ReceiptStatus.UNCHANGED:
                self.unchanged += 1
            case ReceiptStatus.REJECTED:
                self.rejected += 1
            case _:
                self.deferred += 1

    def note_verdict(self, verdict: Verdict) -> None:
        """One lead was judged."""
        self.evaluated += 1
        self.uncovered += verdict.uncovered
        self.exempt += verdict.exempt
        self.left_alone += any(one.code == "owner_gone" for one in verdict.findings)
        self.states[verdict.sla_status] += 1

    def note_planned(self, change: Change) -> None:
        """One change was decided."""
        self.planned += 1
        self.changes[type(change).__name__] += 1

    def note_would(self, changes: Iterable[Change]) -> None:
        """Changes that shadow mode keeps from being written."""
        self.would.update(type(change).__name__ for change in changes)

    @property
    def is_partial(self) -> bool:
        """Whether something was left undone that a person should know of."""
        return bool(self.rejected or self.deferred or self.quarantined or self.troubles)

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON; no personal data."""
        counters = {"changes": self.changes, "would": self.would, "states": self.states}
        plain = {name: dict(counter) for name, counter in counters.items()}
        return {**asdict(self), "at": self.at.isoformat(), **plain}


@dataclass(frozen=True, slots=True)
class Standing:
    """One lead in the report: its state, deadline and owner."""

    lead: str
    state: str
    target: str
    owner: str
    time_zone: str
    due_at: datetime | None
    answered_at: datetime | None


_SHOWN = (ClockState.BREACHED, ClockState.AT_RISK, ClockState.RUNNING, ClockState.UNPROVEN)


def standings(verdicts: list[Verdict]) -> list[Standing]:
    """Every lead with a clock: open ones first, the most urgent on top; then the answered ones."""
    rows = []
    for verdict in verdicts:
        if not verdict.clocks:
            continue
        clock = verdict.due_clock or max(verdict.clocks, key=lambda one: (one.started_at, one.key))
        rows.append(
            Standing(
                lead=verdict.lead_id,
                state=clock.state.value,
                target=clock.target,
                owner=clock.owner or "",
                time_zone=clock.time_zone,
                due_at=clock.due_at,
                answered_at=clock.stopped_at,
            )
        )
    order = {state.value: index for index, state in enumerate(_SHOWN)}
    return sorted(rows, key=lambda row: (order.get(row.state, 9), row.due_at or row.answered_at, row.lead))
