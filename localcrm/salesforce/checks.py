"""The refusals that precede a save: unknown, read-only, missing, dangling and duplicate values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import Field, ObjectType, Row
from localcrm.salesforce.org import Org
from localcrm.salesforce.rules import Actor
from localcrm.salesforce.values import stored


def cleaned(org: Org, kind: ObjectType, values: Mapping[str, Any], actor: Actor, *, new: bool) -> Row:
    """Stored forms by API name (None = cleared); raises the first refusal."""
    found: Row = {}
    for name, value in values.items():
        if name == "attributes":
            continue
        field = kind.by_lower.get(name.lower()) if actor.person else org.field(kind, name)
        if field is None:
            _hidden(org, kind, name)
            raise ApiError("INVALID_FIELD", f"No such column '{name}' on sobject of type {kind.name}")
        if not actor.person:
            _writable(org, kind, field, new=new)
        found[field.name] = stored(field, value)
        if field.type == "boolean" and value in (None, ""):
            text = f"{field.label}: value not of required type: "
            raise ApiError("INVALID_TYPE_ON_FIELD_IN_RECORD", text, (field.name,))
    return found


def _writable(org: Org, kind: ObjectType, field: Field, *, new: bool) -> None:
    allowed = field.createable if new else field.updateable
    if not allowed or not org.editable(kind, field):
        raise _not_writable(field)


def _hidden(org: Org, kind: ObjectType, name: str) -> None:
    """A standard field behind field-level security is refused as one that cannot be set."""
    field = kind.by_lower.get(name.lower())
    if field is not None and not field.granted_only and not org.visible(kind, field):
        raise _not_writable(field)


def _not_writable(field: Field) -> ApiError:
    text = (
        f"Unable to create/update fields: {field.name}. Please check the security settings of this field "
        "and verify that it is read/write for your profile or permission set."
    )
    return ApiError("INVALID_FIELD_FOR_INSERT_UPDATE", text, (field.name,))


def check_required(kind: ObjectType, row: Row, given: Row, *, new: bool) -> None:
    """REQUIRED_FIELD_MISSING for what is absent (new) or cleared (update)."""
    missing = [
        one.name
        for one in kind.fields.values()
        if (one.required and (new or one.name in given) and row.get(one.name) is None)
        or (one.defaulted and not one.nillable and one.name in given and given[one.name] is None)
    ]
    if missing:
        text = f"Required fields are missing: [{', '.join(missing)}]"
        raise ApiError("REQUIRED_FIELD_MISSING", text, tuple(missing))


def check_references(org: Org, kind: ObjectType, given: Row) -> None:
    """Each reference names a living record of an allowed object, each owner can own."""
    for name, value in given.items():
        field = kind.fields[name]
        if field.type != "reference" or value is None or not set(field.to) & set(org.tables):
            continue
        target = org.target(field, value)
        if target is None or target[1].get("IsDeleted"):
            _dangling(org, field, value)
        elif name == "OwnerId":
            _check_owner(kind, value, *target)


def _dangling(org: Org, field: Field, value: str) -> None:
    if org.object_of_prefix(value) in field.to:
        raise ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (field.name,))
    text = f"{field.label}: id value of incorrect type: {value}"
    raise ApiError("FIELD_INTEGRITY_EXCEPTION", text, (field.name,))


def _check_owner(kind: ObjectType, value: str, target: str, row: Row) -> None:
    if target == "User" and not row.get("IsActive"):
        text = f"operation performed with inactive user [{value}] as owner of {kind.label.lower()}"
        raise ApiError("INACTIVE_OWNER_OR_USER", text)
    if target == "Group" and row.get("Type") != "Queue":
        text = "Queue not associated with this SObject type"
        raise ApiError("OP_WITH_INVALID_USER_TYPE_EXCEPTION", text, ("OwnerId",))


def check_unique(org: Org, kind: ObjectType, row: Row) -> None:
    """DUPLICATE_VALUE when a unique field's value stands on another living record."""
    for field in kind.fields.values():
        value = row.get(field.name) if field.unique else None
        if value is None:
            continue
        for other in org.tables[kind.name].having(field.name, str(value)):
            if other["Id"] != row["Id"] and not other.get("IsDeleted"):
                text = (
                    f"duplicate value found: {field.name} duplicates value on record with id: {other['Id']}"
                )
                raise ApiError("DUPLICATE_VALUE", text)
