"""Whether an agreement can be kept on a connection: what it asks for must be mapped there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING

from connectors.base import Problem
from sla_engine.agreement import Agreement
from sla_engine.conditions import Condition
from sla_engine.model import ActivityKind
from sla_engine.verdict import InterestBand

if TYPE_CHECKING:
    from leadsla.settings import ConnectionSettings

_POLLS = 3
_DERIVED = ("email_kind", "phone_kind", "mobile_kind")


def keeping_problems(
    agreement: Agreement, connections: Mapping[str, ConnectionSettings], every: timedelta
) -> Iterator[Problem]:
    """Everything the agreement needs and a connection does not deliver, and targets too short to watch."""
    for target in agreement.target:
        if target.within < _POLLS * every:
            yield Problem(
                f"agreement.target {target.name}",
                f"{target.within} is shorter than {_POLLS} polls ({every} each)",
                "poll more often in [schedule], or give it more time",
            )
    for name, connection in connections.items():
        where = f"connections.{name}"
        yield from _fields(where, agreement, connection)
        yield from _behaviour(where, agreement, connection)
        yield from _idle_targets(where, agreement, connection)
        if agreement.rejection.reason_needed and "reason" not in connection.lead:
            yield Problem(
                f"{where}.lead",
                "maps no `reason`, so no rejection would count as an answer",
                "map the field with sales' reason, or set agreement.rejection.reason_needed = false",
            )


def _fields(where: str, agreement: Agreement, connection: ConnectionSettings) -> Iterator[Problem]:
    known = {*connection.lead, *_DERIVED}
    for field, user in sorted(fields_asked(agreement).items()):
        if field not in known:
            near = get_close_matches(field, sorted(connection.lead), 1)
            hint = f'did you mean "{near[0]}"?' if near else "map it, or leave it out of the agreement"
            yield Problem(f"{where}.lead", f'has no "{field}", which {user} asks for', hint)


def fields_asked(agreement: Agreement) -> dict[str, str]:
    """Our lead fields that the agreement speaks of, each with the first place that does."""
    asked: dict[str, str] = {}
    for group in agreement.minimum.required:
        for field in group:
            asked.setdefault(field, "agreement.minimum")
    for condition, user in _conditions(agreement):
        for field in _fields_of(condition):
            asked.setdefault(field, user)
    if any(target.hours == "region" for target in agreement.target):
        asked.setdefault(agreement.region, "agreement.region")
    if agreement.rejection.return_on:
        asked.setdefault(agreement.rejection.return_on, "agreement.rejection")
    if any(source != "*" for source in agreement.volume.per_month):
        asked.setdefault(agreement.volume.source, "agreement.volume")
    learning = agreement.learning
    named = (learning.account,) if "account" in learning.model_fields_set else ()
    for field in (*named, *(learning.fields or ())):
        asked.setdefault(field, "agreement.learning")
    return asked


def _conditions(agreement: Agreement) -> Iterator[tuple[Condition, str]]:
    yield from ((one, f"fit {one.name}") for one in agreement.fit)
    yield from ((one, f"target {target.name}") for target in agreement.target for one in target.when)
    yield from ((one, f"not_new {rule.name}") for rule in agreement.not_new for one in rule.when)
    yield from ((one, "scope") for one in agreement.scope)


def _fields_of(condition: Condition) -> Iterator[str]:
    yield from (one.field for one in _parts_of(condition) if one.field)


def _parts_of(condition: Condition) -> Iterator[Condition]:
    """A condition and every one inside it."""
    yield condition
    for one in condition.inner:
        yield from _parts_of(one)


def _behaviour(where: str, agreement: Agreement, connection: ConnectionSettings) -> Iterator[Problem]:
    scored = agreement.interest.scored_kinds
    delivered: set[ActivityKind] = set()
    for name, source in connection.activities.items():
        kinds = source.delivers & scored
        if kinds and not source.consent:
            yield Problem(
                f"{where}.activities.{name}",
                "has no `consent`: nothing from here is ever scored",
                'say "declared", or name the lead field that says so',
                is_warning=True,
            )
        elif kinds:
            delivered |= kinds
        if source.consent not in {"", "declared", *connection.lead}:
            yield Problem(
                f"{where}.activities.{name}.consent",
                f'"{source.consent}" is no field of {where}.lead',
                'name one, or say "declared"',
            )
    if delivered:
        return
    if agreement.handover.interest is not InterestBand.NONE:
        yield Problem(
            f"{where}.activities",
            "nothing here delivers behaviour, but agreement.handover needs interest",
            'map a source with `consent`, or set agreement.handover.interest = "none"',
        )
    for condition, user in _conditions(agreement):
        if any(one.interest is not None for one in _parts_of(condition)):
            yield Problem(
                f"{where}.activities",
                f"nothing here delivers behaviour, but {user} asks for interest",
                "map a source with `consent`, or leave the condition out",
            )


def _idle_targets(where: str, agreement: Agreement, connection: ConnectionSettings) -> Iterator[Problem]:
    """Targets that nothing here could ever start or meet."""
    delivered = {kind for source in connection.activities.values() for kind in source.delivers}
    for target in agreement.target:
        if target.activities and not delivered.intersection(target.activities):
            kinds = ", ".join(target.activities)
            yield Problem(
                f"{where}.activities",
                f"nothing here delivers {kinds}, so agreement.target {target.name} never starts",
                "map a source of it, or leave the target out",
            )
        if target.met_by == ("enrolled",) and ActivityKind.ENROLLED not in delivered:
            yield Problem(
                f"{where}.activities",
                f"nothing here delivers enrolled, so agreement.target {target.name} is never met",
                "map a source of it, or name another proof in `met_by`",
            )
