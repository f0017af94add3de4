"""Marketing's side of the agreement: how many MQLs it handed over, from where, and how good they were.

Not here: what was promised (``agreement.Volume``), or sales' side (``evaluate``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sla_engine.agreement import Agreement
from sla_engine.errors import NaiveInstant
from sla_engine.history import known_by
from sla_engine.lifecycle import Entry, entries
from sla_engine.model import ActorKind, LeadHistory, LifecycleStage
from sla_engine.situation import Circumstances

_GOOD = frozenset(
    {LifecycleStage.SAL, LifecycleStage.SQL, LifecycleStage.OPPORTUNITY, LifecycleStage.CUSTOMER}
)
_BAD = frozenset({LifecycleStage.RECYCLED, LifecycleStage.DISQUALIFIED})
EVERY = "*"


@dataclass(frozen=True, slots=True)
class VolumeLine:
    """One source in one month: MQLs promised and handed over, and what sales has said of them so far.

    ``waiting``: not answered yet. ``goal`` None: nothing promised. ``source`` "*" is all together.

    >>> line = VolumeLine("webinar", goal=40, handed_over=30, accepted=9, rejected=3, waiting=18)
    >>> line.accepted_share, line.is_short
    (0.75, True)
    """

    source: str
    goal: int | None
    handed_over: int
    accepted: int
    rejected: int
    waiting: int

    @property
    def accepted_share(self) -> float | None:
        """Accepted among those sales has answered, 0 to 1; None while there is none."""
        answered = self.accepted + self.rejected
        return self.accepted / answered if answered else None

    @property
    def is_short(self) -> bool:
        """Whether fewer came than were promised; never where nothing was."""
        return self.goal is not None and self.handed_over < self.goal


def volume(
    histories: Iterable[LeadHistory], agreement: Agreement, year: int, month: int, now: datetime
) -> tuple[VolumeLine, ...]:
    """MQLs handed over in a month (in the default calendar's zone) by source, all together first.

    Each handover counts, so a lead recycled and handed over again counts twice. Left out: who is no new
    lead, who is outside the agreement's scope, and handovers known only from first sight. Raises
    NaiveInstant and ValueError (no such month).

    >>> from sla_engine.examples import agreed, entered, handed_over, later
    >>> leads = [handed_over(entered("sal", 2), source="webinar"), handed_over(source="webinar")]
    >>> lines = volume(leads, agreed(), 2026, 3, later(9))
    >>> [(line.source, line.handed_over, line.accepted) for line in lines]
    [('*', 2, 1), ('webinar', 2, 1)]
    """
    if now.tzinfo is None:
        raise NaiveInstant("the instant of a volume report")
    date(year, month, 1)
    zone = ZoneInfo(agreement.hours[agreement.default_hours].tz)
    goals = {name.casefold(): (name, goal) for name, goal in agreement.volume.per_month.items()}
    tally: Counter[tuple[str, str]] = Counter()
    for history in histories:
        known = known_by(history, now)
        if not _is_counted(known, agreement, now):
            continue
        source = str(known.lead.fields.get(agreement.volume.source) or "")
        source = "" if source == EVERY else goals.get(source.casefold(), (source, 0))[0]
        ways = entries(known)
        for index, entry in enumerate(ways):
            local = entry.at.astimezone(zone)
            is_handover = entry.phase is LifecycleStage.MQL and not entry.estimated
            if is_handover and (local.year, local.month) == (year, month):
                answer = _answer(ways[index + 1 :])
                for name in (EVERY, source):
                    tally[name, "handed_over"] += 1
                    tally[name, answer] += 1
    promised = agreement.volume.per_month
    names = {name for name, _ in tally} | set(promised) | {EVERY}
    return tuple(
        VolumeLine(
            name,
            promised.get(name),
            *(tally[name, what] for what in ("handed_over", "accepted", "rejected", "waiting")),
        )
        for name in sorted(names, key=lambda name: (name != EVERY, name))
    )


def _is_counted(history: LeadHistory, agreement: Agreement, now: datetime) -> bool:
    if history.relations:
        return False
    lead = Circumstances(history, agreement, now)
    if agreement.scope and agreement.covers(lead) is not True:
        return False
    return not any(rule.applies(lead) is True for rule in agreement.not_new)


def _answer(following: list[Entry]) -> str:
    """What sales said of a handover; what a flow did is no answer, another handover ends the question."""
    for entry in following:
        if entry.phase is LifecycleStage.MQL:
            return "waiting"
        if entry.change is not None and entry.change.actor_kind is ActorKind.AUTOMATION:
            continue
        if entry.phase in _GOOD:
            return "accepted"
        if entry.phase in _BAD:
            return "rejected"
    return "waiting"
