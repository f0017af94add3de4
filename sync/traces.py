"""How much of what each person does for leads can be read: answers without a trace cannot be proven.

Mail that is captured outside the CRM, or calls nobody logs, make an answered lead look unanswered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sla_engine.model import ActorKind, LeadHistory
from sla_engine.proof import FOLLOW_UPS
from sla_engine.verdict import ClockState, SlaClock, Verdict
from sync.store.facts import Facts
from sync.store.work import Work

ENOUGH = 5
"""With fewer answered leads a share says nothing."""
LOW = 0.5


@dataclass(frozen=True, slots=True)
class Traces:
    """One person's answered leads, and on how many of them a call, mail, meeting or task can be read."""

    owner: str
    answered: int
    readable: int

    @property
    def share(self) -> float:
        """From 0 to 1.

        >>> Traces("005A", 4, 3).share
        0.75
        """
        return self.readable / self.answered

    @property
    def is_low(self) -> bool:
        """Whether most of what this person does seems to happen where nobody can read it."""
        return self.answered >= ENOUGH and self.share < LOW


def traces_of(db: sa.Connection, connection: str, since: datetime) -> list[Traces]:
    """Everybody who answered leads since an instant (aware UTC), by id."""
    verdicts = {one.lead_id: one for one in Work(connection).verdicts(db) if any(_answered(one, since))}
    answered: Counter[str] = Counter()
    readable: Counter[str] = Counter()
    for known in Facts(connection).known(db, sorted(verdicts)):
        by_owner: dict[str, bool] = {}
        for clock in _answered(verdicts[known.seen.lead.id], since):
            owner = clock.owner or ""
            by_owner[owner] = by_owner.get(owner, False) or _is_readable(clock, known.history)
        answered.update(by_owner.keys())
        readable.update({owner: int(is_readable) for owner, is_readable in by_owner.items()})
    return [Traces(owner, answered[owner], readable[owner]) for owner in sorted(answered) if owner]


def _answered(verdict: Verdict, since: datetime) -> Iterator[SlaClock]:
    for clock in verdict.clocks:
        ended = clock.stopped_at is not None and clock.stopped_at >= since
        if ended and clock.responsible == "sales" and clock.state in {ClockState.MET, ClockState.MET_LATE}:
            yield clock


def _is_readable(clock: SlaClock, history: LeadHistory) -> bool:
    return any(
        one.kind in FOLLOW_UPS and one.actor_kind is ActorKind.PERSON and one.at >= clock.started_at
        for one in history.activities
    )
