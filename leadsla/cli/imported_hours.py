"""``leadsla agreement hours``: the working hours a CRM keeps, as tables to paste into the configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from connectors.calendars import CrmHours, KeepsHours, Shifts
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.loading import chosen
from leadsla.settings import load
from leadsla.wiring import opened_crm
from sla_engine.business_time import DAYS, BusinessHours

_YEARS_AHEAD = 2


def imported(config: Path, connection: str, today: date) -> Mapping[str, CrmHours]:
    """The calendars of a connection's CRM by a name for the agreement; holidays until two years ahead."""
    ((name, settings),) = chosen(load(config), connection).items()
    with opened_crm(name, settings) as crm:
        if not isinstance(crm, KeepsHours):
            what = f"{settings.crm} keeps no business hours"
            raise ConfigurationProblem(f"{what}; write [agreement.hours] by hand")
        found = crm.business_hours(date(today.year, 1, 1), date(today.year + _YEARS_AHEAD, 12, 31))
    if not found:
        raise ConfigurationProblem("the CRM has no active business hours; write [agreement.hours] by hand")
    return _named(found)


def _named(found: Sequence[CrmHours]) -> dict[str, CrmHours]:
    named: dict[str, CrmHours] = {}
    for one in found:
        name = re.sub(r"[^a-z0-9]+", "_", one.name.casefold()).strip("_") or "hours"
        beside = (f"{name}_{number}" for number in range(2, len(found) + 2))
        named[name if name not in named else next(it for it in beside if it not in named)] = one
    return named


def as_toml(found: Mapping[str, CrmHours]) -> Iterator[str]:
    """Tables for the configuration, a line at a time; what the agreement would not take is commented out."""
    for name, one in found.items():
        trouble = _trouble(one)
        yield from (f"# {remark}" for remark in _remarks(one))
        yield from (f"# left out: {trouble}",) if trouble else ()
        yield from (f"# {line}" if trouble else line for line in _table(name, one))
        yield ""


def plain(one: CrmHours) -> dict[str, Any]:
    """A calendar as the agreement takes it."""
    return {
        "tz": one.tz,
        "weekly": {day: one.weekly[day] for day in DAYS if day in one.weekly},
        "holidays": [day.isoformat() for day in one.holidays],
        "overrides": {day.isoformat(): shifts for day, shifts in one.overrides.items()},
    }


def _remarks(one: CrmHours) -> Iterator[str]:
    default = " (the default there)" if one.is_default else ""
    name = " ".join(one.name.split())
    yield f"{name}{default}; holidays are known until {one.known_until}, import them again before that"
    yield from one.remarks


def _trouble(one: CrmHours) -> str:
    """Why the agreement would not take a calendar; empty if it would."""
    try:
        BusinessHours.model_validate(plain(one))
    except ValidationError as error:
        return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
    return ""


def _table(name: str, one: CrmHours) -> Iterator[str]:
    week = ", ".join(f"{day} = {_written(one.weekly[day])}" for day in DAYS if day in one.weekly)
    yield f"[agreement.hours.{name}]"
    yield f"tz = {json.dumps(one.tz)}"
    yield f"weekly = {{ {week} }}" if week else "weekly = {}"
    if one.holidays:
        yield "holidays = ["
        yield from (f"    {day}, # {' '.join(what.split())}" for day, what in one.holidays.items())
        yield "]"
    if one.overrides:
        days = ", ".join(f"{day} = {_written(shifts)}" for day, shifts in one.overrides.items())
        yield f"overrides = {{ {days} }}"


def _written(shifts: Shifts) -> str:
    return json.dumps([list(shift) for shift in shifts])
