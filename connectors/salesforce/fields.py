"""Our fields in Salesforce: their API names, types and how values are written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.base import OUR_FIELDS
from connectors.canonical import clean
from connectors.labels import KEY_LABEL, LABELS, Label
from connectors.mapping import parse_instant
from sla_engine.model import Value

KEY_FIELD = "LeadSLA_Key__c"
KEY_NAME = f"Activity.{KEY_FIELD}"  # where Salesforce keeps the fields of tasks
_KEY_LENGTH = 80
_LENGTH = 255
_LONG = 32768


def api_name(ours: str) -> str:
    """The custom field of one of our fields.

    >>> api_name("due_at")
    'LeadSLA_Due_At__c'
    """
    return "LeadSLA_" + "_".join(part.capitalize() for part in ours.split("_")) + "__c"


DESCRIBED_AS: Mapping[str, str] = {
    "text": "string",
    "long_text": "textarea",
    "number": "double",
    "datetime": "datetime",
}
"""How ``describe`` calls the type of each kind of field of ours."""

OUR_API_NAMES: Mapping[str, str] = {name: api_name(name) for name in OUR_FIELDS}


def metadata(ours: str) -> dict[str, Any]:
    """The custom field's definition."""
    words = _words(LABELS[ours])
    match OUR_FIELDS[ours]:
        case "datetime":
            return {**words, "type": "DateTime"}
        case "number":
            return {**words, "type": "Number", "precision": 18, "scale": 0}
        case "long_text":
            return {**words, "type": "LongTextArea", "length": _LONG, "visibleLines": 6}
    return {**words, "type": "Text", "length": _LENGTH}


def key_metadata() -> dict[str, Any]:
    """The definition of the field that carries our key on a task."""
    return {**_words(KEY_LABEL), "type": "Text", "length": _KEY_LENGTH}


def _words(label: Label) -> dict[str, str]:
    return {"label": label.name, "inlineHelpText": label.help, "description": label.help}


def written(ours: str, value: Value) -> Any:
    """A value as Salesforce takes it; None clears. Texts are cut to the field's length."""
    match value:
        case datetime():
            return instant(value)
        case str():
            return cut(value, _LONG if OUR_FIELDS.get(ours) == "long_text" else _LENGTH)
    return value


def cut(text: str, most: int) -> str:
    """A text as Salesforce stores it, at most so many UTF-16 units, with a mark where something is left out.

    >>> cut("abcdef", 4), cut("a" + chr(0) + "b", 4)
    ('abc…', 'ab')
    """
    whole = clean(text)
    units = whole.encode("utf-16-le")
    if len(units) <= 2 * most:
        return whole
    return units[: 2 * (most - 1)].decode("utf-16-le", "ignore") + "…"


def instant(value: datetime) -> str:
    """A datetime literal, UTC, whole seconds; also right in SOQL."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def literal(stamp: str) -> str:
    """A stamp of Salesforce's as a literal in SOQL: nothing of it is lost, or rows would repeat for ever.

    >>> literal("2024-11-07T07:00:00.000+0000"), literal("2024-11-07T07:00:00.250Z")
    ('2024-11-07T07:00:00Z', '2024-11-07T07:00:00.250Z')
    """
    moment = parse_instant(stamp).astimezone(UTC)
    if not moment.microsecond:
        return instant(moment)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
