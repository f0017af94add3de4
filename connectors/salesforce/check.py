"""What does not fit between mapping and org: every problem at once, each with the page that mends it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from connectors.base import OUR_FIELDS, Problem
from connectors.findings import nearest, unknown_values, without_stage
from connectors.mapping import FREE_TEXT, ActivitySource, ConnectionMapping, Converter, FieldMapping
from connectors.salesforce.carrier import Carrier, carrier_of
from connectors.salesforce.fields import DESCRIBED_AS, KEY_FIELD, KEY_NAME, OUR_API_NAMES
from connectors.salesforce.looking import Look
from connectors.salesforce.schema import target_of
from connectors.salesforce.setup_pages import SetupPages
from connectors.salesforce.streams import DEAL_OF_ROLE, ROLE_STAGE, ROLES
from connectors.salesforce.tasks import TASK_WRITTEN, key_is_unique
from sla_engine.model import LifecycleStage

_TYPES: Mapping[Converter, frozenset[str]] = {
    "boolean": frozenset({"boolean"}),
    "integer": frozenset({"int", "double", "currency", "percent"}),
    "number": frozenset({"int", "double", "currency", "percent"}),
    "datetime": frozenset({"datetime", "date"}),
    "date": frozenset({"datetime", "date"}),
}
# Objects that an org has only with a feature or licence, and where that is given.
_NEEDED_FOR = {
    "CampaignMember": "campaigns need the right Marketing User of our user",
    "Campaign": "campaigns need the right Marketing User of our user",
    "EmailMessage": "e-mail messages on leads need Enhanced Email: Setup > Enhanced Email",
    "EmailMessageRelation": "e-mail messages on leads need Enhanced Email: Setup > Enhanced Email",
    "Opportunity": "opportunities need a Salesforce licence with Sales objects",
    "OpportunityContactRole": "opportunities need a Salesforce licence with Sales objects",
}
_OF_DEALS = frozenset({LifecycleStage.OPPORTUNITY, LifecycleStage.CUSTOMER})
_FieldsByName = Mapping[str, Mapping[str, Any]]


def problems(
    mapping: ConnectionMapping,
    described: Mapping[str, _FieldsByName],
    pages: SetupPages,
    look: Look | None = None,
) -> list[Problem]:
    """``described``: the fields of each object the org shows us; ``look``: what was asked besides."""
    carrier = carrier_of(mapping)
    if carrier.object not in described:
        remedy = f"grant read and edit access to {carrier.plural} to our user: {pages.permission_sets()}"
        return [Problem("lead", f"the object {carrier.object} is not visible to this user", remedy)]
    return list(_Findings(mapping, described, pages, look or Look()).all())


def absent(mapping: ConnectionMapping, described: Mapping[str, _FieldsByName]) -> dict[str, list[str]]:
    """By visible object, the fields that are mapped or ours and not shown."""
    stages = (one for one in mapping.stages if one != ROLE_STAGE)
    own = [*(one.field for one in mapping.lead.values()), *stages, *OUR_API_NAMES.values()]
    wanted = {carrier_of(mapping).object: own}
    wanted["Task"] = [KEY_FIELD]
    for source in mapping.activities.values():
        wanted.setdefault(source.object, []).extend(_named(source))
    return {
        name: [one for one in dict.fromkeys(fields) if one and one not in described[name]]
        for name, fields in wanted.items()
        if name in described
    }


def _named(source: ActivitySource) -> list[str]:
    named = (source.lead, source.at, source.known_at, source.kind_from, source.actor, source.content)
    return [one for one in (*named, source.outcome, *source.only) if one]


@dataclass(frozen=True, slots=True)
class _Findings:
    mapping: ConnectionMapping
    described: Mapping[str, _FieldsByName]
    pages: SetupPages
    look: Look

    @property
    def carrier(self) -> Carrier:
        return carrier_of(self.mapping)

    @property
    def lead(self) -> _FieldsByName:
        return self.described[self.carrier.object]

    def all(self) -> Iterator[Problem]:
        yield from self._lead_fields()
        yield from self._stages()
        yield from self._sources()
        yield from self._history()
        for one in (*self._ours(), *self._rights()):
            yield replace(one, is_about_writing=True)

    def _not_shown(self, where: str, name: str, api: str) -> Problem:
        """A field that we are not shown: there and hidden, or perhaps not there."""
        parent = target_of(self.described[name], api)
        if parent:
            return self._not_shown_of_parent(where, parent, name, api)
        if self.look.is_hidden(name, api):
            remedy = f"grant read access to it in a permission set: {self.pages.permission_sets()}"
            return Problem(where, f"field-level security hides {name}.{api} from our user", remedy)
        spelling = f"{nearest(api, self.described[name])}; see {self.pages.fields(name)}"
        what = f"{name} has no field {api}, or it is hidden from our user"
        if self.look.knows(name):
            return Problem(where, what, spelling)
        grant = f"if it is there, grant read access to it: {self.pages.permission_sets()}; if not, "
        return Problem(where, what, f"{grant}{spelling}")

    def _not_shown_of_parent(self, where: str, parent: str, name: str, path: str) -> Problem:
        """A field of the object that one of ours leads to."""
        field = path.partition(".")[2]
        what = f"{parent}.{field}, read as {name}.{path}, is not there or hidden from our user"
        remedy = (
            f"look for it in {self.pages.fields(parent)}; if it is there, grant read access to {parent} and"
            f" to the field: {self.pages.permission_sets()}"
        )
        reason = _NEEDED_FOR.get(parent)
        return Problem(where, what, f"{remedy}; {reason}" if reason else remedy)

    def _ours(self) -> Iterator[Problem]:
        """Our fields that are missing, hidden, of another type, or that this user may only read."""
        lead, task, own = self.lead, self.described.get("Task", {}), self.carrier.object
        ours = [
            (own, f"{own}.{api}", lead.get(api), api, OUR_FIELDS[name]) for name, api in OUR_API_NAMES.items()
        ]
        ours.append(("Task", KEY_NAME, task.get(KEY_FIELD), KEY_FIELD, "text"))
        yield from self._our_gaps([(name, full, api) for name, full, field, api, _ in ours if field is None])
        for name, full, field, _, kind in ours:
            if field is None:
                continue
            if field["type"] != DESCRIBED_AS[kind]:
                what = f"{full} is a {field['type']}, not a {DESCRIBED_AS[kind]}"
                remedy = (
                    f"rename or remove that field in {self.pages.fields(name)}, then run `leadsla provision`"
                )
                yield Problem("writes", what, remedy)
            elif not field.get("updateable"):
                remedy = f"grant edit access to it in a permission set: {self.pages.permission_sets()}"
                yield Problem("writes", f"{full} is read-only for this user", remedy)

    def _our_gaps(self, gaps: list[tuple[str, str, str]]) -> Iterator[Problem]:
        hidden = [full for name, full, api in gaps if self.look.is_hidden(name, api)]
        missing = [full for _, full, _ in gaps if full not in hidden]
        if hidden:
            what = f"field-level security hides our fields from this user: {', '.join(hidden)}"
            page = self.pages.permission_sets()
            remedy = f"assign the permission set leadsla to it, or run `leadsla provision`: {page}"
            yield Problem("writes", what, remedy)
        if missing:
            what = f"our fields are missing or hidden: {', '.join(missing)}"
            yield Problem("writes", what, "run `leadsla provision`")

    def _rights(self) -> Iterator[Problem]:
        """What our user may not do besides writing our fields."""
        task, where = self.described.get("Task"), self.pages.permission_sets()
        if task is None:
            yield Problem("writes", "the object Task is not visible to this user", f"grant it: {where}")
        else:
            sealed = [one for one in TASK_WRITTEN if one in task and not task[one].get("createable")]
            if sealed:
                named = ", ".join(f"Task.{one}" for one in sealed)
                what = f"tasks cannot be made: this user may not set {named}"
                yield Problem("writes", what, f"grant Edit Tasks and edit access to the fields: {where}")
            if KEY_FIELD in task and not key_is_unique(task):
                what = f"{KEY_NAME} is no unique external id: a task is looked up if its answer was lost"
                remedy = (
                    f"mark it External ID and Unique in {self.pages.fields('Task')}, if the org offers that"
                )
                yield Problem("writes", what, remedy, is_warning=True)
        if self.mapping.writes.owner and not self.lead.get("OwnerId", {}).get("updateable"):
            what = f"{self.carrier.object}.OwnerId is read-only for this user"
            further = "Transfer Leads and " if self.carrier.converts else ""
            yield Problem("writes.owner", what, f"grant {further}edit access to it: {where}")
        for stage in self.mapping.writes.stages:
            field, value = self.mapping.stage_value(stage) or ("", "")
            if field == "Status" and value in self.look.converted:
                what = f'"{value}" is a converted status: Salesforce sets it by conversion only'
                remedy = f"map {stage.value} to another value first: {self.pages.lead_statuses()}"
                yield Problem("writes.stages", what, remedy)

    def _lead_fields(self) -> Iterator[Problem]:
        for name, mapped in self.mapping.lead.items():
            field = self.lead.get(mapped.field)
            where = f"lead.{name}"
            if field is None:
                yield self._not_shown(where, self.carrier.object, mapped.field)
                continue
            fitting = _TYPES.get(mapped.as_)
            if fitting is not None and field["type"] not in fitting:
                yield _other_type(where, mapped, str(field["type"]))

    def _stages(self) -> Iterator[Problem]:
        for name, values in self.mapping.stages.items():
            if name == ROLE_STAGE:
                yield from self._roles(values)
                continue
            where, field = f"stages.{name}", self.lead.get(name)
            if field is None:
                yield self._not_shown(where, self.carrier.object, name)
                continue
            for one in unknown_values(where, name, values, _options(field)):
                yield replace(one, remedy=f"{one.remedy}; see {self.pages.fields(self.carrier.object)}")
            if self.mapping.writes.stages and not field.get("updateable"):
                remedy = f"grant edit access to it: {self.pages.permission_sets()}"
                what = f"{name} is read-only for this user"
                yield Problem("writes.stages", what, remedy, is_about_writing=True)
        options = {name: _options(self.lead.get(name, {})) for name in self.mapping.stages}
        yield from without_stage(self.mapping, options)

    def _roles(self, values: Mapping[str, LifecycleStage]) -> Iterator[Problem]:
        """Opportunities found through a role: read only, so no other stage can be meant by them."""
        where, shown = f"stages.{ROLE_STAGE}", self.described.get(ROLES, {})
        if any(one not in _OF_DEALS for one in values.values()):
            what = "a role on an opportunity means opportunity or customer, nothing else"
            yield Problem(where, what, "take the other stages out of this table")
        if DEAL_OF_ROLE not in shown:
            yield self._no_object(where, ROLES)
        else:
            yield from unknown_values(where, DEAL_OF_ROLE, values, _options(shown[DEAL_OF_ROLE]))

    def _sources(self) -> Iterator[Problem]:
        for name, source in self.mapping.activities.items():
            where = f"activities.{name}"
            if source.history_of:
                yield Problem(where, "`history_of` is for HubSpot; name an `object` here", "mend it")
                continue
            fields = self.described.get(source.object)
            if fields is None:
                yield self._no_object(where, source.object)
                continue
            for field in _named(source):
                if field not in fields:
                    yield self._not_shown(where, source.object, field)
            yield from self._about_others(where, source, fields)
            options = _options(fields.get(source.kind_from, {}))
            yield from unknown_values(f"{where}.kinds", source.kind_from, source.kinds, options)

    def _about_others(self, where: str, source: ActivitySource, fields: _FieldsByName) -> Iterator[Problem]:
        """A reference that never leads to what carries the clocks: the source would bring nothing."""
        own, leads_to = self.carrier.object, fields.get(source.lead, {}).get("referenceTo") or ()
        if leads_to and own not in leads_to:
            what = f"{source.object}.{source.lead} refers to {', '.join(leads_to)}, never to {own}"
            yield Problem(
                where, what, f"name the field of {source.object} that refers to {self.carrier.plural}"
            )

    def _no_object(self, where: str, name: str) -> Problem:
        """A source that the org does not have, or does not show: its signals are off, the run is not."""
        what = f"the object {name} is not there or hidden: this signal is off"
        reason = _NEEDED_FOR.get(name)
        page = self.pages.users() if reason and "our user" in reason else self.pages.permission_sets()
        remedy = (
            f"{reason}; then grant read access: {page}"
            if reason
            else f"check its name in {self.pages.objects()}, grant read access in {page}, or remove it"
        )
        return Problem(where, what, remedy, is_warning=True)

    def _history(self) -> Iterator[Problem]:
        """Fields whose changes leave no trace: their clocks begin when we first see the lead."""
        if self.look.untracked:
            named = ", ".join(sorted(self.look.untracked))
            what = (
                f"no history of {named} can be read: clocks begin when leadsla first sees a change,"
                " and are marked estimated"
            )
            remedy = f"switch field history tracking on: {self.pages.history(self.carrier.object)}"
            yield Problem("stages", what, remedy, is_warning=True)


def _other_type(where: str, mapped: FieldMapping, shown: str) -> Problem:
    what = f"{mapped.field} is a {shown} in Salesforce and is read as {mapped.as_}"
    if shown in FREE_TEXT:
        return Problem(where, what, f"a lead whose text is no {mapped.as_} is set aside", is_warning=True)
    return Problem(where, what, "name another `as`, or another field")


def _options(field: Mapping[str, Any]) -> list[str]:
    return [option["value"] for option in field.get("picklistValues", ()) if option["active"]]
