"""When a clock stands still: the lead has to answer, the owner is away, or both sides agreed to wait.

Every pause has an end that is known when it begins, so a deadline can always be told; an answer or a
new owner may only bring it nearer. Not here: which pauses a target has (``target.PauseRule``), or what
they do to its deadline (``deadline``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sla_engine.history import happened_at
from sla_engine.interest import BEHAVIOUR
from sla_engine.model import Activity, ActivityKind, ActorKind
from sla_engine.situation import Situation
from sla_engine.target import PauseRule
from sla_engine.verdict import Pause

_ASKING = frozenset({ActivityKind.CALL, ActivityKind.EMAIL, ActivityKind.MEETING})
_ANSWERING = (BEHAVIOUR - {ActivityKind.EMAIL_OPEN, ActivityKind.EMAIL_CLICK, ActivityKind.PAGE_VISIT}) | {
    ActivityKind.BOUNCE,
    ActivityKind.OPT_OUT,
}


def pauses_of(
    rules: Sequence[PauseRule], situation: Situation, start: datetime, stop: datetime | None
) -> tuple[Pause, ...]:
    """The pauses of a clock from ``start`` to ``stop`` (None: open), sorted and disjoint.

    Instants are aware UTC. Pauses are wall time; what of it was working time the calendar says.

    >>> from sla_engine.examples import agreed, done, handed_over, later
    >>> asked = Situation(handed_over(done("call", 1), done("email_reply", 3, by="lead")), agreed(), later(9))
    >>> found = pauses_of([PauseRule(when="waiting_for_lead")], asked, later(0), None)
    >>> [(one.start.hour, one.end.hour, one.reason) for one in found]
    [(10, 12, 'waiting_for_lead')]
    """
    found: list[Pause] = []
    activities = situation.history.activities
    for rule in rules:
        match rule.when:
            case "waiting_for_lead":
                found += _waiting(activities, start, rule.at_most)
            case "hold":
                found += _holds(activities, rule.at_most)
            case "absent":
                found += _absences(situation, start, stop, rule.at_most)
    inside = [
        Pause(max(one.start, start), one.end if stop is None else min(one.end, stop), one.reason)
        for one in found
        if one.end > start and (stop is None or one.start < stop)
    ]
    return tuple(_disjoint(inside))


def _absences(
    situation: Situation, start: datetime, stop: datetime | None, at_most: timedelta
) -> Iterator[Pause]:
    """Whoever has the lead is away, while they have it; ``at_most`` counts from when that began to matter."""
    for owner, since, until in situation.tenures(start, stop):
        for first, last in situation.agreement.people.absences(owner):
            begun = max(first, since)
            end = min(last, begun + at_most)
            yield Pause(begun, end if until is None else min(end, until), "absent")


def _waiting(activities: Sequence[Activity], start: datetime, at_most: timedelta) -> Iterator[Pause]:
    """From each call or mail by a person to the lead's next answer, at the most ``at_most``.

    What was asked before the clock began is another's question; a mail that comes back asks nothing.
    """
    asked: datetime | None = None
    for one in activities:
        if one.planned_for is not None or one.at < start:
            continue
        if asked is None and one.kind in _ASKING and one.actor_kind is ActorKind.PERSON:
            asked = one.at
        elif asked is not None and (one.kind in _ANSWERING or one.at >= asked + at_most):
            yield Pause(asked, min(one.at, asked + at_most), "waiting_for_lead")
            is_asking = one.kind in _ASKING and one.actor_kind is ActorKind.PERSON
            asked = one.at if is_asking else None
    if asked is not None:
        yield Pause(asked, asked + at_most, "waiting_for_lead")


def _holds(activities: Sequence[Activity], at_most: timedelta) -> Iterator[Pause]:
    """From each hold a person agreed on to its date, or until somebody resumes, at the most ``at_most``."""
    held: tuple[datetime, datetime] | None = None
    agreed = [
        one
        for one in activities
        if one.kind is ActivityKind.RESUME
        or (one.kind is ActivityKind.HOLD and one.actor_kind is not ActorKind.AUTOMATION)
    ]
    for one in sorted(agreed, key=happened_at):
        start = happened_at(one)
        if held is not None:
            yield Pause(held[0], min(held[1], start), "hold")
            held = None
        if one.kind is ActivityKind.HOLD:
            held = start, min(one.planned_for or start + at_most, start + at_most)
    if held is not None:
        yield Pause(*held, "hold")


def _disjoint(pauses: Sequence[Pause]) -> Iterator[Pause]:
    last: Pause | None = None
    for pause in sorted(pauses, key=lambda one: (one.start, one.end, one.reason)):
        if pause.end <= pause.start:
            continue
        if last is not None and pause.start < last.end:
            if pause.end > last.end:
                last = Pause(last.start, pause.end, last.reason)
            continue
        if last is not None:
            yield last
        last = pause
    if last is not None:
        yield last
