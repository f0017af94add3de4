"""Whether mapping, rights and our own fields fit the account's schema: every problem at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from connectors.base import Problem
from connectors.findings import nearest, unknown_users, unknown_values, without_stage
from connectors.hubspot.client import Client
from connectors.hubspot.email_events import PATH
from connectors.hubspot.fields import LEAD_STAMP, OWNER, definitions
from connectors.hubspot.people import People
from connectors.hubspot.read import EMAIL_EVENTS
from connectors.hubspot.refusals import Denied, Refused
from connectors.mapping import FREE_TEXT, ActivitySource, ConnectionMapping, Converter

Schema = Mapping[str, Mapping[str, Any]]
_PROVISION = "run `leadsla provision`"
_TYPES: Mapping[Converter, frozenset[str]] = {
    "number": frozenset({"number"}),
    "integer": frozenset({"number"}),
    "boolean": frozenset({"bool", "enumeration"}),
    "datetime": frozenset({"datetime", "date"}),
    "date": frozenset({"datetime", "date"}),
}


class Check:
    """One comparison of a mapping with an account. Raises only when the account cannot be reached."""

    def __init__(self, client: Client, mapping: ConnectionMapping, people: People) -> None:
        self._client = client
        self._mapping = mapping
        self._people = people

    def problems(self) -> list[Problem]:
        self._client.forget_schemas()
        contacts = self._schema("contacts")
        if isinstance(contacts, Problem):
            return [contacts]
        found = [*self._lead(contacts), *self._stages(contacts)]
        for name, source in self._mapping.activities.items():
            found += self._activity(f"activities.{name}", source, contacts)
        writing = (*self._ours(contacts), *self._writes(contacts))
        found += (replace(one, is_about_writing=True) for one in writing)
        return [*found, *self._tasks(), *self._owners(), *self._endings()]

    def _schema(self, kind: str) -> Schema | Problem:
        try:
            return self._client.schema(kind)
        except (Denied, Refused) as error:
            return Problem("rights", str(error), f"give the access token the right to read {kind}")

    def _lead(self, contacts: Schema) -> Iterator[Problem]:
        for name, mapped in self._mapping.lead.items():
            where = f"lead.{name}"
            yield from _missing(where, mapped.field, contacts, "contacts")
            allowed = _TYPES.get(mapped.as_)
            shown = str(contacts.get(mapped.field, {}).get("type") or "")
            if allowed and shown and shown not in allowed:
                what = f"{mapped.field} is a {shown} in HubSpot and is read as {mapped.as_}"
                if shown in FREE_TEXT:
                    aside = f"a lead whose text is no {mapped.as_} is set aside"
                    yield Problem(where, what, aside, is_warning=True)
                else:
                    yield Problem(where, what, "name another `as`, or another property")

    def _stages(self, contacts: Schema) -> Iterator[Problem]:
        for field, meanings in self._mapping.stages.items():
            where = f"stages.{field}"
            yield from _missing(where, field, contacts, "contacts")
            yield from unknown_values(where, field, meanings, _options(field, contacts))
        options = {field: _options(field, contacts) for field in self._mapping.stages}
        yield from without_stage(self._mapping, options)

    def _activity(self, where: str, source: ActivitySource, contacts: Schema) -> Iterator[Problem]:
        if source.history_of:
            yield from _missing(f"{where}.history_of", source.history_of, contacts, "contacts")
            yield from _kinds(where, source, source.history_of, contacts)
            return
        if source.object == EMAIL_EVENTS:
            yield from self._email_events(where)
            return
        schema = self._schema(source.object)
        if isinstance(schema, Problem):
            yield Problem(where, f"{schema.what}; this source is skipped", schema.remedy, is_warning=True)
            return
        named = ("at", "known_at", "kind_from", "actor", "content", "outcome")
        for part in named:
            field = getattr(source, part)
            if field:
                yield from _missing(f"{where}.{part}", field, schema, source.object)
        for field in source.only:
            yield from _missing(f"{where}.only", field, schema, source.object)
        if source.kind_from:
            yield from _kinds(where, source, source.kind_from, schema)

    def _email_events(self, where: str) -> Iterator[Problem]:
        try:
            self._client.get(PATH, {"limit": "1"})
        except (Denied, Refused) as error:
            remedy = "give the access token the scope `content`, or take the source out of the mapping"
            yield Problem(where, f"{error}; this source is skipped", remedy, is_warning=True)

    def _ours(self, contacts: Schema) -> Iterator[Problem]:
        tasks = self._schema("tasks")
        if isinstance(tasks, Problem):
            return  # ``_tasks`` tells it
        gaps = []
        for kind, wanted in definitions():
            schema = contacts if kind == "contacts" else tasks
            ours, shown = f"{kind}.{wanted['name']}", schema.get(wanted["name"])
            if shown is None:
                gaps.append(ours)
            elif shown.get("type") != wanted["type"]:
                what = f"{ours} is a {shown.get('type')}, not a {wanted['type']}"
                yield Problem("writes", what, f"remove the property in HubSpot and {_PROVISION}")
            elif _is_read_only(shown):
                yield Problem("writes", f"{ours} cannot be written", "make the property editable in HubSpot")
        if gaps:
            yield Problem("writes", f"our properties are missing: {', '.join(gaps)}", _PROVISION)

    def _tasks(self) -> Iterator[Problem]:
        tasks = self._schema("tasks")
        if isinstance(tasks, Problem):
            yield tasks

    def _writes(self, contacts: Schema) -> Iterator[Problem]:
        where = "writes"
        for stage in self._mapping.writes.stages:
            target = self._mapping.stage_value(stage)
            if target is None:
                yield Problem(
                    f"{where}.stages", f"no HubSpot value is mapped to {stage}", "map one, or leave it out"
                )
            elif _is_read_only(contacts.get(target[0], {})):
                yield Problem(
                    f"{where}.stages", f"{target[0]} cannot be written", "map another property first"
                )
        if self._mapping.writes.owner and _is_read_only(contacts.get(OWNER, {})):
            yield Problem(f"{where}.owner", f"{OWNER} cannot be written", "set it to false")

    def _endings(self) -> Iterator[Problem]:
        """What HubSpot itself said while it answered the calls above."""
        for family, day in sorted(self._client.line.endings.items()):
            remedy = "set `api_version` to a later one, or update leadsla, before that day"
            yield Problem("api_version", f"HubSpot ends {family} {day}", remedy, is_warning=True)

    def _owners(self) -> Iterator[Problem]:
        """Contacts and owners must be readable at all."""
        try:
            self._client.page_of("contacts", limit=1, properties=[LEAD_STAMP])
            self._client.owners(archived=False)
            if self._mapping.automation_users:
                yield from unknown_users(self._mapping.automation_users, *self._people.known_as())
        except (Denied, Refused) as error:
            remedy = "give the access token crm.objects.contacts.read and crm.objects.owners.read"
            yield Problem("rights", str(error), remedy)


def _missing(where: str, field: str, schema: Schema, kind: str) -> Iterator[Problem]:
    if field not in schema:
        yield Problem(where, f"HubSpot {kind} have no property {field}", nearest(field, schema))


def _kinds(where: str, source: ActivitySource, field: str, schema: Schema) -> Iterator[Problem]:
    return unknown_values(f"{where}.kinds", field, source.kinds, _options(field, schema))


def _options(field: str, schema: Schema) -> list[str]:
    return [str(one["value"]) for one in schema.get(field, {}).get("options") or ()]


def _is_read_only(shown: Mapping[str, Any]) -> bool:
    return bool((shown.get("modificationMetadata") or {}).get("readOnlyValue") or shown.get("calculated"))
