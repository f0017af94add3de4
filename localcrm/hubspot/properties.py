"""Property definitions of one object kind: read from the catalogue, extended by the API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

_FIELD_TYPES = {
    "string": "text",
    "number": "number",
    "datetime": "date",
    "date": "date",
    "bool": "booleancheckbox",
    "enumeration": "select",
}
_BIRTH = "2020-01-01T00:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Property:
    """One property. ``open_options`` marks an enumeration whose values HubSpot keeps elsewhere."""

    name: str
    label: str
    type: str
    field_type: str
    group: str
    options: tuple[dict[str, Any], ...] = ()
    description: str = ""
    display_order: int = -1
    read_only: bool = False
    unique: bool = False
    owner: bool = False
    open_options: bool = False
    filterable: bool = True
    hubspot_defined: bool = True
    form_field: bool = False
    hidden: bool = False
    created_at: str = _BIRTH
    updated_at: str = _BIRTH

    def allowed(self) -> tuple[str, ...]:
        """The option values."""
        return tuple(str(option["value"]) for option in self.options)

    def definition(self) -> dict[str, Any]:
        """The property as the properties API shows it."""
        shown: dict[str, Any] = {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "groupName": self.group,
            "description": self.description,
            "options": list(self.options),
            "displayOrder": self.display_order,
            "calculated": False,
            "externalOptions": self.owner or self.open_options,
            "hasUniqueValue": self.unique,
            "hidden": self.hidden,
            "hubspotDefined": self.hubspot_defined,
            "archived": False,
            "formField": self.form_field,
            "dataSensitivity": "non_sensitive",
            "modificationMetadata": {
                "archivable": not self.hubspot_defined,
                "readOnlyDefinition": self.hubspot_defined,
                "readOnlyOptions": self.hubspot_defined,
                "readOnlyValue": self.read_only,
            },
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
        }
        if self.owner:
            shown["referencedObjectType"] = "OWNER"
        return shown


@dataclass(slots=True)
class Schema:
    """The properties and groups of one kind. ``required`` ones must come with a create."""

    kind: str
    properties: dict[str, Property]
    groups: dict[str, dict[str, Any]]
    defaults: tuple[str, ...]
    required: tuple[str, ...]
    created: str
    modified: str
    main_group: str
    removed: dict[str, Property] = field(default_factory=dict)


def option(value: str, label: str, position: int) -> dict[str, Any]:
    """One option of an enumeration."""
    return {"label": label, "value": value, "description": "", "displayOrder": position, "hidden": False}


def read_schema(kind: str) -> Schema:
    """The kind's catalogue as a fresh schema that may be changed."""
    told = _catalogue(kind)
    properties = {row[0]: _property(row, str(told["group"])) for row in told["properties"]}
    groups = {
        name: {"name": name, "label": label, "displayOrder": -1, "archived": False}
        for name, label in told["groups"].items()
    }
    return Schema(
        kind=kind,
        properties=properties,
        groups=groups,
        defaults=tuple(told["defaults"]),
        required=tuple(told["required"]),
        created="createdate" if "createdate" in properties else "hs_createdate",
        modified="lastmodifieddate" if "lastmodifieddate" in properties else "hs_lastmodifieddate",
        main_group=str(told["group"]),
    )


@cache
def _catalogue(kind: str) -> dict[str, Any]:
    text = (files("localcrm.hubspot") / "catalogue" / f"{kind}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _property(row: list[Any], group: str) -> Property:
    name, label, kind = row[:3]
    more: Mapping[str, Any] = row[3] if len(row) > 3 else {}
    options = [str(told).partition("=") for told in more.get("options", ())]
    if kind == "bool":
        options = [("true", "=", "Yes"), ("false", "=", "No")]
    found = Property(
        name=name,
        label=label,
        type=kind,
        field_type=more.get("fieldType", _FIELD_TYPES[kind]),
        group=group,
        options=tuple(option(value, text or value, n) for n, (value, _, text) in enumerate(options)),
        read_only=bool(more.get("readOnly")),
        unique=bool(more.get("unique")),
        owner=bool(more.get("owner")),
        open_options=bool(more.get("open")),
        filterable=bool(more.get("filterable", True)),
    )
    return replace(found, hubspot_defined=False, form_field=True) if more.get("own") else found
