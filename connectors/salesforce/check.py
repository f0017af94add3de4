"""What does not fit between the mapping and the org: every problem at once, with the nearest right name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from connectors.base import OUR_FIELDS, Problem
from connectors.findings import nearest, unknown_values, without_stage
from connectors.mapping import FREE_TEXT, ConnectionMapping, Converter, FieldMapping
from connectors.salesforce.fields import DESCRIBED_AS, KEY_FIELD, KEY_NAME, OUR_API_NAMES

_TYPES: Mapping[Converter, frozenset[str]] = {
    "boolean": frozenset({"boolean"}),
    "integer": frozenset({"int", "double", "currency", "percent"}),
    "number": frozenset({"int", "double", "currency", "percent"}),
    "datetime": frozenset({"datetime", "date"}),
    "date": frozenset({"datetime", "date"}),
}
_FieldsByName = Mapping[str, Mapping[str, Any]]


def problems(mapping: ConnectionMapping, described: Mapping[str, _FieldsByName]) -> list[Problem]:
    """``described``: the fields of each object the org shows us, by name."""
    lead = described.get("Lead")
    if lead is None:
        return [
            Problem("lead", "the object Lead is not visible to this user", "grant it in a permission set")
        ]
    found = [*_lead_fields(mapping, lead), *_stages(mapping, lead), *_sources(mapping, described)]
    return [*found, *(replace(one, is_about_writing=True) for one in _ours(described))]


def _ours(described: Mapping[str, _FieldsByName]) -> Iterator[Problem]:
    """Our fields that are missing, of another type, or that this user may only read."""
    lead, task = described["Lead"], described.get("Task", {})
    ours = [(f"Lead.{api}", lead.get(api), OUR_FIELDS[name]) for name, api in OUR_API_NAMES.items()]
    ours.append((KEY_NAME, task.get(KEY_FIELD), "text"))
    gaps = [name for name, field, _ in ours if field is None]
    if gaps:
        what = f"our fields are missing or hidden: {', '.join(gaps)}"
        yield Problem("writes", what, "run `leadsla provision`")
    for name, field, kind in ours:
        if field is None:
            continue
        if field["type"] != DESCRIBED_AS[kind]:
            what = f"{name} is a {field['type']}, not a {DESCRIBED_AS[kind]}"
            yield Problem("writes", what, "rename or remove that field, then run `leadsla provision`")
        elif not field.get("updateable"):
            what = f"{name} is read-only for this user"
            yield Problem("writes", what, "grant edit access to it in a permission set")


def _lead_fields(mapping: ConnectionMapping, lead: _FieldsByName) -> Iterator[Problem]:
    for name, mapped in mapping.lead.items():
        field = lead.get(mapped.field)
        where = f"lead.{name}"
        if field is None:
            what = f"Lead has no field {mapped.field} (or it is hidden)"
            yield Problem(where, what, nearest(mapped.field, lead))
            continue
        fitting = _TYPES.get(mapped.as_)
        if fitting is not None and field["type"] not in fitting:
            yield _other_type(where, mapped, str(field["type"]))


def _other_type(where: str, mapped: FieldMapping, shown: str) -> Problem:
    what = f"{mapped.field} is a {shown} in Salesforce and is read as {mapped.as_}"
    if shown in FREE_TEXT:
        return Problem(where, what, f"a lead whose text is no {mapped.as_} is set aside", is_warning=True)
    return Problem(where, what, "name another `as`, or another field")


def _stages(mapping: ConnectionMapping, lead: _FieldsByName) -> Iterator[Problem]:
    for name, values in mapping.stages.items():
        field = lead.get(name)
        if field is None:
            what = f"Lead has no field {name} (or it is hidden)"
            yield Problem(f"stages.{name}", what, nearest(name, lead))
            continue
        yield from unknown_values(f"stages.{name}", name, values, _options(field))
        if mapping.writes.stages and not field.get("updateable"):
            what, remedy = f"{name} is read-only for this user", "grant edit access to it"
            yield Problem("writes.stages", what, remedy, is_about_writing=True)
    yield from without_stage(mapping, {name: _options(lead.get(name, {})) for name in mapping.stages})


def _options(field: Mapping[str, Any]) -> list[str]:
    return [option["value"] for option in field.get("picklistValues", ()) if option["active"]]


def _sources(mapping: ConnectionMapping, described: Mapping[str, _FieldsByName]) -> Iterator[Problem]:
    for name, source in mapping.activities.items():
        where = f"activities.{name}"
        if source.history_of:
            yield Problem(where, "`history_of` is for HubSpot; name an `object` here", "mend it")
            continue
        fields = described.get(source.object)
        if fields is None:
            what = f"the object {source.object} is not there or hidden: this signal is off"
            yield Problem(where, what, "check its name and rights, or remove it", is_warning=True)
            continue
        named = (source.lead, source.at, source.known_at, source.kind_from, source.actor, source.content)
        for field in (*named, source.outcome, *source.only):
            if field and field not in fields:
                what = f"{source.object} has no field {field} (or it is hidden)"
                yield Problem(where, what, nearest(field, fields))
        options = _options(fields.get(source.kind_from, {}))
        yield from unknown_values(f"{where}.kinds", source.kind_from, source.kinds, options)
