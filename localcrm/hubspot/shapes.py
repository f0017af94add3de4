"""How answers show a record: its asked-for properties, history and associations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from localcrm.hubspot.kinds import SINGULAR
from localcrm.hubspot.portal import Portal
from localcrm.hubspot.properties import Schema
from localcrm.hubspot.records import Record, Version
from localcrm.hubspot.values import iso


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a read asked for. Unknown property names are left out silently, as HubSpot does."""

    properties: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    associations: tuple[str, ...] = ()


def property_value(schema: Schema, record: Record, name: str) -> str | None:
    """One property as answers show it; None when it is not set."""
    if name == "hs_object_id":
        return str(record.number)
    if name == schema.created:
        return iso(record.created)
    if name == schema.modified:
        return iso(record.updated)
    return record.values.get(name) or None


def shown(portal: Portal, kind: str, record: Record, wanted: Wanted) -> dict[str, Any]:
    """The record with the wanted properties beside the ones every answer has."""
    schema = portal.schemas[kind]
    names = wanted.properties or schema.defaults
    always = ("hs_object_id", schema.created, schema.modified)
    told: dict[str, Any] = {
        "id": str(record.number),
        "properties": {
            name: property_value(schema, record, name)
            for name in dict.fromkeys((*names, *wanted.history, *always))
            if name in schema.properties
        },
        "createdAt": iso(record.created),
        "updatedAt": iso(record.updated),
        "archived": record.archived_at is not None,
    }
    if wanted.history:
        told["propertiesWithHistory"] = {
            name: [_version(version) for version in _versions(schema, record, name)]
            for name in wanted.history
            if name in schema.properties
        }
    if record.archived_at is not None:
        told["archivedAt"] = iso(record.archived_at)
    links = associations(kind, record, wanted.associations)
    if links:
        told["associations"] = links
    return told


def associations(kind: str, record: Record, to_kinds: Iterable[str]) -> dict[str, Any]:
    """The record's associations by kind, in the short form object reads have."""
    return {
        to_kind: {
            "results": [
                {"id": str(number), "type": f"{SINGULAR[kind]}_to_{SINGULAR[to_kind]}"}
                for number in sorted(record.links[to_kind])
            ]
        }
        for to_kind in to_kinds
        if record.links.get(to_kind)
    }


def full(portal: Portal, kind: str, record: Record) -> dict[str, Any]:
    """The record with every property and every association."""
    wanted = Wanted(tuple(portal.schemas[kind].properties), (), tuple(sorted(record.links)))
    return {"associations": {}, **shown(portal, kind, record, wanted)}


def _versions(schema: Schema, record: Record, name: str) -> list[Version]:
    if name in ("hs_object_id", schema.created):
        return [Version(property_value(schema, record, name) or "", record.created, record.origin)]
    if name == schema.modified:
        return [Version(iso(record.updated), record.updated, record.origin)]
    return record.versions(name)


def _version(version: Version) -> dict[str, Any]:
    told: dict[str, Any] = {
        "value": version.value,
        "timestamp": iso(version.at),
        "sourceType": version.source.type,
    }
    if version.source.id is not None:
        told["sourceId"] = version.source.id
    if version.source.user is not None:
        told["updatedByUserId"] = version.source.user
    return told
