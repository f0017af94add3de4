"""Changes made by a person at the screen: the rules of the API that bind only programs do not apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localcrm.face import Refused
from localcrm.hubspot.errors import ApiError
from localcrm.hubspot.kinds import ASSOCIATION_TYPES, kind_name
from localcrm.hubspot.leads import PRIMARY_CONTACT, check_anchor
from localcrm.hubspot.linking import Link, make_links
from localcrm.hubspot.merging import erase, merge_into, restore
from localcrm.hubspot.portal import Portal
from localcrm.hubspot.records import FLOW, INTEGRATION, Record, Source, person
from localcrm.hubspot.rules import read_rule
from localcrm.hubspot.shapes import full
from localcrm.hubspot.values import BadValue, accepted
from localcrm.hubspot.writing import Claims, change, check_unique, create

_MACHINES = {"automation": FLOW, "integration": INTEGRATION}
_NOT_VALUES = {
    "id",
    "_by",
    "delete",
    "merge_into",
    "erase",
    "restore",
    "associations",
    "properties",
    "createdAt",
    "updatedAt",
}
_NOT_VALUES |= {"archived", "propertiesWithHistory"}


def edit_rows(portal: Portal, kind: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Create, change, delete or merge records; answers them as they stand; raises Refused.

    A row holds ``properties`` or flat values; ``merge_into`` names the record that survives, ``erase``
    deletes without trace (GDPR), ``restore`` brings an archived record back.
    """
    return [_edit(portal, kind, row) for row in rows]


def _edit(portal: Portal, kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    source = acting(portal, row.get("_by"))
    try:
        if row.get("id") is None:
            values = _values(portal, kind, None, row)
            links = _links(portal, kind, row)
            check_anchor(kind, [link.to_kind for link in links])
            record = create(portal, kind, values, source)
            make_links(portal, kind, record, links)
            return full(portal, kind, record)
        return _edit_known(portal, kind, row, source)
    except ApiError as problem:
        raise Refused(problem.message) from problem


def _edit_known(portal: Portal, kind: str, row: Mapping[str, Any], source: Source) -> dict[str, Any]:
    if row.get("restore"):
        record = _find(portal, kind, row["id"], archived=True)
        restore(portal, kind, record, source)
        return full(portal, kind, record)
    record = _find(portal, kind, row["id"])
    if row.get("delete") or row.get("erase"):
        shown = full(portal, kind, record)
        if row.get("erase"):
            erase(portal, kind, record, source)
        else:
            portal.archive(kind, record, source)
            shown = full(portal, kind, record)
        return shown
    if row.get("merge_into") is not None:
        primary = _find(portal, kind, row["merge_into"])
        return full(portal, kind, merge_into(portal, kind, primary, record, source))
    values = _values(portal, kind, record, row)
    links = _links(portal, kind, row)
    change(portal, kind, record, values, source)
    make_links(portal, kind, record, links)
    return full(portal, kind, record)


def set_rules(portal: Portal, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rules an admin sets: ``kind``, ``property``, ``ruleType``, ``ruleArguments``; raises Refused."""
    for row in rows:
        kind, name = kind_name(str(row.get("kind", "contacts"))), str(row.get("property"))
        if portal.property(kind, name) is None:
            raise Refused(f"{kind} have no property {name}")
        portal.rules[kind].setdefault(name, []).append(read_rule(row))
    return [dict(row) for row in rows]


def acting(portal: Portal, wanted: Any) -> Source:
    """Who acts: an owner by id or email, ``automation``, ``integration``; if none, the first active owner.

    Raises Refused for somebody unknown.
    """
    if wanted in _MACHINES:
        return _MACHINES[str(wanted)]
    for owner in portal.owners.values():
        if owner.active if wanted is None else str(wanted) in (owner.id, str(owner.user), owner.email):
            return person(owner.user)
    if wanted is not None:
        raise Refused(f"no owner {wanted}")
    return person(1)


def _find(portal: Portal, kind: str, record_id: Any, *, archived: bool = False) -> Record:
    record = portal.tables[kind].find(str(record_id), archived=archived)
    if record is None:
        raise Refused(f"no {kind} {record_id}")
    return record


def _values(portal: Portal, kind: str, record: Record | None, row: Mapping[str, Any]) -> dict[str, str]:
    given = row.get("properties")
    if given is None:
        given = {name: value for name, value in row.items() if name not in _NOT_VALUES}
    schema, owners, values = portal.schemas[kind], portal.owner_ids(), {}
    for name, value in given.items():
        told = schema.properties.get(name)
        if told is None:
            raise Refused(f"{kind} have no property {name}")
        if name in (schema.created, schema.modified, "hs_object_id"):
            raise Refused(f"{name} cannot be edited")
        try:
            values[name] = accepted(told, _text(value), owners)
        except BadValue as bad:
            raise Refused(f"{name}: {bad.message}") from bad
    check_unique(portal, kind, record, values, Claims())
    return values


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _links(portal: Portal, kind: str, row: Mapping[str, Any]) -> list[Link]:
    given = row.get("associations") or []
    if isinstance(given, Mapping):
        raise Refused('associations must be a list like [{"to": "contact id"}]')
    found = []
    for item in given:
        to_kind = kind_name(str(item.get("kind", "contacts")))
        types = ASSOCIATION_TYPES.get((kind, to_kind))
        if types is None:
            raise Refused(f"{kind} cannot be associated with {to_kind}")
        other = _find(portal, to_kind, item.get("to"))
        is_primary = PRIMARY_CONTACT in types  # a lead made at the screen is about its contact
        found.append(Link(to_kind, other, PRIMARY_CONTACT if is_primary else types[0]))
    return found
