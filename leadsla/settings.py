"""config.toml, read and checked: every problem at once, with the nearest right name.

What the file's tables look like lives here and in the houses that own them
(``connectors.mapping``, ``sla_engine.agreement``); what they mean lives there.
"""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from connectors.base import Problem
from connectors.mapping import ActivitySource, ConnectionMapping, MappedField, Strict, Writes
from leadsla.keeping import keeping_problems
from sla_engine.agreement import Agreement
from sla_engine.book import Book
from sla_engine.interest import BEHAVIOUR
from sla_engine.model import LifecycleStage

M = TypeVar("M", bound=BaseModel)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration(raw: object) -> object:
    if isinstance(raw, str) and raw[:-1].isdigit() and raw[-1:] in _UNITS:
        return timedelta(seconds=int(raw[:-1]) * _UNITS[raw[-1]])
    if isinstance(raw, timedelta):
        return raw
    raise ValueError('a duration is written like "60s", "5m" or "1h"')


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class StoreSettings(Strict):
    url: str = "sqlite:///leadsla.db"


class ScheduleSettings(Strict):
    every: Duration = timedelta(seconds=60)


class SafetySettings(Strict):
    max_changed_share: float = Field(default=0.5, gt=0, le=1)
    max_changed_floor: int = Field(default=500, ge=0)


class RolloutSettings(Strict):
    """How far leadsla may go in one CRM. Shadow (nothing written) unless an admin says more."""

    mode: Literal["shadow", "fields", "live"] = "shadow"
    effective_from: datetime | None = None
    max_new_tasks_per_owner_per_day: int = Field(default=20, ge=0)
    max_new_tasks_per_run: int = Field(default=200, ge=0)


class ConnectionSettings(Strict):
    """One CRM: where it is, how to sign in, and its words."""

    crm: Literal["salesforce", "hubspot"]
    base_url: str = "https://api.hubapi.com"
    auth: Mapping[str, str]
    automation_users: tuple[str, ...] = ()
    rollout: RolloutSettings = RolloutSettings()
    lead: Mapping[str, MappedField]
    stages: Mapping[str, Mapping[str, LifecycleStage]]
    activities: Mapping[str, ActivitySource] = Field(default_factory=dict)
    writes: Writes = Writes()

    @property
    def delivers_behaviour(self) -> bool:
        """Whether some source brings what leads do themselves, with a ground to score it."""
        return any(source.consent and source.delivers & BEHAVIOUR for source in self.activities.values())

    @property
    def fingerprint(self) -> str:
        """Names how records are read: another mapping, another fingerprint."""
        read = {"lead", "stages", "activities", "automation_users"}
        return hashlib.sha256(self.model_dump_json(include=read).encode()).hexdigest()[:16]

    @property
    def mapping(self) -> ConnectionMapping:
        return ConnectionMapping(
            lead=self.lead,
            stages=self.stages,
            activities=self.activities,
            writes=self.writes,
            automation_users=self.automation_users,
        )


class _Top(Strict):
    """The tables that stand alone."""

    store: StoreSettings = StoreSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    safety: SafetySettings = SafetySettings()
    connections: Mapping[str, Any] = Field(default_factory=dict)
    agreement: Any = None
    agreements: Mapping[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """What could be read. With ``problems`` the rest is still usable for further checks, never for a run."""

    path: Path
    store: StoreSettings
    schedule: ScheduleSettings
    safety: SafetySettings
    connections: Mapping[str, ConnectionSettings] = field(default_factory=dict)
    book: Book | None = None
    problems: tuple[Problem, ...] = ()


def load(path: Path) -> Settings:
    """Read ``path``. Never raises for its content: what is wrong stands in ``problems``."""
    nothing = Settings(path, StoreSettings(), ScheduleSettings(), SafetySettings())
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _failed(nothing, f"there is no file {path}", "run `leadsla init` to make one")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return _failed(nothing, f"is not TOML: {error}", "mend the line it names")
    problems: list[Problem] = []
    top = _lenient(_Top, raw, "", problems)
    if top is None:
        return Settings(path, nothing.store, nothing.schedule, nothing.safety, problems=tuple(problems))
    connections = {}
    for name, table in top.connections.items():
        connection = _lenient(ConnectionSettings, table, f"connections.{name}", problems)
        if connection is not None:
            connections[name] = connection
    book = _book(raw.get("agreement"), top.agreements, problems)
    for agreement in book.agreements if book else ():
        found = keeping_problems(agreement, connections, top.schedule.every)
        problems += [problem for problem in found if problem not in problems]
    if not top.connections:
        problems.append(Problem("connections", "there is none", "add [connections.NAME]; see `leadsla init`"))
    return Settings(path, top.store, top.schedule, top.safety, connections, book, tuple(problems))


def _failed(settings: Settings, what: str, remedy: str) -> Settings:
    problem = Problem(str(settings.path), what, remedy)
    return Settings(settings.path, settings.store, settings.schedule, settings.safety, problems=(problem,))


def _book(raw: Any, named: Mapping[str, Any], problems: list[Problem]) -> Book | None:
    """Every agreement; a named one takes from [agreement] what it does not say itself."""
    if raw is None:
        problems.append(Problem("agreement", "is missing", "add [agreement]; see `leadsla init`"))
        return None
    found = []
    for name, table in named.items():
        where = f"agreements.{name}"
        if not isinstance(table, Mapping) or not table.get("scope"):
            problems.append(Problem(where, "has no scope", "say in `scope` which leads it is for"))
            continue
        found.append(_lenient(Agreement, {**raw, "name": name, **table}, where, problems))
    found.append(_lenient(Agreement, raw, "agreement", problems))
    agreements = [one for one in found if one is not None]
    return Book.of(*agreements) if agreements else None


def _lenient(model: type[M], raw: Any, where: str, problems: list[Problem]) -> M | None:
    """Validate; note each problem, leave the faulty part out and go on, so that all are found."""
    for _ in range(10):
        try:
            return model.model_validate(raw)
        except ValidationError as errors:
            pruned = _copy(raw)
            progress = False
            for error in errors.errors(include_url=False, include_input=False):
                problems.append(_problem(model, error, where))
                progress = _prune(pruned, error["loc"]) or progress
            if not progress:
                return None
            raw = pruned
    return None


def _problem(model: type[BaseModel], error: Any, where: str) -> Problem:
    loc = tuple(str(part) for part in error["loc"])
    place = ".".join(part for part in (where, *loc) if part)
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(loc[-1], _names_at(model, loc[:-1]), 1, 0.5)
        remedy = f'did you mean "{near[0]}"?' if near else "remove it"
        return Problem(place, "is not a known key", remedy)
    if error["type"] == "missing":
        return Problem(place, "is missing", "add it; `leadsla init` writes an example")
    return Problem(place, str(error["msg"]).removeprefix("Value error, "))


def _names_at(model: type[BaseModel], loc: tuple[str, ...]) -> list[str]:
    """The keys that are right at ``loc``: walk the models as far as the annotations tell."""
    current: Any = model
    for part in loc:
        current = _model_in(current.model_fields[part].annotation) if _has(current, part) else current
        if current is None:
            return []
    return [info.alias or name for name, info in current.model_fields.items()]


def _has(current: Any, part: str) -> bool:
    return isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


def _copy(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {key: _copy(value) for key, value in raw.items()}
    return [_copy(value) for value in raw] if isinstance(raw, list) else raw


def _prune(raw: Any, loc: tuple[Any, ...]) -> bool:
    """Take the faulty part out of ``raw``; False if it is not there or the whole is at fault."""
    for part in loc[:-1]:
        if (isinstance(raw, dict) and part in raw) or (
            isinstance(raw, list) and isinstance(part, int) and part < len(raw)
        ):
            raw = raw[part]
        else:
            break
    if loc and isinstance(raw, dict) and loc[-1] in raw:
        del raw[loc[-1]]
        return True
    return False
