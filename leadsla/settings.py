"""config.toml, read and checked: every problem at once, with the nearest right name.

What the file's tables look like lives here and in the houses that own them
(``connectors.mapping``, ``sla_engine.agreement``); what they mean lives there.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from connectors.base import Problem
from connectors.connection import API_VERSION, ApiVersion
from connectors.mapping import ActivitySource, ConnectionMapping, LeadObject, MappedField, Strict, Writes
from leadsla.keeping import keeping_problems
from leadsla.lenient import Reading, read
from leadsla.mistakes import Place, is_follow_up
from leadsla.secret_names import can_be_rewritten, is_loopback
from sla_engine.agreement import Agreement
from sla_engine.book import Book
from sla_engine.interest import BEHAVIOUR
from sla_engine.model import LifecycleStage
from sync.store import StoreUnusable, address_from

HUBSPOT = "https://api.hubapi.com"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _duration(raw: object) -> object:
    if isinstance(raw, str) and raw[:-1].isdigit() and raw[-1:] in _UNITS:
        return timedelta(seconds=int(raw[:-1]) * _UNITS[raw[-1]])
    if isinstance(raw, timedelta):
        return raw
    raise ValueError('a duration is written like "60s", "5m" or "1h"')


def _address(raw: str) -> str:
    """A CRM's address: scheme and host, no more; unencrypted only on this machine."""
    try:
        parts = urlsplit(raw.strip())
        host = parts.netloc.rpartition("@")[2] if parts.port != 0 else ""
    except ValueError:
        host = ""
    if not host or parts.scheme not in {"http", "https"}:
        raise ValueError(f'is no address of a CRM; write "{_likely(raw.strip())}"')
    if "@" in parts.netloc:
        raise ValueError(f'holds a user name or password; write "https://{host}"')
    if parts.scheme == "http" and not is_loopback(raw):
        raise ValueError(f'would send the secrets unencrypted; write "https://{host}"')
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f'goes on after the host; write "{parts.scheme}://{host}"')
    return f"{parts.scheme}://{host}"


def _likely(raw: str) -> str:
    host = re.search(r"(?:^|/)((?:[\w-]+\.)+\w+|localhost)(:\d{1,4})?(?:[/?#]|$)", raw)
    if host is None:
        return "https://example.my.salesforce.com"
    scheme = "http" if is_loopback(f"http://{host[1]}") else "https"
    return f"{scheme}://{host[1]}{host[2] or ''}"


def _webhook_address(raw: str) -> str:
    """The address as entered at the CRM: it is signed as it stands there, so nothing is put right."""
    try:
        parts = urlsplit(raw)
        is_whole = bool(parts.hostname) and bool(parts.path.strip("/")) and not parts.fragment
    except ValueError:
        is_whole = False
    if not is_whole or parts.scheme not in {"https", "http"}:
        raise ValueError(
            'is not the whole address HubSpot calls; write "https://leadsla.example.com/hints/NAME"'
        )
    if parts.scheme == "http" and not is_loopback(raw):
        raise ValueError(f'would be called unencrypted; write "{raw.replace("http://", "https://", 1)}"')
    return raw


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Address = Annotated[str, AfterValidator(_address)]


class StoreSettings(Strict):
    url: str = "sqlite:///leadsla.db"


class ScheduleSettings(Strict):
    """How often to poll, and how often to count all leads (``sweep``; "0s": never)."""

    every: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(seconds=60)
    sweep: Annotated[Duration, Field(ge=timedelta(0))] = timedelta(hours=24)


class SafetySettings(Strict):
    max_changed_share: float = Field(default=0.5, gt=0, le=1)
    max_changed_floor: int = Field(default=500, ge=0)


class RolloutSettings(Strict):
    """How far leadsla may go in one CRM. Shadow (nothing written) unless an admin says more."""

    mode: Literal["shadow", "fields", "live"] = "shadow"
    effective_from: AwareDatetime | None = None
    max_new_tasks_per_owner_per_day: int = Field(default=20, ge=0)
    max_new_tasks_per_run: int = Field(default=200, ge=0)


class WebhookSettings(Strict):
    """An app's webhook: the name of its client secret, the address that HubSpot calls, its signature."""

    secret: str
    url: Annotated[str, AfterValidator(_webhook_address)]
    signature: Literal["v3", "v1"] = "v3"


_OWN_LEAD_OBJECT: Mapping[str, LeadObject] = {"salesforce": "leads", "hubspot": "contacts"}


class ConnectionSettings(Strict):
    """One CRM: where it is, how to sign in, and its words."""

    crm: Literal["salesforce", "hubspot"]
    base_url: Address = Field(default=HUBSPOT, validate_default=True)
    auth: Mapping[str, str]
    api_version: ApiVersion = API_VERSION
    provision_auth: Mapping[str, str] = Field(default_factory=dict)
    webhook: WebhookSettings | None = None
    automation_users: tuple[str, ...] = ()
    rollout: RolloutSettings = RolloutSettings()
    lead_object: LeadObject = "contacts"
    lead: Mapping[str, MappedField]
    stages: Mapping[str, Mapping[str, LifecycleStage]]
    activities: Mapping[str, ActivitySource] = Field(default_factory=dict)
    writes: Writes = Writes()

    @field_validator("base_url")
    @classmethod
    def _own_domain(cls, url: str, info: ValidationInfo) -> str:
        if info.data.get("crm") == "salesforce" and url == HUBSPOT:
            raise ValueError('is not said; write your My Domain, like "https://example.my.salesforce.com"')
        return url

    @field_validator("auth", "provision_auth")
    @classmethod
    def _renewable(cls, auth: Mapping[str, str]) -> Mapping[str, str]:
        """A refresh token is another one tomorrow: it must be kept where it can be rewritten."""
        if not can_be_rewritten(auth.get("refresh_token", "")):
            raise ValueError(
                "names an environment variable for refresh_token, where a renewed one cannot be kept;"
                ' write "file:PATH" or "keyring:SERVICE/USER"'
            )
        return auth

    @field_validator("api_version")
    @classmethod
    def _of_hubspot(cls, version: ApiVersion, info: ValidationInfo) -> ApiVersion:
        if info.data.get("crm") == "salesforce":
            raise ValueError("is HubSpot's; leave it out for Salesforce")
        return version

    @field_validator("webhook")
    @classmethod
    def _has_webhooks(cls, webhook: WebhookSettings | None, info: ValidationInfo) -> WebhookSettings | None:
        if webhook is not None and info.data.get("crm") == "salesforce":
            raise ValueError("is HubSpot's; Salesforce is polled: remove it")
        return webhook

    @model_validator(mode="before")
    @classmethod
    def _own_lead_object(cls, raw: Any) -> Any:
        """What carries the clocks where nothing is said: the CRM's own."""
        own = _OWN_LEAD_OBJECT.get(str(raw.get("crm"))) if isinstance(raw, Mapping) else None
        return {"lead_object": own, **raw} if own else raw

    @property
    def delivers_behaviour(self) -> bool:
        """Whether some source brings what leads do themselves, with a ground to score it."""
        return any(source.consent and source.delivers & BEHAVIOUR for source in self.activities.values())

    @property
    def fingerprint(self) -> str:
        """Names how records are read: another mapping, another fingerprint."""
        read = {"lead", "stages", "activities", "automation_users"}
        if self.lead_object != _OWN_LEAD_OBJECT[self.crm]:  # so that it is no news to who never used it
            read.add("lead_object")
        return hashlib.sha256(self.model_dump_json(include=read).encode()).hexdigest()[:16]

    @property
    def mapping(self) -> ConnectionMapping:
        return ConnectionMapping(
            lead_object=self.lead_object,
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
    raw = _table_in(path)
    if isinstance(raw, Problem):
        return replace(nothing, problems=(raw,))
    top = read(_Top, raw, "")
    if top.value is None:
        return replace(nothing, problems=top.problems)
    connections = _connections(top.value.connections)
    agreements = _agreements(top.rest.get("agreement"), top.value.agreements)
    readings: list[Reading[Any]] = [top, *connections.values(), *agreements]
    found = [problem for reading in readings for problem in reading.problems]
    left_out = _left_out({"": top, **{f"connections.{name}": one for name, one in connections.items()}})
    whole = {name: one.value for name, one in connections.items() if one.value is not None}
    usable = [one.value for one in agreements if one.value is not None]
    for agreement in usable:
        for problem in keeping_problems(agreement, whole, top.value.schedule.every):
            if problem not in found and not is_follow_up(_place(problem), problem.what, left_out):
                found.append(problem)
    found += _absent(raw, top)
    store, wrong = _store(top.value.store, path)
    return Settings(
        path,
        store,
        top.value.schedule,
        top.value.safety,
        {name: one for name, one in whole.items() if not _way_in_is_faulty(connections[name])},
        Book.of(*usable) if usable else None,
        (*found, *wrong),
    )


def _table_in(path: Path) -> dict[str, Any] | Problem:
    where = str(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return Problem(where, f"there is no file {path}", "run `leadsla init` to make one")
    except OSError as error:
        remedy = "name a file that you can read with --config"
        return Problem(where, f"cannot be read: {(error.strerror or 'no reason given').lower()}", remedy)
    except UnicodeDecodeError:
        return Problem(where, "is no text in UTF-8", "save it as UTF-8")
    except tomllib.TOMLDecodeError as error:
        return Problem(where, f"is not TOML: {error}", "mend the line it names")


def _connections(tables: Mapping[str, Any]) -> dict[str, Reading[ConnectionSettings]]:
    return {name: read(ConnectionSettings, table, f"connections.{name}") for name, table in tables.items()}


def _way_in_is_faulty(reading: Reading[ConnectionSettings]) -> bool:
    """Whether address or sign-in are not what was meant: nothing is sent there."""
    return any(place[0] in {"crm", "base_url", "auth"} for place in reading.faulty)


def _agreements(raw: Any, named: Mapping[str, Any]) -> list[Reading[Agreement]]:
    """Every agreement; a named one takes from [agreement] what it does not say itself."""
    if raw is None:
        return []
    general = read(Agreement, raw, "agreement")
    known = {(one.where.removeprefix("agreement"), one.what) for one in general.problems}
    found = []
    for name, table in named.items():
        where = f"agreements.{name}"
        if not isinstance(table, Mapping) or not table.get("scope"):
            found.append(Reading[Agreement](None, (Problem(where, "has no scope", _SCOPE),)))
            continue
        shared = raw if isinstance(raw, Mapping) else {}
        special = read(Agreement, {**shared, "name": name, **table}, where)
        news = [one for one in special.problems if (one.where.removeprefix(where), one.what) not in known]
        found.append(replace(special, problems=tuple(news)))
    return [*found, general]


_SCOPE = "say in `scope` which leads it is for"


def _left_out(readings: Mapping[str, Reading[Any]]) -> list[Place]:
    return [
        (*filter(None, where.split(".")), *place)
        for where, reading in readings.items()
        for place in reading.faulty
    ]


def _place(problem: Problem) -> Place:
    return tuple(problem.where.split("."))


def _absent(raw: Mapping[str, Any], top: Reading[_Top]) -> Iterator[Problem]:
    if "agreement" not in raw and ("agreement",) not in top.faulty:
        yield Problem("agreement", "is missing", "add [agreement]; see `leadsla init`")
    if not raw.get("connections") and ("connections",) not in top.faulty:
        yield Problem("connections", "there is none", "add [connections.NAME]; see `leadsla init`")


def _store(store: StoreSettings, path: Path) -> tuple[StoreSettings, list[Problem]]:
    """A relative file is meant from the folder of the configuration."""
    try:
        return StoreSettings(url=address_from(store.url, path.absolute().parent)), []
    except StoreUnusable as error:
        what, _, remedy = str(error).partition("; ")
        return store, [Problem("store.url", what, remedy)]
