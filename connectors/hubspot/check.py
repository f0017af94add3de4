"""Whether mapping, rights and our own fields fit the account's schema: every problem at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from connectors.base import Problem
from connectors.findings import nearest, unknown_users, unknown_values, without_stage
from connectors.hubspot.carrier import CONTACTS, LEADS, OF_CONTACT, carrier_of
from connectors.hubspot.client import Client
from connectors.hubspot.email_events import PATH as EVENTS_PATH
from connectors.hubspot.fields import OWNER, definitions
from connectors.hubspot.form_submissions import PATH as FORMS_PATH
from connectors.hubspot.people import People
from connectors.hubspot.read import EMAIL_EVENTS
from connectors.hubspot.refusals import Denied, Refused
from connectors.mapping import FORM_SUBMISSIONS, FREE_TEXT, ActivitySource, ConnectionMapping, Converter

Schema = Mapping[str, Mapping[str, Any]]
PIPELINE_STAGE = "hs_pipeline_stage"
_NO_LEADS = (
    "the Leads object needs Sales seats and the scope crm.objects.leads.read: set both up in HubSpot,"
    ' or let contacts carry the clocks with lead_object = "contacts"'
)
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
        self._carrier = carrier_of(mapping)

    def problems(self) -> list[Problem]:
        self._client.forget_schemas()
        schema = self._lead_schema()
        if isinstance(schema, Problem):
            return [schema]
        found = [*self._lead(schema), *self._stages(schema)]
        for name, source in self._mapping.activities.items():
            found += self._activity(f"activities.{name}", source, schema)
        writing = (*self._ours(schema), *self._writes(schema))
        found += (replace(one, is_about_writing=True) for one in writing)
        return [*found, *self._tasks(), *self._owners(), *self._endings()]

    def _lead_schema(self) -> Schema | Problem:
        """The properties of a lead; with the Leads object also its contact's, as the mapping calls them."""
        contacts = self._schema(CONTACTS.kind)
        if isinstance(contacts, Problem) or self._carrier is CONTACTS:
            return contacts
        try:
            leads = self._client.schema(LEADS.kind)
            stages = pipeline_stages(self._client)
        except (Denied, Refused) as error:
            return Problem("lead_object", str(error), _NO_LEADS)
        in_pipelines = {**leads.get(PIPELINE_STAGE, {}), "options": [{"value": one} for one in stages]}
        of_contact = {OF_CONTACT + name: told for name, told in contacts.items()}
        return {**leads, PIPELINE_STAGE: in_pipelines, **of_contact}

    def _schema(self, kind: str) -> Schema | Problem:
        try:
            return self._client.schema(kind)
        except (Denied, Refused) as error:
            return Problem("rights", str(error), f"give the access token the right to read {kind}")

    def _lead(self, schema: Schema) -> Iterator[Problem]:
        for name, mapped in self._mapping.lead.items():
            where = f"lead.{name}"
            yield from _missing(where, mapped.field, schema, self._carrier.kind)
            allowed = _TYPES.get(mapped.as_)
            shown = str(schema.get(mapped.field, {}).get("type") or "")
            if allowed and shown and shown not in allowed:
                what = f"{mapped.field} is a {shown} in HubSpot and is read as {mapped.as_}"
                if shown in FREE_TEXT:
                    aside = f"a lead whose text is no {mapped.as_} is set aside"
                    yield Problem(where, what, aside, is_warning=True)
                else:
                    yield Problem(where, what, "name another `as`, or another property")

    def _stages(self, schema: Schema) -> Iterator[Problem]:
        for field, meanings in self._mapping.stages.items():
            where = f"stages.{field}"
            yield from _missing(where, field, schema, self._carrier.kind)
            yield from unknown_values(where, field, meanings, _options(field, schema))
        options = {field: _options(field, schema) for field in self._mapping.stages}
        yield from without_stage(self._mapping, options)

    def _activity(self, where: str, source: ActivitySource, lead: Schema) -> Iterator[Problem]:
        if source.history_of:
            yield from _missing(f"{where}.history_of", source.history_of, lead, self._carrier.kind)
            yield from _kinds(where, source, source.history_of, lead)
            return
        if source.object == EMAIL_EVENTS:
            yield from self._asked(where, EVENTS_PATH, "content")
            return
        if source.object == FORM_SUBMISSIONS:
            for form in source.forms:
                yield from self._asked(f"{where}.forms", f"{FORMS_PATH}/{form}", "forms")
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

    def _asked(self, where: str, path: str, scope: str) -> Iterator[Problem]:
        """What is no record is asked for once: nothing else tells whether it can be read."""
        try:
            self._client.get(path, {"limit": "1"})
        except (Denied, Refused) as error:
            if scope == "forms" and isinstance(error, Refused) and error.status == 404:
                told = f"HubSpot has no form {path.rpartition('/')[2]}"
                yield Problem(where, told, "copy the form's id from its address in HubSpot")
                return
            remedy = f"give the access token the scope `{scope}`, or take the source out of the mapping"
            yield Problem(where, f"{error}; this source is skipped", remedy, is_warning=True)

    def _ours(self, leads: Schema) -> Iterator[Problem]:
        tasks = self._schema("tasks")
        if isinstance(tasks, Problem):
            return  # ``_tasks`` tells it
        gaps = []
        for kind, wanted in definitions(self._carrier.kind):
            schema = leads if kind == self._carrier.kind else tasks
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

    def _writes(self, schema: Schema) -> Iterator[Problem]:
        where = "writes"
        for stage in self._mapping.writes.stages:
            target = self._mapping.stage_value(stage)
            if target is None:
                yield Problem(
                    f"{where}.stages", f"no HubSpot value is mapped to {stage}", "map one, or leave it out"
                )
            elif _is_read_only(schema.get(target[0], {})):
                yield Problem(
                    f"{where}.stages", f"{target[0]} cannot be written", "map another property first"
                )
        if self._mapping.writes.owner and _is_read_only(schema.get(OWNER, {})):
            yield Problem(f"{where}.owner", f"{OWNER} cannot be written", "set it to false")

    def _endings(self) -> Iterator[Problem]:
        """What HubSpot itself said while it answered the calls above."""
        for family, day in sorted(self._client.line.endings.items()):
            remedy = "set `api_version` to a later one, or update leadsla, before that day"
            yield Problem("api_version", f"HubSpot ends {family} {day}", remedy, is_warning=True)

    def _owners(self) -> Iterator[Problem]:
        """Leads and owners must be readable at all."""
        try:
            self._client.page_of(self._carrier.kind, limit=1, properties=[self._carrier.stamp])
            self._client.owners(archived=False)
            if self._mapping.automation_users:
                yield from unknown_users(self._mapping.automation_users, *self._people.known_as())
        except (Denied, Refused) as error:
            remedy = f"give the access token {self._carrier.scopes[0]} and crm.objects.owners.read"
            yield Problem("rights", str(error), remedy)


def pipeline_stages(client: Client) -> list[str]:
    """The ids of the stages of every lead pipeline. Raises Denied and Refused."""
    pipelines = client.get("/crm/v3/pipelines/leads").results
    return [str(stage["id"]) for one in pipelines for stage in one.get("stages") or ()]


def _missing(where: str, field: str, schema: Schema, kind: str) -> Iterator[Problem]:
    if field not in schema:
        yield Problem(where, f"HubSpot {kind} have no property {field}", nearest(field, schema))


def _kinds(where: str, source: ActivitySource, field: str, schema: Schema) -> Iterator[Problem]:
    return unknown_values(f"{where}.kinds", field, source.kinds, _options(field, schema))


def _options(field: str, schema: Schema) -> list[str]:
    return [str(one["value"]) for one in schema.get(field, {}).get("options") or ()]


def _is_read_only(shown: Mapping[str, Any]) -> bool:
    return bool((shown.get("modificationMetadata") or {}).get("readOnlyValue") or shown.get("calculated"))
