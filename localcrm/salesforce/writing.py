"""Creates, updates, upserts and deletes records under Salesforce's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcrm.salesforce.checks import check_references, check_required, check_unique, cleaned
from localcrm.salesforce.errors import ApiError, not_found
from localcrm.salesforce.fields import Field, ObjectType, Row
from localcrm.salesforce.history import keep_assignment, keep_history
from localcrm.salesforce.org import Org
from localcrm.salesforce.rules import Actor, before_save

_GRANTING = ("FieldPermissions", "PermissionSetAssignment", "PermissionSet")
_TAKEN_ALONG = ("Task", "Event", "CampaignMember")


def create(org: Org, kind: ObjectType, values: Mapping[str, Any], actor: Actor) -> str:
    """The new record's id; raises ApiError."""
    if "create" not in kind.can and not actor.person:
        raise ApiError("INVALID_TYPE_FOR_OPERATION", f"entity type cannot be inserted: {kind.label}")
    if kind.name in _GRANTING and not actor.may_customise:
        raise ApiError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
    given = cleaned(org, kind, values, actor, new=True)
    row: Row = {**kind.blank, **{name: value for name, value in given.items() if value is not None}}
    if "OwnerId" in kind.fields:
        row.setdefault("OwnerId", actor.user)
    table = org.tables[kind.name]
    if not actor.person or kind.name in ("Lead", "Task", "Event"):
        check_required(kind, row, given, new=True)
    check_references(org, kind, given)
    row["Id"] = table.next_id()
    _stamp(org, kind, row, actor, given, new=True)
    before_save(org, kind.name, None, row, actor)
    org.setup.check(org, kind.name, row, actor)
    check_unique(org, kind, row)
    table.put(row)
    _after(org, kind, None, row, actor)
    return str(row["Id"])


def update(org: Org, kind: ObjectType, record_id: str, values: Mapping[str, Any], actor: Actor) -> None:
    """Change a living record; raises ApiError."""
    if "update" not in kind.can and not actor.person:
        raise ApiError("INVALID_TYPE_FOR_OPERATION", f"entity type cannot be updated: {kind.label}")
    old = org.find(kind, record_id)
    if not actor.person:
        org.late.check(old["Id"])
    given = cleaned(org, kind, values, actor, new=False)
    row = {name: value for name, value in {**old, **given}.items() if value is not None}
    check_required(kind, row, given, new=False)
    check_references(org, kind, given)
    _stamp(org, kind, row, actor, given, new=False)
    before_save(org, kind.name, old, row, actor)
    org.setup.check(org, kind.name, row, actor)
    check_unique(org, kind, row)
    org.tables[kind.name].replace(row)
    _after(org, kind, old, row, actor)


def delete(org: Org, kind: ObjectType, record_id: str, actor: Actor, *, deleted_with: str = "") -> None:
    """Soft where the object knows IsDeleted, with what hangs on a lead or contact; raises ApiError.

    ``deleted_with`` names the record whose deletion takes this one along.
    """
    if "delete" not in kind.can:
        raise ApiError(
            "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", status=403
        )
    old = org.find(kind, record_id)
    if not actor.person:
        org.late.check(old["Id"])
    table = org.tables[kind.name]
    if "IsDeleted" not in kind.fields:
        table.remove(old["Id"])
        org.forget_grants()
        return
    row = {**old, "IsDeleted": True} | ({"_deleted_with": deleted_with} if deleted_with else {})
    _stamp(org, kind, row, actor, {}, new=False)
    table.replace(row)
    for child in kind.children:
        if child.object in _TAKEN_ALONG:
            for one in org.tables[child.object].having(child.field, old["Id"]):
                if not one["IsDeleted"]:
                    delete(org, org.types[child.object], one["Id"], actor, deleted_with=old["Id"])


def upsert(
    org: Org, kind: ObjectType, key: str, value: Any, values: Mapping[str, Any], actor: Actor
) -> tuple[str, bool]:
    """Update the one record whose ``key`` field equals ``value`` or create it: (id, created)."""
    field = upsert_key(org, kind, key)
    rest = {name: one for name, one in values.items() if name.lower() != field.name.lower()}
    if field.name == "Id":
        if value in (None, ""):
            return create(org, kind, rest, actor), True
        update(org, kind, str(value), rest, actor)
        return org.find(kind, str(value))["Id"], False
    if value in (None, ""):
        raise ApiError("MISSING_ARGUMENT", f"{field.name} not specified", (field.name,))
    found = matches(org, kind, field, str(value))
    if not found:
        return create(org, kind, {**rest, field.name: value}, actor), True
    if len(found) > 1:
        text = (
            f"{field.name}: more than one record found for external id field: {[row['Id'] for row in found]}"
        )
        raise ApiError("DUPLICATE_EXTERNAL_ID", text, (field.name,), status=300)
    update(org, kind, found[0]["Id"], rest, actor)
    return found[0]["Id"], False


def upsert_key(org: Org, kind: ObjectType, key: str) -> Field:
    """The field records can be addressed by; raises NOT_FOUND for any other."""
    field = org.field(kind, key)
    if field is None or not (field.external_id or field.id_lookup):
        raise not_found(f"Provided external ID field does not exist or is not accessible: {key}")
    return field


def matches(org: Org, kind: ObjectType, field: Field, value: str) -> list[Row]:
    """The living records whose ``field`` equals ``value``."""
    return [row for row in org.tables[kind.name].having(field.name, value) if not row.get("IsDeleted")]


def _stamp(org: Org, kind: ObjectType, row: Row, actor: Actor, given: Row, *, new: bool) -> None:
    now = org.now()
    moved: Row = {"LastModifiedDate": now, "LastModifiedById": actor.user, "SystemModstamp": now}
    if new:
        moved |= {"CreatedDate": now, "CreatedById": actor.user}
    row.update({name: value for name, value in moved.items() if name in kind.fields and name not in given})


def _after(org: Org, kind: ObjectType, old: Row | None, row: Row, actor: Actor) -> None:
    if kind.name in ("Lead", "Contact"):
        keep_history(org, old, row, row["LastModifiedDate"], actor.user)
        if kind.name == "Lead" and actor.auto_assign and org.switches.assignment_rules:
            keep_assignment(org, old, row, row["LastModifiedDate"], actor.user)
    if kind.name in _GRANTING:
        org.forget_grants()
