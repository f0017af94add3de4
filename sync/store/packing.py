"""Facts, changes and verdicts as JSON text and back: the same value comes back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from connectors.base import Change, OurTask
from sla_engine.model import Activity, FieldChange, Lead, Owner, OwnerChange, StageChange, Value
from sla_engine.verdict import Verdict

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INSTANT = "\x1einstant:"  # marks a text that was an instant; no CRM value starts with it

activity_form: TypeAdapter[Activity] = TypeAdapter(Activity)
stage_form: TypeAdapter[StageChange] = TypeAdapter(StageChange)
owner_form: TypeAdapter[OwnerChange] = TypeAdapter(OwnerChange)
person_form: TypeAdapter[Owner] = TypeAdapter(Owner)
task_form: TypeAdapter[OurTask] = TypeAdapter(OurTask)
verdict_form: TypeAdapter[Verdict] = TypeAdapter(Verdict)
_lead_form: TypeAdapter[Lead] = TypeAdapter(Lead)
_field_form: TypeAdapter[FieldChange] = TypeAdapter(FieldChange)
_field_forms: TypeAdapter[list[FieldChange]] = TypeAdapter(list[FieldChange])
_LISTS: dict[str, Any] = {
    "activity": TypeAdapter(list[Activity]),
    "stage": TypeAdapter(list[StageChange]),
    "sight": TypeAdapter(list[StageChange]),
    "owner": TypeAdapter(list[OwnerChange]),
}
CHANGE_KINDS: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in Change.__args__}


def micros(instant: datetime) -> int:
    """Microseconds since 1970, UTC."""
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """The aware UTC instant so many microseconds after 1970 began.

    >>> from_micros(micros(datetime(2026, 11, 23, 12, tzinfo=UTC))).isoformat()
    '2026-11-23T12:00:00+00:00'
    """
    return _EPOCH + timedelta(microseconds=value)


def pack_lead(lead: Lead) -> str:
    marked = {name: _mark(value) for name, value in sorted(lead.fields.items())}
    return _lead_form.dump_json(replace(lead, fields=marked)).decode()


def unpack_lead(text: str) -> Lead:
    lead = _lead_form.validate_json(text)
    return replace(lead, fields={name: _unmark(value) for name, value in lead.fields.items()})


class FieldForm:
    """A field change as JSON text, and a list of them back; an instant in them stays one."""

    def dump_json(self, change: FieldChange) -> bytes:
        return _field_form.dump_json(replace(change, before=_mark(change.before)))

    def validate_json(self, text: str) -> list[FieldChange]:
        changes = _field_forms.validate_json(text)
        return [replace(one, before=_unmark(one.before)) for one in changes]


def unpack_facts(kind: str, bodies: Sequence[str]) -> list[Any]:
    """Facts of one kind, read all at once: many times faster than one by one."""
    form = FieldForm() if kind == "field" else _LISTS[kind]
    facts: list[Any] = form.validate_json(f"[{','.join(bodies)}]")
    return facts


def pack_change(change: Change) -> str:
    raw = CHANGE_KINDS[type(change).__name__].dump_python(change)
    if "values" in raw:
        raw["values"] = {name: _mark(value) for name, value in raw["values"].items()}
    return json.dumps(raw, default=lambda value: value.isoformat(), sort_keys=True)


def fingerprint(change: Change) -> str:
    """Names a change by its content, not by the sentence that explains it."""
    return fingerprint_of(type(change).__name__, pack_change(change))


def fingerprint_of(kind: str, packed: str) -> str:
    """The fingerprint of a change that is packed already."""
    body = json.loads(packed)
    body.pop("because")
    text = json.dumps([kind, body], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def unpack_change(kind: str, text: str) -> Change:
    change: Any = CHANGE_KINDS[kind].validate_json(text)
    if hasattr(change, "values"):
        change = replace(change, values={name: _unmark(value) for name, value in change.values.items()})
    return change  # type: ignore[no-any-return]


def _mark(value: Value) -> Value:
    return f"{_INSTANT}{value.isoformat()}" if isinstance(value, datetime) else value


def _unmark(value: Value) -> Value:
    if isinstance(value, str) and value.startswith(_INSTANT):
        return datetime.fromisoformat(value.removeprefix(_INSTANT))
    return value
