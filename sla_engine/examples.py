"""Values for the examples in the docstrings: one Monday, one calendar, one promise, one lead.

Not for judging real leads, and nothing but docstrings imports it. Tests have richer words of their own
(``tests/unit/engine_builders.py``).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sla_engine.agreement import Agreement
from sla_engine.business_time import DAYS
from sla_engine.history import history_of
from sla_engine.model import (
    Activity,
    ActivityKind,
    ActorKind,
    Lead,
    LeadHistory,
    LifecycleStage,
    Owner,
    OwnerChange,
    StageChange,
)

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""The Monday on which the lead is handed over, just when the calendar opens (09:00 UTC)."""
_HOURS = {"tz": "UTC", "weekly": {day: [["09:00", "17:00"]] for day in DAYS[:5]}}
_ANSWER = {"name": "answer", "phase": "mql", "within": "4h"}


def later(hours: float) -> datetime:
    """The instant (UTC) so many hours after ``MONDAY`` at nine; before it, if negative.

    >>> later(1.5).isoformat()
    '2026-03-02T10:30:00+00:00'
    """
    return MONDAY + timedelta(hours=hours)


def agreed(**parts: Any) -> Agreement:
    """Monday to Friday 9 to 17 in UTC, an MQL is answered within four working hours; ``parts`` replace.

    Raises ValueError for parts that make no sense.

    >>> agreed().target[0].within, agreed(target=[]).target
    (datetime.timedelta(seconds=14400), ())
    """
    raw = {"name": "example", "default_hours": "office", "hours": {"office": _HOURS}, "target": [_ANSWER]}
    return Agreement.model_validate({**raw, **parts})


def entered(stage: str, hours: float, by: str = "anna", reason: str = "") -> StageChange:
    """Somebody moves the lead to ``stage``, so many hours after ``MONDAY``; "flow" is no person.

    >>> entered("mql", 0, by="flow").actor_kind.value, entered("sal", 2).actor_kind.value
    ('automation', 'person')
    """
    return StageChange(
        later(hours), LifecycleStage(stage), by, _kind_of(by), reason, id=f"{stage} after {hours} h"
    )


def given(owner: str, hours: float, by: str = "anna") -> OwnerChange:
    """The lead goes to ``owner``, so many hours after ``MONDAY``; "pool" is a queue.

    >>> given("pool", 1).to_queue, given("bob", 1).to_queue
    (True, False)
    """
    return OwnerChange(
        later(hours), owner, by, _kind_of(by), to_queue=owner == "pool", id=f"{owner} after {hours} h"
    )


def done(kind: str, hours: float, by: str = "anna", content: str = "") -> Activity:
    """An activity so many hours after ``MONDAY``; by "lead" it is behaviour with a ground to score it.

    >>> done("call", 2).actor, done("form", 1, by="lead").consent
    ('anna', 'declared')
    """
    at, is_lead = later(hours), by == "lead"
    who = None if is_lead else by
    consent = "declared" if is_lead else ""
    name = f"{kind} after {hours} h"
    return Activity(name, ActivityKind(kind), at, at, who, _kind_of(by), content=content, consent=consent)


def handed_over(*facts: StageChange | OwnerChange | Activity, **fields: str) -> LeadHistory:
    """Anna's lead "1", made an MQL by a flow on ``MONDAY``; what else happened; the lead's fields.

    Raises BadFact for facts that make no sense.

    >>> handed_over(entered("sal", 2), company="Kontor").lead.stage
    <LifecycleStage.SAL: 'sal'>
    """
    moves = [one for one in facts if isinstance(one, StageChange)]
    stages = sorted([entered("mql", 0, by="flow"), *moves], key=lambda change: change.at)
    return history_of(
        Lead("1", later(-72), stages[-1].stage, Owner("anna"), fields),
        [one for one in facts if isinstance(one, Activity)],
        stages,
        [one for one in facts if isinstance(one, OwnerChange)],
    )


def _kind_of(by: str) -> ActorKind:
    return {"flow": ActorKind.AUTOMATION, "lead": ActorKind.UNKNOWN}.get(by, ActorKind.PERSON)
