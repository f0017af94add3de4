"""Makes, finds and deletes custom fields as the Tooling API does. A made field is invisible until granted."""

from __future__ import annotations

import re
import zlib
from typing import Any

from localcrm.salesforce.calls import Answer, Call
from localcrm.salesforce.errors import ApiError, not_found
from localcrm.salesforce.fields import Field
from localcrm.salesforce.ids import make_id
from localcrm.salesforce.org import ACTIVITY, Org

_TYPES = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Number": "double",
    "Checkbox": "boolean",
    "Date": "date",
    "DateTime": "datetime",
    "Picklist": "picklist",
    "Email": "email",
    "Phone": "phone",
    "Url": "url",
    "Percent": "percent",
    "Currency": "currency",
}
_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*__c$")
_QUERY = re.compile(
    r"SELECT Id, DeveloperName, TableEnumOrId FROM CustomField WHERE DeveloperName IN \(([\w', ]+)\)"
)
_FIXED_LENGTH = {"TextArea": 255, "Picklist": 255, "Email": 80, "Phone": 40, "Url": 255}
_NUMBERS = ("Number", "Percent", "Currency")


def create_custom_field(org: Org, call: Call) -> Answer:
    """POST tooling/sobjects/CustomField."""
    if not call.actor(org).may_customise:
        raise ApiError("INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id", status=403)
    body = call.object()
    full, metadata = body.get("FullName"), body.get("Metadata")
    if not isinstance(full, str) or not isinstance(metadata, dict):
        raise ApiError("REQUIRED_FIELD_MISSING", "Required fields are missing: [FullName, Metadata]")
    make_field(org, full, metadata)
    made = {"id": _id_of(full), "success": True, "errors": [], "warnings": [], "infos": []}
    return Answer(201, made)


def query_custom_fields(org: Org, call: Call) -> Answer:
    """GET tooling/query, for the one question that finds custom fields by their names."""
    asked = _QUERY.fullmatch(" ".join(call.query.get("q", "").split()))
    if asked is None:
        raise ApiError("MALFORMED_QUERY", "only custom fields can be asked for, by DeveloperName")
    wanted = {name.strip().strip("'") for name in asked[1].split(",")}
    records = []
    for field_id, full in _made_fields(org).items():
        target, _, name = full.partition(".")
        if name.removesuffix("__c") in wanted:
            told = {"Id": field_id, "DeveloperName": name.removesuffix("__c"), "TableEnumOrId": target}
            records.append({"attributes": {"type": "CustomField"}, **told})
    return Answer(200, {"size": len(records), "totalSize": len(records), "done": True, "records": records})


def delete_custom_field(org: Org, call: Call, field_id: str) -> Answer:
    """DELETE tooling/sobjects/CustomField/ID."""
    if not call.actor(org).may_customise:
        raise ApiError("INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id", status=403)
    full = _made_fields(org).get(field_id)
    if full is None:
        raise not_found()
    drop_field(org, full)
    return Answer(204)


def _made_fields(org: Org) -> dict[str, str]:
    """The full names of the fields made here, by id; those of tasks and events belong to Activity."""
    named = (
        f"{'Activity' if kind.name in ACTIVITY else kind.name}.{one.name}"
        for kind in org.types.values()
        for one in kind.fields.values()
        if one.granted_only
    )
    return {_id_of(full): full for full in named}


def _id_of(full: str) -> str:
    return make_id("00N", zlib.crc32(full.encode()))


def make_field(org: Org, full: str, metadata: dict[str, Any]) -> None:
    """Add ``Object.Name__c`` (Activity: to Task and Event), granted to nobody; raises ApiError."""
    target, kinds, name = _place(org, full)
    if name.lower() in org.types[kinds[0]].by_lower:
        text = f"There is already a field named {name.removesuffix('__c')} on {target}."
        raise ApiError("DUPLICATE_DEVELOPER_NAME", text, ("DeveloperName",))
    _add(org, target, kinds, _field(name, metadata))


def change_field(org: Org, full: str, metadata: dict[str, Any]) -> None:
    """Give an existing custom field these properties; its type stays what it is. Raises ApiError."""
    target, kinds, name = _place(org, full)
    field = _field(name, metadata)
    if field.type != org.types[kinds[0]].fields[name].type:
        raise ApiError("FIELD_INTEGRITY_EXCEPTION", "Cannot change the type of a field here", ("type",))
    _add(org, target, kinds, field)


def drop_field(org: Org, full: str) -> None:
    """Delete a custom field with its values and permissions; raises ApiError."""
    _, kinds, name = _place(org, full)
    for kind in kinds:
        org.types[kind].drop(name)
        for row in org.rows(kind):
            row.pop(name, None)
        for one in list(org.rows("FieldPermissions")):
            if one["Field"] == f"{kind}.{name}":
                org.tables["FieldPermissions"].remove(one["Id"])
    org.forget_grants()


def find_field(org: Org, full: str) -> Field | None:
    """The custom field of a full name, or None."""
    target, _, name = full.partition(".")
    kind = org.types.get(ACTIVITY[0] if target == "Activity" else target)
    found = kind.fields.get(name) if kind else None
    return found if found is not None and found.custom else None


def _place(org: Org, full: str) -> tuple[str, tuple[str, ...], str]:
    """(object as named, the objects it means, field name); raises ApiError."""
    target, _, name = full.partition(".")
    if not _NAME.match(name):
        raise ApiError("FIELD_INTEGRITY_EXCEPTION", f"Custom field name is not valid: {name}", ("FullName",))
    kinds = ACTIVITY if target == "Activity" else (target,)
    if target in ACTIVITY or any(not org.has(one) for one in kinds):
        raise ApiError(
            "INVALID_CROSS_REFERENCE_KEY", f"Entity Enumeration Or ID: bad value: {target}", ("FullName",)
        )
    return target, kinds, name


def _add(org: Org, target: str, kinds: tuple[str, ...], field: Field) -> None:
    if target == "Activity" and field.external_id and not org.switches.task_external_id:
        raise ApiError(
            "FIELD_INTEGRITY_EXCEPTION", "Cannot create an external ID field on Activity", ("externalId",)
        )
    for one in kinds:
        is_new = field.name not in org.types[one].fields
        org.types[one].add(field)
        for row in org.rows(one) if field.type == "boolean" and is_new else ():
            row[field.name] = bool(field.default)
    org.schema_changed()


def _field(name: str, metadata: dict[str, Any]) -> Field:
    kind = metadata.get("type")
    if kind not in _TYPES:
        raise ApiError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", f"Field Type: bad value: {kind}", ("type",))
    if not metadata.get("label"):
        raise ApiError("REQUIRED_FIELD_MISSING", "Required fields are missing: [label]", ("label",))
    external, unique = bool(metadata.get("externalId")), bool(metadata.get("unique"))
    if external and kind not in ("Text", "Number", "Email"):
        raise ApiError("FIELD_INTEGRITY_EXCEPTION", f"{kind} cannot be an external ID", ("externalId",))
    default = metadata.get("defaultValue")
    return Field(
        name=name,
        type=_TYPES[kind],
        label=str(metadata["label"])[:40],
        length=_length(kind, metadata),
        precision=_digits(kind, metadata, "precision"),
        scale=_digits(kind, metadata, "scale"),
        createable=True,
        updateable=True,
        nillable=kind != "Checkbox",
        defaulted=kind == "Checkbox",
        restricted=kind == "Picklist" and bool((metadata.get("valueSet") or {}).get("restricted")),
        filterable=kind != "LongTextArea",
        external_id=external,
        id_lookup=external,
        unique=unique,
        custom=True,
        granted_only=True,
        tracked=bool(metadata.get("trackHistory")),
        default=str(default).lower() == "true" if kind == "Checkbox" else None,
        help=metadata.get("inlineHelpText"),
        values=_choices(metadata) if kind == "Picklist" else (),
    )


def _length(kind: str, metadata: dict[str, Any]) -> int:
    if kind not in ("Text", "LongTextArea"):
        return _FIXED_LENGTH.get(kind, 0)
    length, least, most = metadata.get("length"), *((1, 255) if kind == "Text" else (256, 131_072))
    if not isinstance(length, int) or not least <= length <= most:
        raise ApiError("FIELD_INTEGRITY_EXCEPTION", f"length must be between {least} and {most}", ("length",))
    return length


def _digits(kind: str, metadata: dict[str, Any], key: str) -> int:
    if kind not in _NUMBERS:
        return 0
    value = metadata.get(key)
    if not isinstance(value, int) or not 0 <= value <= 18:
        raise ApiError("FIELD_INTEGRITY_EXCEPTION", f"{key} must be a whole number from 0 to 18", (key,))
    return value


def _choices(metadata: dict[str, Any]) -> tuple[str, ...]:
    definition = (metadata.get("valueSet") or {}).get("valueSetDefinition") or {}
    found = tuple(str(one.get("fullName") or one.get("valueName")) for one in definition.get("value") or ())
    if not found:
        raise ApiError("FIELD_INTEGRITY_EXCEPTION", "A picklist needs a valueSet", ("valueSet",))
    return found
