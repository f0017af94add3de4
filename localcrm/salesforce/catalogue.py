"""Reads the field catalogues (``catalogue/*.json``) into object types.

A catalogue row is ``[name, type, flags, label, {more}]``; the flags are C createable,
U updateable, N nillable, D defaulted on create, I idLookup, R restricted picklist, n name field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

from localcrm.salesforce.fields import Child, Field, ObjectType

_TYPE = re.compile(r"(\w+)(?:\((\d+)(?:,(\d+))?\))?$")
_AUDIT: tuple[tuple[str, str, str], ...] = (
    ("CreatedDate", "datetime", "Created Date"),
    ("CreatedById", "reference", "Created By ID"),
    ("LastModifiedDate", "datetime", "Last Modified Date"),
    ("LastModifiedById", "reference", "Last Modified By ID"),
    ("SystemModstamp", "datetime", "System Modstamp"),
)


def read_catalogue() -> dict[str, ObjectType]:
    """Every object of a fresh practice org, by API name."""
    found: dict[str, ObjectType] = {}
    folder = resources.files("localcrm.salesforce") / "catalogue"
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.endswith(".json"):
            content = json.loads(file.read_text(encoding="utf-8"))
            for entry in content if isinstance(content, list) else [content]:
                found[entry["name"]] = _object(entry)
    return found


def _object(entry: dict[str, Any]) -> ObjectType:
    fields = [_field(row) for row in entry["fields"]]
    if entry.get("audit"):
        fields += [_audit(*row) for row in _AUDIT]
    children = tuple(Child(*one) for one in entry.get("children", ()))
    return ObjectType(
        name=entry["name"],
        label=entry["label"],
        plural=entry["plural"],
        prefix=entry["prefix"] or "017",
        can=frozenset(entry["can"].split()),
        fields={one.name: one for one in fields},
        children=children,
    )


def _audit(name: str, kind: str, label: str) -> Field:
    target = ("User",) if kind == "reference" else ()
    relationship = name.removesuffix("Id") if target else None
    return Field(
        name, kind, label, length=18 if target else 0, defaulted=True, to=target, relationship=relationship
    )


def sized_type(text: str) -> tuple[str, int, int, int]:
    """``string(80)`` -> (type, length, precision, scale); of an int the number counts digits."""
    found = _TYPE.match(text)
    if not found:
        raise ValueError(f"no field type: {text}")
    kind, first, second = found[1], int(found[2] or 0), int(found[3] or 0)
    if kind in ("double", "currency", "percent"):
        return kind, 0, first, second
    if kind == "int":
        return kind, 0, first, 0
    return kind, 18 if kind in ("id", "reference") else first, 0, 0


def _field(row: Sequence[Any]) -> Field:
    name, sized, flags, label = row[:4]
    more: dict[str, Any] = row[4] if len(row) > 4 else {}
    kind, length, precision, scale = sized_type(sized)
    return Field(
        name=name,
        type=kind,
        label=label,
        length=length,
        precision=precision,
        scale=scale,
        createable="C" in flags,
        updateable="U" in flags,
        nillable="N" in flags,
        defaulted="D" in flags,
        id_lookup="I" in flags,
        restricted="R" in flags,
        name_field="n" in flags,
        filterable=more.get("filter", kind != "textarea"),
        unique=more.get("unique", False),
        custom=name.endswith("__c"),
        tracked=more.get("tracked", False),
        default=more.get("default"),
        extra=more.get("extra"),
        part_of=more.get("part_of"),
        to=tuple(more.get("to", ())),
        relationship=more.get("rel"),
        values=tuple(more.get("values", ())),
    )
