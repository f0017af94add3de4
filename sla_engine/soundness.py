"""Whether an agreement holds together: what its parts cannot see of each other.

Not here: the form of single parts (each checks itself), or whether a CRM delivers what the agreement
asks for (the front door's business).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sla_engine.conditions import Condition
from sla_engine.people import NEXT_IN_LINE
from sla_engine.target import Target
from sla_engine.texts import text_problems

if TYPE_CHECKING:
    from sla_engine.agreement import Agreement

_MODERN = datetime(2026, 1, 1, tzinfo=UTC)
_RESERVED = frozenset({"owner", "region"})


def flaws(agreement: Agreement) -> list[str]:
    """Everything that does not hold together, a sentence each; ``Agreement`` refuses to load with any.

    >>> from sla_engine.examples import agreed
    >>> flaws(agreed().model_copy(update={"default_hours": "ofice"}))
    ['default_hours: there are no hours called "ofice", did you mean "office"?']
    """
    return [
        *_hours(agreement),
        *_zones(agreement),
        *_doubles(agreement),
        *_endless(agreement),
        *_promises(agreement),
        *_people(agreement),
        *_scope(agreement),
        *_rejection(agreement),
        *text_problems(agreement.texts),
    ]


def _hours(agreement: Agreement) -> Iterator[str]:
    named = {"default_hours": agreement.default_hours}
    named |= {f"hours_by_time_zone.{zone}": hours for zone, hours in agreement.hours_by_time_zone.items()}
    named |= {f"hours_by_region.{region}": hours for region, hours in agreement.hours_by_region.items()}
    named |= {f"target {one.name}": one.hours for one in agreement.target if one.hours not in _RESERVED}
    named |= {f"people.{key}": one.hours for key, one in agreement.people.root.items() if one.hours}
    for where, hours in named.items():
        if hours not in agreement.hours:
            yield f'{where}: there are no hours called "{hours}"{_near(hours, agreement.hours)}'
    for name, calendar in agreement.hours.items():
        if name in _RESERVED:
            yield f'hours.{name}: "{name}" already means whose hours they are; call the calendar otherwise'
        if not any(calendar.weekly.values()):
            yield f"hours.{name}: has no weekly hours, so it closes for good after its last date"


def _near(word: str, known: object) -> str:
    near = difflib.get_close_matches(word, list(known), 1)  # type: ignore[call-overload]
    return f', did you mean "{near[0]}"?' if near else ""


def _zones(agreement: Agreement) -> Iterator[str]:
    for zone in agreement.hours_by_time_zone:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield f"hours_by_time_zone: there is no time zone {zone}; write one like Europe/Berlin"


def _doubles(agreement: Agreement) -> Iterator[str]:
    for what, names in (
        ("targets", [one.name for one in agreement.target]),
        ("fit criteria", [one.name for one in agreement.fit]),
    ):
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"two {what} are called {name}"


def _endless(agreement: Agreement) -> Iterator[str]:
    """Targets, or rungs of their ladder, that take longer than a calendar they may run on stays open."""
    for one in agreement.target:
        longest = max([one.within, *(after for after, _ in one.rungs)])
        names = set(agreement.hours) if one.hours in _RESERVED else {one.hours} & set(agreement.hours)
        for name in sorted(names):
            try:
                agreement.hours[name].add(_MODERN, longest + timedelta(seconds=1))
            except OverflowError:
                yield f"target {one.name} never ends on the hours of {name}"


def _promises(agreement: Agreement) -> Iterator[str]:
    """Targets of one promise start alike, and none stands behind one that always wins."""
    for number, one in enumerate(agreement.target):
        for earlier in agreement.target[:number]:
            if earlier.competes_in != one.competes_in:
                continue
            if earlier.starts != one.starts:
                yield f"targets {earlier.name} and {one.name} are one promise but start differently"
            elif not earlier.when and _takes_all_of(earlier, one):
                yield f"target {one.name} can never win: {earlier.name} stands before it without conditions"


def _takes_all_of(earlier: Target, later: Target) -> bool:
    return set(later.phase) <= set(earlier.phase) and set(later.activities) <= set(earlier.activities)


def _people(agreement: Agreement) -> Iterator[str]:
    people = agreement.people.root.values()
    steps = [step for one in agreement.target for step in one.escalate]
    if any(step.to == NEXT_IN_LINE for step in steps) and not any(person.in_line for person in people):
        yield "nobody in `people` is in_line, so there is no next_in_line"
    if any(step.do == "tell_manager" for step in steps) and not any(person.manager for person in people):
        yield "nobody in `people` has a manager, so tell_manager reaches nobody"


def _scope(agreement: Agreement) -> Iterator[str]:
    """Who a lead is, not how warm it is, decides under which agreement its clocks run."""
    if any(_asks_for_warmth(condition) for condition in agreement.scope):
        yield "scope: `interest` and `score` change by themselves; choose by field or activity"
    for rule in agreement.not_new:
        if any(_asks_for_warmth(one) or _asks_for_activity(one) for one in rule.when):
            yield f"not_new {rule.name}: who is known already is told by fields, not by what a lead did"


def _asks_for_warmth(condition: Condition) -> bool:
    return (
        condition.interest is not None
        or condition.score is not None
        or any(_asks_for_warmth(one) for one in condition.inner)
    )


def _asks_for_activity(condition: Condition) -> bool:
    return condition.activity is not None or any(_asks_for_activity(one) for one in condition.inner)


def _rejection(agreement: Agreement) -> Iterator[str]:
    rules = agreement.rejection
    both = {one.casefold() for one in rules.recycle} & {one.casefold() for one in rules.disqualify}
    for reason in sorted(both):
        yield f'rejection: "{reason}" is a reason to recycle and to disqualify; it can only be one'
    if rules.cadence and rules.cadence.channels > rules.cadence.attempts:
        yield "rejection.cadence: more channels than attempts"
    agreed = {one.casefold() for one in (*rules.recycle, *rules.disqualify)}
    for reason in agreement.learning.bad_data if agreed else ():
        if reason.casefold() not in agreed:
            yield f'learning.bad_data: "{reason}" is no agreed reason{_near(reason, sorted(agreed))}'
    for reason in rules.cadence.reasons if rules.cadence and agreed else ():
        if reason.casefold() not in agreed:
            yield f'rejection.cadence: "{reason}" is no agreed reason{_near(reason, sorted(agreed))}'
