"""Makes custom fields as the Tooling API does. A made field is invisible until it is granted."""

from __future__ import annotations

import re
from typing import Any

from localcrm.salesforce.calls import Answer, Call
from localcrm.salesforce.errors import ApiError
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
_FIXED_LENGTH = {"TextArea": 255, "Picklist": 255, "Email": 80, "Phone": 40, "Url": 255}
_NUMBERS = ("Number", "Percent", "Currency")


def create_custom_field(org: Org, call: Call) -> Answer:
    """POST tooling/sobjects/CustomField."""
    body = call.object()
    full, metadata = body.get("FullName"), body.get("Metadata")
    if not isinstance(full, str) or not isinstance(metadata, dict):
        raise ApiError("REQUIRED_FIELD_MISSING", "Required fields are missing: [FullName, Metadata]")
    target, _, name = full.partition(".")
    if not _NAME.match(name):
        raise ApiError("FIELD_INTEGRITY_EXCEPTION", f"Custom field name is not valid: {name}", ("FullName",))
    kinds = ACTIVITY if target == "Activity" else (target,)
    if target in ACTIVITY or any(one not in org.types for one in kinds):
        raise ApiError(
            "INVALID_CROSS_REFERENCE_KEY", f"Entity Enumeration Or ID: bad value: {target}", ("FullName",)
        )
    if name.lower() in org.types[kinds[0]].by_lower:
        text = f"There is already a field named {name.removesuffix('__c')} on {target}."
        raise ApiError("DUPLICATE_DEVELOPER_NAME", text, ("DeveloperName",))
    field = _field(name, metadata)
    if target == "Activity" and field.external_id and not org.switches.task_external_id:
        raise ApiError(
            "FIELD_INTEGRITY_EXCEPTION", "Cannot create an external ID field on Activity", ("externalId",)
        )
    for one in kinds:
        org.types[one].add(field)
        for row in org.rows(one) if field.type == "boolean" else ():
            row[name] = bool(field.default)
    number = sum(1 for kind in org.types.values() for one in kind.fields.values() if one.granted_only)
    return Answer(
        201, {"id": make_id("00N", number), "success": True, "errors": [], "warnings": [], "infos": []}
    )


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
