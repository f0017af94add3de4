"""One text form for a value, so that what we would write and what the CRM shows can be compared."""

from __future__ import annotations

from datetime import UTC, datetime

from sla_engine.model import Value


def canonical(value: Value) -> str:
    """Empty for None, UTC whole seconds for instants, no trailing ".0" for numbers.

    >>> canonical(12.0), canonical(True), canonical(None)
    ('12', 'true', '')
    >>> canonical(datetime(2026, 11, 23, 12, 0, 0, 5, tzinfo=UTC))
    '2026-11-23T12:00:00Z'
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case float() if value.is_integer():
            return str(int(value))
    return str(value)


def clean(text: str) -> str:
    """Without what no field of a CRM holds: NUL, and halves of a character."""
    return text.replace("\x00", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
