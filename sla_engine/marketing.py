"""Marketing's side of the agreement: how many MQLs it handed over, from where, and how good they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sla_engine.agreement import Agreement
from sla_engine.history import known_by
from sla_engine.lifecycle import Entry, entries
from sla_engine.model import LeadHistory, LifecycleStage

_GOOD = frozenset(
    {LifecycleStage.SAL, LifecycleStage.SQL, LifecycleStage.OPPORTUNITY, LifecycleStage.CUSTOMER}
)
_BAD = frozenset({LifecycleStage.RECYCLED, LifecycleStage.DISQUALIFIED})
EVERY = "*"


@dataclass(frozen=True, slots=True)
class VolumeLine:
    """One source in one month: MQLs promised and handed over, and what sales has said of them so far.

    ``waiting``: not answered yet. ``goal`` None: nothing promised. ``source`` "*" is all together.
    """

    source: str
    goal: int | None
    handed_over: int
    accepted: int
    rejected: int
    waiting: int

    @property
    def accepted_share(self) -> float | None:
        """Accepted among those sales has answered; None while there is none."""
        answered = self.accepted + self.rejected
        return self.accepted / answered if answered else None


def volume(
    histories: Iterable[LeadHistory], agreement: Agreement, year: int, month: int, now: datetime
) -> tuple[VolumeLine, ...]:
    """MQLs handed over in a month (in the default calendar's zone) by source, all together first.

    Each handover counts, so a lead recycled and handed over again counts twice.
    """
    zone = ZoneInfo(agreement.hours[agreement.default_hours].tz)
    tally: Counter[tuple[str, str]] = Counter()
    for history in histories:
        source = str(history.lead.fields.get(agreement.volume.source) or "")
        ways = entries(known_by(history, now))
        for index, entry in enumerate(ways):
            local = entry.at.astimezone(zone)
            if entry.phase is LifecycleStage.MQL and (local.year, local.month) == (year, month):
                answer = _answer(ways[index + 1 : index + 2])
                for name in (EVERY, source):
                    tally[name, "handed_over"] += 1
                    tally[name, answer] += 1
    goals = agreement.volume.per_month
    names = sorted({name for name, _ in tally} | set(goals) | {EVERY}, key=lambda name: (name != EVERY, name))
    return tuple(
        VolumeLine(
            name,
            goals.get(name),
            *(tally[name, what] for what in ("handed_over", "accepted", "rejected", "waiting")),
        )
        for name in names
    )


def _answer(following: list[Entry]) -> str:
    if not following:
        return "waiting"
    phase = following[0].phase
    return "accepted" if phase in _GOOD else "rejected" if phase in _BAD else "waiting"
