"""The rules of writing: what HubSpot checks first, and what it changes along with a write.

``prepare`` only judges, so that a batch can be refused whole before anything is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcrm.hubspot.errors import ApiError, bad_json, invalid_value, invalid_values
from localcrm.hubspot.leads import contact_changed
from localcrm.hubspot.portal import Portal
from localcrm.hubspot.properties import Property
from localcrm.hubspot.records import Record, Source
from localcrm.hubspot.values import BadValue, accepted, iso

_CONTACTING = ("calls", "emails", "meetings", "communications")
_IGNORABLE = ("PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE")


@dataclass(slots=True)
class Claims:
    """Unique values claimed by earlier inputs of the same batch."""

    taken: set[tuple[str, str]] = field(default_factory=set)


def prepare(
    portal: Portal, kind: str, record: Record | None, given: Any, claims: Claims | None = None
) -> dict[str, str]:
    """The values to set on ``record`` (None = a new one); raises ApiError and writes nothing."""
    if not isinstance(given, dict):
        raise bad_json("java.util.LinkedHashMap<java.lang.String,java.lang.String>", given)
    for value in given.values():
        if not isinstance(value, str):
            raise bad_json("java.lang.String", value)
    if record is None:
        _check_required(portal, kind, given)
    values, problems = _checked(portal, kind, given)
    if problems:
        raise invalid_values(problems)
    check_unique(portal, kind, record, values, claims or Claims())
    if record is not None and _goes_backwards(portal, kind, record, values):
        del values["lifecyclestage"]
    return values


def create(portal: Portal, kind: str, values: Mapping[str, str], source: Source) -> Record:
    """Write a new record with prepared values."""
    kept = {name: value for name, value in values.items() if value}
    kept.setdefault("hs_object_source", source.type)
    record = portal.add_record(kind, portal.now(), source, kept)
    _follow(portal, kind, record, values, source)
    portal.tell(kind, "creation", record, source)
    return record


def change(portal: Portal, kind: str, record: Record, values: Mapping[str, str], source: Source) -> None:
    """Write prepared values; every write moves the modified stamp, even one that changes nothing."""
    at = portal.now()
    changed = [name for name, value in values.items() if record.values.get(name, "") != value]
    for name, value in values.items():
        taken = portal.tables[kind].unique.get(name)
        if taken is not None:
            taken.pop(record.values.get(name, "").lower(), None)
        record.put(name, value, at, source)
    record.updated = max(record.updated, at)
    portal.claim(kind, record)
    _follow(portal, kind, record, values, source)
    if kind == "contacts":
        contact_changed(portal.tables["leads"], record, changed)
    for name in changed:
        told = {"propertyName": name, "propertyValue": values[name]}
        portal.tell(kind, "propertyChange", record, source, told)


def contacted(portal: Portal, kind: str, record: Record, contact: Record) -> None:
    """A logged call, mail or meeting moves the contact's last contacted stamp."""
    if kind not in _CONTACTING or record.values.get("hs_email_direction") == "INCOMING_EMAIL":
        return
    at = record.values.get("hs_timestamp", "")
    if at > contact.values.get("notes_last_contacted", ""):
        contact.put("notes_last_contacted", at, portal.now(), Source("ENGAGEMENTS"))


def _follow(portal: Portal, kind: str, record: Record, values: Mapping[str, str], source: Source) -> None:
    at = portal.now()
    if kind == "tasks" and "hs_task_status" in values:
        done = values["hs_task_status"] == "COMPLETED"
        record.put("hs_task_completion_date", iso(at) if done else "", at, source)
    if "hubspot_owner_id" in values:
        record.put("hubspot_owner_assigneddate", iso(at) if values["hubspot_owner_id"] else "", at, source)


def _check_required(portal: Portal, kind: str, given: Mapping[str, str]) -> None:
    missing = [name for name in portal.schemas[kind].required if not given.get(name)]
    if missing:
        raise ApiError(
            f"Error creating {kind.upper()}. Some required properties were not set.",
            context={"properties": missing},
        )


def _checked(
    portal: Portal, kind: str, given: Mapping[str, str]
) -> tuple[dict[str, str], list[dict[str, Any]]]:
    values: dict[str, str] = {}
    problems: list[dict[str, Any]] = []
    owners = portal.owner_ids() if "hubspot_owner_id" in given else ()
    for name, text in given.items():
        try:
            values[name] = checked_value(portal.property(kind, name), name, text, owners)
        except BadValue as bad:
            if kind == "tasks" and bad.error in _IGNORABLE and portal.switches.ignores_unknown_on_tasks:
                continue
            problems.append(invalid_value(name, bad.error, bad.message))
    return values, problems


def checked_value(told: Property | None, name: str, text: str, owners: Collection[str]) -> str:
    """One value as it is kept; raises BadValue for an unknown or read-only property or a bad value."""
    if told is None:
        raise BadValue("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    if told.read_only:
        raise BadValue("READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
    return accepted(told, text, owners)


def check_unique(
    portal: Portal, kind: str, record: Record | None, values: Mapping[str, str], claims: Claims
) -> None:
    fresh: set[tuple[str, str]] = set()
    for name, taken in portal.tables[kind].unique.items():
        value = values.get(name, "").lower()
        if not value:
            continue
        holder = taken.get(value)
        if holder is not None and (record is None or holder != record.number):
            raise conflict(name, holder)
        if (name, value) in claims.taken:
            raise conflict(name, None)
        fresh.add((name, value))
    claims.taken |= fresh


def conflict(name: str, holder: int | None) -> ApiError:
    """A unique value somebody else has (409)."""
    if name == "email":
        told = "Contact already exists." + (f" Existing ID: {holder}" if holder is not None else "")
    else:
        told = f"Cannot set {name}, because {holder or 'another input'} is already using that value"
    return ApiError(told, status=409, category="CONFLICT")


def _goes_backwards(portal: Portal, kind: str, record: Record, values: Mapping[str, str]) -> bool:
    told = portal.property(kind, "lifecyclestage")
    new, old = values.get("lifecyclestage"), record.values.get("lifecyclestage")
    if told is None or not new or not old:
        return False
    order = told.allowed()
    return old in order and order.index(new) < order.index(old)
