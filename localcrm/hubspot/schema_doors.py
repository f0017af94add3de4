"""Doors to property definitions and groups."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from localcrm.hubspot.calls import Answer, Call, inputs, needed, whole_number
from localcrm.hubspot.errors import ApiError
from localcrm.hubspot.portal import Portal
from localcrm.hubspot.properties import Property, option
from localcrm.hubspot.values import iso

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_FIELD_TYPES = {
    "string": {"text", "textarea", "html", "file", "phonenumber"},
    "number": {"number", "calculation_equation"},
    "date": {"date"},
    "datetime": {"date"},
    "bool": {"booleancheckbox"},
    "enumeration": {"select", "radio", "checkbox", "booleancheckbox"},
    "phone_number": {"phonenumber"},
}
_MOST_UNIQUE, _MOST_OWN, _BATCH = 10, 1_000, 100


def listing(call: Call) -> Answer:
    """GET every property."""
    schema = call.portal.schemas[call.kind()]
    if call.is_archived():
        return Answer(200, {"results": [_archived(told) for told in schema.removed.values()]})
    return Answer(200, {"results": [told.definition() for told in schema.properties.values()]})


def read(call: Call) -> Answer:
    """GET one property."""
    return Answer(200, _find(call).definition())


def create(call: Call) -> Answer:
    """POST one property."""
    kind = call.kind()
    made = _new(call.portal, kind, call.json())
    _keep(call.portal, kind, made)
    return Answer(201, made.definition())


def create_many(call: Call) -> Answer:
    """POST batch/create; refused whole."""
    kind, made = call.kind(), {}
    for given in inputs(call.json(), _BATCH):
        told = _new(call.portal, kind, given)
        if told.name in made:
            raise _exists(told.name)
        made[told.name] = told
    for told in made.values():
        _keep(call.portal, kind, told)
    return Answer(201, _complete(call, [told.definition() for told in made.values()]))


def read_many(call: Call) -> Answer:
    """POST batch/read; names not found are left out."""
    schema = call.portal.schemas[call.kind()]
    names = [needed(item, "name") for item in inputs(call.json(), _BATCH)]
    found = [schema.properties[name].definition() for name in names if name in schema.properties]
    return Answer(200, _complete(call, found))


def change(call: Call) -> Answer:
    """PATCH one property of the company's own; its name, type and uniqueness stay."""
    told, given = _own(call), call.json()
    changed = replace(
        told,
        label=str(given.get("label", told.label)),
        description=str(given.get("description", told.description)),
        group=_group(call.portal, call.kind(), given.get("groupName", told.group)),
        options=_options(given["options"]) if "options" in given else told.options,
        hidden=bool(given.get("hidden", told.hidden)),
        updated_at=iso(call.portal.now()),
    )
    call.portal.schemas[call.kind()].properties[told.name] = changed
    return Answer(200, changed.definition())


def archive(call: Call) -> Answer:
    """DELETE one property of the company's own, and its values with it."""
    told, kind = _own(call), call.kind()
    schema = call.portal.schemas[kind]
    schema.removed[told.name] = schema.properties.pop(told.name)
    call.portal.tables[kind].unique.pop(told.name, None)
    for record in call.portal.tables[kind].records.values():
        record.values.pop(told.name, None)
        record.history.pop(told.name, None)
    return Answer(204)


def validations(call: Call) -> Answer:
    """GET the validation rules of a kind's properties."""
    rules = call.portal.rules[call.kind()]
    found = [
        {"propertyName": name, "propertyValidationRules": [one.shown() for one in told]}
        for name, told in rules.items()
    ]
    return Answer(200, {"results": found})


def groups(call: Call) -> Answer:
    """GET every property group."""
    return Answer(200, {"results": list(call.portal.schemas[call.kind()].groups.values())})


def read_group(call: Call) -> Answer:
    """GET one property group."""
    found = call.portal.schemas[call.kind()].groups.get(call.path["name"])
    if found is None:
        raise ApiError("Property group does not exist", status=404, category="OBJECT_NOT_FOUND")
    return Answer(200, found)


def create_group(call: Call) -> Answer:
    """POST one property group."""
    schema, given = call.portal.schemas[call.kind()], call.json()
    name, label = needed(given, "name"), needed(given, "label")
    if not _NAME.fullmatch(name):
        raise ApiError(f"Property group name {name} is not valid")
    if name in schema.groups:
        raise _exists(name)
    order = whole_number(given, "displayOrder", -1)
    schema.groups[name] = {"name": name, "label": label, "displayOrder": order, "archived": False}
    return Answer(201, schema.groups[name])


def archive_group(call: Call) -> Answer:
    """DELETE one property group of the company's own that no property is in (refusing others is a guess)."""
    schema, name = call.portal.schemas[call.kind()], call.path["name"]
    if name not in schema.groups:
        raise ApiError("Property group does not exist", status=404, category="OBJECT_NOT_FOUND")
    if any(told.group == name for told in schema.properties.values()):
        raise ApiError(f"Property group {name} still has properties")
    del schema.groups[name]
    return Answer(204)


def _new(portal: Portal, kind: str, given: Mapping[str, Any]) -> Property:
    name, label, group = (needed(given, key) for key in ("name", "label", "groupName"))
    type_name, field_type = needed(given, "type"), needed(given, "fieldType")
    schema = portal.schemas[kind]
    if not _NAME.fullmatch(name) or name.startswith("hs_"):
        raise ApiError(f"Property name {name} is not valid: lower case letters, digits and underscores")
    if name in schema.properties:
        raise _exists(name)
    if field_type not in _FIELD_TYPES.get(type_name, ()):
        raise ApiError(f"Property type {type_name} and field type {field_type} do not fit together")
    options = _options(given.get("options") or [])
    if type_name == "enumeration" and not options:
        raise ApiError("A property of type enumeration needs options")
    if type_name == "bool" and {told["value"] for told in options} != {"true", "false"}:
        raise ApiError("A property of type bool needs exactly the options true and false")
    unique = bool(given.get("hasUniqueValue"))
    _check_room(portal, kind, unique=unique)
    now = iso(portal.now())
    return Property(
        name,
        label,
        type_name,
        field_type,
        _group(portal, kind, group),
        options,
        str(given.get("description", "")),
        whole_number(given, "displayOrder", -1),
        unique=unique,
        hubspot_defined=False,
        form_field=bool(given.get("formField", False)),
        hidden=bool(given.get("hidden", False)),
        created_at=now,
        updated_at=now,
    )


def _check_room(portal: Portal, kind: str, *, unique: bool) -> None:
    own = [told for told in portal.schemas[kind].properties.values() if not told.hubspot_defined]
    if len(own) >= _MOST_OWN:
        raise ApiError(f"At most {_MOST_OWN} custom properties are allowed")
    if not unique:
        return
    takes_unique = ("contacts", "companies", "deals")
    if kind not in takes_unique and not (kind == "tasks" and portal.switches.task_unique_property):
        raise ApiError(f"hasUniqueValue is not supported for {kind}")
    if sum(told.unique for told in own) >= _MOST_UNIQUE:
        raise ApiError(f"At most {_MOST_UNIQUE} unique properties are allowed")


def _keep(portal: Portal, kind: str, told: Property) -> None:
    portal.schemas[kind].properties[told.name] = told
    portal.schemas[kind].removed.pop(told.name, None)
    if told.unique:
        portal.tables[kind].unique[told.name] = {}


def _options(given: Any) -> tuple[dict[str, Any], ...]:
    if not isinstance(given, list):
        raise ApiError("Invalid input JSON: options must be a list")
    found = []
    for position, told in enumerate(given):
        value, label = needed(told, "value"), needed(told, "label")
        found.append(option(value, label, whole_number(told, "displayOrder", position)))
    if len({told["value"] for told in found}) < len(found):
        raise ApiError("Property option values must be unique")
    return tuple(found)


def _group(portal: Portal, kind: str, name: str) -> str:
    if name not in portal.schemas[kind].groups:
        raise ApiError(f"Property group {name} does not exist")
    return name


def _find(call: Call) -> Property:
    told = call.portal.property(call.kind(), call.path["name"])
    if told is None:
        raise ApiError(
            f'Property "{call.path["name"]}" does not exist', status=404, category="OBJECT_NOT_FOUND"
        )
    return told


def _own(call: Call) -> Property:
    told = _find(call)
    if told.hubspot_defined:
        raise ApiError(f"Property {told.name} is defined by HubSpot and cannot be changed")
    return told


def _exists(name: str) -> ApiError:
    return ApiError(f"Property named {name} already exists.", status=409, category="OBJECT_ALREADY_EXISTS")


def _archived(told: Property) -> dict[str, Any]:
    return {**told.definition(), "archived": True}


def _complete(call: Call, results: list[Any]) -> dict[str, Any]:
    now = iso(call.portal.now())
    return {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
