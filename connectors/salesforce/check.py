"""What does not fit between the mapping and the org: every problem at once, with the nearest right name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.base import OUR_FIELDS, Problem
from connectors.mapping import FREE_TEXT, ConnectionMapping, Converter, FieldMapping
from connectors.salesforce.fields import DESCRIBED_AS, KEY_FIELD, api_name
from connectors.salesforce.provision import missing_fields

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
    gaps = list(missing_fields(frozenset(lead)))
    if KEY_FIELD not in described.get("Task", {}):
        gaps.append(f"Task.{KEY_FIELD}")
    if gaps:
        found.append(
            Problem(
                "writes", f"our fields are missing or hidden: {', '.join(gaps)}", "run `leadsla provision`"
            )
        )
    found += _unwritable(described)
    return found


def _unwritable(described: Mapping[str, _FieldsByName]) -> Iterator[Problem]:
    """Our fields that are there but of another type, or that this user may only read."""
    ours = [("Lead", api_name(name), DESCRIBED_AS[kind]) for name, kind in OUR_FIELDS.items()]
    for thing, name, wanted in (*ours, ("Task", KEY_FIELD, DESCRIBED_AS["text"])):
        field = described.get(thing, {}).get(name)
        if field is None:
            continue
        if field["type"] != wanted:
            what = f"{thing}.{name} is a {field['type']}, not a {wanted}"
            yield Problem("writes", what, "rename or remove that field, then run `leadsla provision`")
        elif not field.get("updateable"):
            what = f"{thing}.{name} is read-only for this user"
            yield Problem("writes", what, "grant edit access to it in a permission set")


def _lead_fields(mapping: ConnectionMapping, lead: _FieldsByName) -> Iterator[Problem]:
    for name, mapped in mapping.lead.items():
        field = lead.get(mapped.field)
        where = f"lead.{name}"
        if field is None:
            yield Problem(
                where, f"Lead has no field {mapped.field} (or it is hidden)", _near(mapped.field, lead)
            )
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
            yield Problem(f"stages.{name}", f"Lead has no field {name} (or it is hidden)", _near(name, lead))
            continue
        options = [option["value"] for option in field.get("picklistValues", []) if option["active"]]
        for value in values if options else ():
            if value not in options:
                yield Problem(f"stages.{name}", f'"{value}" is no value of {name}', _near(value, options))
        if mapping.writes.stages and not field.get("updateable"):
            yield Problem("writes.stages", f"{name} is read-only for this user", "grant edit access to it")


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
                yield Problem(
                    where, f"{source.object} has no field {field} (or it is hidden)", _near(field, fields)
                )


def _near(name: str, options: Any) -> str:
    found = difflib.get_close_matches(name, list(options), 1, 0.5)
    return f'did you mean "{found[0]}"?' if found else "choose one that exists"
