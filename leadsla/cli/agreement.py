"""``leadsla agreement``: what both sides signed, in sentences, with the holidays it counts on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from leadsla.cli.app import DEFAULT_CONFIG, AsOfOption, ConfigOption, JsonOption, app
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.explain import working_time
from leadsla.cli.imported_hours import as_toml, imported, plain
from leadsla.cli.learned_words import condition
from leadsla.cli.loading import usable
from leadsla.cli.output import out, print_json
from leadsla.settings import Settings
from leadsla.wiring import last_state
from sla_engine.agreement import Agreement
from sla_engine.business_time import DAYS, BusinessHours
from sla_engine.card import UNREMARKABLE
from sla_engine.conditions import Condition
from sla_engine.target import Step, Target
from sync.store.cards import Cards, KeptCard


class Part(StrEnum):
    """What else ``leadsla agreement`` can show."""

    HOURS = "hours"


_STARTS = {
    "phase_entered": "once the lead is {phase}",
    "assigned": "once a person is given the lead while it is {phase}, anew for each",
    "unassigned": "whenever a queue or nobody has the lead while it is {phase}",
    "inbound_activity": "with each {activities} of a lead that is {phase}",
}
PartArgument = Annotated[
    Part | None, typer.Argument(help='"hours": the working hours of a CRM instead of the agreement.')
]
FromOption = Annotated[
    str | None, typer.Option("--from", metavar="CONNECTION", help="The connection to import hours from.")
]
_HOLIDAYS_AHEAD = timedelta(days=365)


@app.command()
def agreement(
    part: PartArgument = None,
    connection: FromOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the agreement in sentences, with the holidays of the year ahead and the scorecards that count.

    `leadsla agreement hours --from CONNECTION` prints the working hours that a CRM keeps instead, as tables
    to paste into the configuration.
    """
    today = (as_of or datetime.now(UTC)).date()
    if part is not None or connection is not None:
        _show_imported(config, connection, today, as_json=as_json)
        return
    settings, book = usable(config)
    cards = _cards(settings)
    if as_json:
        shown = {name: _plain_card(card) for name, card in cards.items()}
        print_json([{**_plain(one, today), "cards": shown} for one in book.agreements])
        return
    lines = [line for one in book.agreements for line in told(one, today)]
    lines += [line for name, card in cards.items() for line in told_card(name, card)]
    for line in lines:
        out.print(line, markup=False)


def _show_imported(config: Path, connection: str | None, today: date, *, as_json: bool) -> None:
    if connection is None:
        raise ConfigurationProblem("name the CRM to import from: `leadsla agreement hours --from CONNECTION`")
    found = imported(config, connection, today)
    if as_json:
        print_json({name: plain(one) for name, one in found.items()})
        return
    for line in as_toml(found):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def _cards(settings: Settings) -> dict[str, KeptCard]:
    """The approved card of each connection that has one."""
    with last_state(settings) as store:
        if store is None:
            return {}
        with store.begin() as db:
            kept = [(name, one) for name in settings.connections for one in Cards(name).kept(db)]
    return {name: one for name, one in kept if one.is_in_force}


def _plain_card(card: KeptCard) -> dict[str, Any]:
    at, by = card.approvals[-1]
    body = None if card.card is None else card.card.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"version": card.version, "approved_at": at.isoformat(), "approved_by": list(by), "card": body}


def told_card(connection: str, card: KeptCard) -> Iterator[str]:
    """A connection's approved card a line at a time."""
    at, by = card.approvals[-1]
    approved = f"approved by {' and '.join(by)} on {at:%d %b %Y}"
    yield f"scorecard of {connection} (version {card.version}), {approved}"
    if card.card is None:
        yield "  this leadsla cannot read it: the starting score counts"
        return
    for line in card.card.lines:
        yield f"  {line.points:+4} {line.group}: {condition(line)}"
    caps = ", ".join(f"{group} {cap}" for group, cap in card.card.caps.items())
    yield f"  a lead that no line says anything about has {UNREMARKABLE} of 100; at most, either way: {caps}"


def _plain(agreed: Agreement, today: date) -> dict[str, Any]:
    days = {name: _holidays(hours, today) for name, hours in agreed.hours.items()}
    return {
        "version": agreed.version,
        **agreed.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "holidays_ahead": {
            name: {day.isoformat(): what for day, what in found} for name, found in days.items()
        },
    }


def told(agreed: Agreement, today: date) -> Iterator[str]:
    """The agreement a line at a time."""
    yield f"{agreed.name} (version {agreed.version})"
    if agreed.scope:
        yield f"  for leads where {_all(agreed.scope)}"
    groups = ", ".join(" or ".join(group) for group in agreed.minimum.required)
    yield f"  must be known: {groups or 'nothing'}"
    for criterion in agreed.fit:
        side = "speaks for" if criterion.verdict == "buyer" else "rules out"
        yield f"  {side} a buyer: {criterion.because} ({_condition(criterion)})"
    interest = agreed.interest
    points = ", ".join(f"{kind.replace('_', ' ')} {value:g}" for kind, value in interest.points.items())
    yield f"  interest: {points or 'no points'}; halves every {interest.half_life.days} days"
    bands = interest.bands
    yield f"    low from {bands.low:g} points, medium from {bands.medium:g}, high from {bands.high:g}"
    sure = " and a sign for a buyer" if agreed.handover.fit == "buyer" else ""
    least = f" and a score of at least {agreed.handover.score}" if agreed.handover.score else ""
    wanted = f"interest {agreed.handover.interest}{sure}{least}"
    yield f"  ready for sales: the minimum is known, nothing rules it out, {wanted}"
    if agreed.scoring.holdout:
        yield f"    {agreed.scoring.holdout:.0%} of leads are held out: routed without the score"
    for target in agreed.target:
        yield from _target(target)
    yield from _rejection(agreed)
    for rule in agreed.not_new:
        yield f"  no new lead: {rule.because} ({_all(rule.when)})"
    for source, goal in agreed.volume.per_month.items():
        yield f"  marketing hands over {goal} a month{'' if source == '*' else f' from {source}'}"
    for name, hours in agreed.hours.items():
        yield from _calendar(name, hours, today)


def _target(target: Target) -> Iterator[str]:
    phase = " or ".join(target.phase)
    activities = " or ".join(kind.replace("_", " ") for kind in target.activities)
    start = _STARTS[target.starts].format(phase=phase, activities=activities)
    by = ", ".join(name.replace("_", " ") for name in target.met_by)
    yield f'  target "{target.name}": {target.responsible}, {working_time(target.within)} {start}'
    if target.when:
        yield f"    if {_all(target.when)}"
    yield f"    hours: {target.hours}; at risk at {min(target.warn_at):.0%}; met by {by}"
    for pause in target.pauses:
        yield f"    stands still: {pause.when.replace('_', ' ')}, at most {pause.at_most.days} days"
    for step in target.escalate:
        yield f"    {_when(step)}: {step.do.replace('_', ' ')}{f' to {step.to}' if step.to else ''}"


def _when(step: Step) -> str:
    at = f"at {step.at:.0%}" if isinstance(step.at, float) else f"after {working_time(step.at)}"
    again = f", then every {working_time(step.every)}, {step.times} times in all" if step.every else ""
    return f"{at}{again}"


def _rejection(agreed: Agreement) -> Iterator[str]:
    rules = agreed.rejection
    for word, reasons in (("recycled", rules.recycle), ("disqualified", rules.disqualify)):
        if reasons:
            yield f"  {word} because of: {', '.join(reasons)}"
    if rules.cadence:
        tries = rules.cadence
        yield (
            f"    {', '.join(tries.reasons)}: only after {tries.attempts} attempts"
            f" on {tries.channels} channels within {tries.working_days} working days"
        )


def _calendar(name: str, hours: BusinessHours, today: date) -> Iterator[str]:
    yield f"  hours of {name} ({hours.tz})"
    week = [(day, tuple(hours.weekly.get(day, ()))) for day in DAYS]
    for shifts, days in groupby(week, key=lambda one: one[1]):
        names = [day for day, _ in days]
        span = names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}"
        yield f"    {span}: {', '.join(f'{_clock(a)}-{_clock(b)}' for a, b in shifts) or 'closed'}"
    for day, what in _holidays(hours, today):
        yield f"    closed {day:%a %d %b %Y}: {what}"


def _holidays(hours: BusinessHours, today: date) -> list[tuple[date, str]]:
    """The holidays of the year ahead on which this calendar would otherwise be open."""
    days = (today + timedelta(days=ahead) for ahead in range(_HOLIDAYS_AHEAD.days))
    return [
        (day, what)
        for day in days
        if (what := hours.holiday(day))
        and day not in hours.overrides
        and hours.weekly.get(DAYS[day.weekday()])
    ]


def _clock(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}"


def _all(conditions: tuple[Condition, ...]) -> str:
    return " and ".join(_condition(one) for one in conditions)


def _condition(one: Condition) -> str:
    """A condition as it was written, in words."""
    if one.any_ is not None:
        return f"({' or '.join(_condition(inner) for inner in one.any_)})"
    if one.all_ is not None:
        return f"({_all(one.all_)})"
    if one.not_ is not None:
        return f"not {_condition(one.not_)}"
    tests = one.model_dump(mode="json", by_alias=True, exclude_none=True)
    subject = one.field or next(
        f"{word} {tests[word]}".replace("_", " ")
        for word in ("activity", "interest", "score")
        if word in tests
    )
    words = ("is", "in", "at_least", "at_most", "matches", "missing", "content")
    said = [
        f"{word.replace('_', ' ')} {', '.join(tests[word]) if isinstance(tests[word], list) else tests[word]}"
        for word in words
        if word in tests
    ]
    return " ".join((subject, *said))
