"""Which associations an input asks for, and whether the portal knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localcrm.hubspot.errors import ApiError, not_found
from localcrm.hubspot.kinds import ASSOCIATION_TYPES
from localcrm.hubspot.portal import Portal
from localcrm.hubspot.records import Record
from localcrm.hubspot.writing import contacted


@dataclass(frozen=True, slots=True)
class Link:
    """One association to make, seen from the record that asks for it."""

    to_kind: str
    to: Record
    type_id: int


def wanted_links(portal: Portal, kind: str, given: Any) -> list[Link]:
    """The inline ``associations`` of a create; raises ApiError and links nothing."""
    if given is None:
        return []
    if not isinstance(given, list):
        raise ApiError("Invalid input JSON: associations must be a list")
    return [link for item in given for link in _links_of(portal, kind, item)]


def _links_of(portal: Portal, kind: str, item: Any) -> list[Link]:
    if not isinstance(item, dict) or not isinstance(item.get("to"), dict) or not item.get("types"):
        raise ApiError('Invalid input JSON: Some required fields were not set: ["to", "types"]')
    record_id = item["to"].get("id")
    if not isinstance(record_id, str):
        raise ApiError("Invalid input JSON: associations to.id must be a string")
    found = []
    for to_kind, type_id in known_types(kind, item["types"]):
        record = portal.tables[to_kind].find(record_id)
        if record is None:
            raise not_found(to_kind, record_id)
        found.append(Link(to_kind, record, type_id))
    return found


def known_types(kind: str, given: Any) -> list[tuple[str, int]]:
    """(to kind, type id) of each association type, all starting at ``kind``; raises ApiError (400)."""
    if not isinstance(given, list):
        raise ApiError("Invalid input JSON: association types must be a list")
    return [_known_type(kind, told) for told in given]


def _known_type(kind: str, told: Any) -> tuple[str, int]:
    category = told.get("associationCategory") if isinstance(told, dict) else None
    type_id = told.get("associationTypeId") if isinstance(told, dict) else None
    if category == "HUBSPOT_DEFINED" and isinstance(type_id, int) and not isinstance(type_id, bool):
        for (from_kind, to_kind), type_ids in ASSOCIATION_TYPES.items():
            if from_kind == kind and type_id in type_ids:
                return to_kind, type_id
    raise ApiError(f"No association type {category}-{type_id} exists from {kind}")


def make_links(portal: Portal, kind: str, record: Record, links: list[Link]) -> None:
    """Link what ``wanted_links`` found."""
    for link in links:
        portal.link((kind, link.to_kind), (record, link.to), link.type_id)
        if link.to_kind == "contacts":
            contacted(portal, kind, record, link.to)
