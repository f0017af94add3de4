"""How HubSpot spells our fields, and how a value of ours is written there.

Not here: what the customer's own fields are called (``connectors.mapping``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from connectors.base import OUR_FIELDS
from connectors.canonical import canonical, clean
from connectors.labels import KEY_LABEL, LABELS, NOTE_KEY_LABEL, Label
from connectors.mapping import Converter, parse_value
from sla_engine.model import Value

GROUP = "leadsla"
GROUP_LABEL = "leadsla"
TASK_KEY = "leadsla_key"
NOTE_KEY = "leadsla_key"
LEAD_OBJECTS = ("contacts", "leads")  # which of them carries the leads is the connection's choice
LEAD_STAMP = "lastmodifieddate"  # contacts
STAMP = "hs_lastmodifieddate"  # every other object
OWNER = "hubspot_owner_id"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Form:
    """What HubSpot calls a kind of value: its property ``type``, its ``field_type``, our converter."""

    type: str
    field_type: str
    converter: Converter


FORMS: Mapping[str, Form] = {
    "text": Form("string", "text", "text"),
    "long_text": Form("string", "textarea", "text"),
    "number": Form("number", "number", "number"),
    "datetime": Form("datetime", "date", "datetime"),
}


def property_of(our_name: str) -> str:
    """The contact property that holds our field.

    >>> property_of("due_at")
    'leadsla_due_at'
    """
    return f"leadsla_{our_name}"


def our_properties() -> tuple[str, ...]:
    return tuple(property_of(name) for name in OUR_FIELDS)


def milliseconds(instant: datetime) -> str:
    """Epoch milliseconds as text: the one form every HubSpot endpoint takes for an instant."""
    return str((instant.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1))


def written(value: Value) -> str:
    """A value as HubSpot takes it: always text, and empty text to clear."""
    if isinstance(value, datetime):
        return milliseconds(value.replace(microsecond=0))
    return clean(canonical(value))


def rich_text(text: str) -> str:
    r"""Plain text as a HubSpot property of rich text shows it.

    >>> rich_text("A & B <x>\nnext line")
    'A &amp; B &lt;x&gt;<br>next line'
    """
    return escape(clean(text), quote=False).replace("\n", "<br>")


def shown(properties: Mapping[str, Any]) -> dict[str, str]:
    """Our fields as the CRM shows them, by our name, in the form in which they can be compared.

    A value that a person made unreadable stays as it is, so that it differs from ours.
    """
    ours: dict[str, str] = {}
    for name, kind in OUR_FIELDS.items():
        raw = properties.get(property_of(name))
        try:
            ours[name] = canonical(parse_value(raw, FORMS[kind].converter))
        except ValueError:
            ours[name] = str(raw)
    return ours


def definitions(carrier: str = "contacts") -> Iterable[tuple[str, dict[str, Any]]]:
    """(object, property to create) for everything that leadsla writes; ``carrier`` carries the leads."""
    for name, kind in OUR_FIELDS.items():
        form = FORMS[kind]
        yield carrier, _definition(property_of(name), LABELS[name], form)
    yield "tasks", _definition(TASK_KEY, KEY_LABEL, FORMS["text"])


def note_definition() -> dict[str, Any]:
    """The property that finds our notes. Apart from the others: everything else works without it."""
    return _definition(NOTE_KEY, NOTE_KEY_LABEL, FORMS["text"])


def _definition(name: str, label: Label, form: Form) -> dict[str, Any]:
    return {
        "name": name,
        "label": label.name,
        "type": form.type,
        "fieldType": form.field_type,
        "groupName": GROUP,
        "description": label.help,
    }
