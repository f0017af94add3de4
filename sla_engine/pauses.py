"""When a clock stands still: the lead has to answer, the owner is away, or both sides agreed to wait.

Every pause has an end that is known when it begins, so a deadline can always be told; an answer or a
new owner may only bring it nearer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sla_engine.interest import BEHAVIOUR
from sla_engine.model import Activity, ActivityKind, ActorKind
from sla_engine.situation import Situation
from sla_engine.target import PauseRule
from sla_engine.verdict import Pause

_ASKING = frozenset({ActivityKind.CALL, ActivityKind.EMAIL, ActivityKind.MEETING})
_ANSWERING = BEHAVIOUR - {ActivityKind.EMAIL_OPEN, ActivityKind.EMAIL_CLICK, ActivityKind.PAGE_VISIT}


def pauses_of(
    rules: Sequence[PauseRule],
    situation: Situation,
    start: datetime,
    stop: datetime | None,
    owner: str | None,
) -> tuple[Pause, ...]:
    """The pauses of a clock from ``start`` to ``stop`` (None: open), sorted and disjoint."""
    found: list[Pause] = []
    for rule in rules:
        match rule.when:
            case "waiting_for_lead":
                found += _waiting(situation.history.activities, rule.at_most)
            case "hold":
                found += _holds(situation.history.activities, rule.at_most)
            case "absent":
                absences = situation.agreement.people.absences(owner)
                found += [Pause(a, min(b, a + rule.at_most), "absent") for a, b in absences]
    inside = [
        Pause(max(one.start, start), one.end if stop is None else min(one.end, stop), one.reason)
        for one in found
        if one.end > start and (stop is None or one.start < stop)
    ]
    return tuple(_disjoint(inside))


def _waiting(activities: Sequence[Activity], at_most: timedelta) -> Iterator[Pause]:
    """From each call or mail by a person to the lead's next answer, at the most ``at_most``."""
    asked: datetime | None = None
    for one in activities:
        if one.planned_for is not None:
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
    """From each agreed hold to its date, or until somebody resumes, at the most ``at_most``."""
    held: tuple[datetime, datetime] | None = None
    for one in activities:
        if one.kind is ActivityKind.HOLD:
            if held is not None:
                yield Pause(held[0], min(held[1], one.at), "hold")
            start = one.known_at if one.planned_for is not None else one.at
            held = start, min(one.planned_for or start + at_most, start + at_most)
        elif one.kind is ActivityKind.RESUME and held is not None:
            yield Pause(held[0], min(held[1], one.at), "hold")
            held = None
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
