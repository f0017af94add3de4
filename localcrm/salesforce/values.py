"""Checks one incoming value against its field and gives its stored form, or refuses it."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Callable
from typing import Any

from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import Field
from localcrm.salesforce.ids import normal_id
from localcrm.salesforce.stamps import read_date, read_datetime, read_time

_READERS = {"datetime": read_datetime, "date": read_date, "time": read_time}
Reader = Callable[[Field, Any], Any]


def stored(field: Field, value: Any) -> Any:
    """The stored form of ``value``; raises ApiError in Salesforce's words."""
    if value is None or (value == "" and field.type != "boolean"):
        return None
    if field.type == "boolean":
        return _boolean(field, value)
    if field.is_number:
        return _number(field, value)
    if field.type in _READERS:
        return _moment(field, value)
    reader: Reader = _OTHERS.get(field.type, _text)
    return reader(field, value)


def _wrong(field: Field, value: Any) -> ApiError:
    soap = {"int": "int", "boolean": "boolean"}.get(field.type, "double" if field.is_number else field.type)
    shown = str(value)[:40]
    return ApiError(
        "JSON_PARSER_ERROR", f"Cannot deserialize instance of {soap} from value {shown}", (field.name,)
    )


def _boolean(field: Field, value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    if value in ("true", "false"):
        return bool(value == "true")
    raise _wrong(field, value)


def _number(field: Field, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _wrong(field, value)
    try:
        number = float(value)
    except ValueError:
        raise _wrong(field, value) from None
    if field.type == "int":
        if number != int(number):
            raise _wrong(field, value)
        whole = field.precision
    else:
        whole = field.precision - field.scale
    if whole and abs(number) >= 10**whole:
        text = f"{field.label}: value outside of valid range on numeric field: {value}"
        raise ApiError("NUMBER_OUTSIDE_VALID_RANGE", text, (field.name,))
    return int(number) if field.type == "int" else round(number, field.scale)


def _moment(field: Field, value: Any) -> str:
    found = _READERS[field.type](value) if isinstance(value, str) else None
    if found is None and field.type == "date" and isinstance(value, str):
        whole = read_datetime(value)
        found = whole[:10] if whole else None
    if found is None:
        raise _wrong(field, value)
    return found


def _reference(field: Field, value: Any) -> str:
    found = normal_id(value) if isinstance(value, str) else None
    if found is None:
        text = f"{field.label}: id value of incorrect type: {str(value)[:40]}"
        raise ApiError("MALFORMED_ID", text, (field.name,))
    return found


def _bytes(field: Field, value: Any) -> bytes:
    try:
        return b64decode(value, validate=True)
    except (Error, TypeError, ValueError):
        raise _wrong(field, value) from None


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        if isinstance(value, dict | list) or field.type == "picklist":
            raise _wrong(field, value)
        value = str(value).lower() if isinstance(value, bool) else str(value)
    text: str = value
    if field.restricted and text not in field.values:
        message = f"{field.label}: bad value for restricted picklist field: {text[:80]}"
        raise ApiError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, (field.name,))
    if len(text) > field.length:
        shown = text[:60]
        message = f"{field.label}: data value too large: {shown} (max length={field.length})"
        raise ApiError("STRING_TOO_LONG", message, (field.name,))
    if field.type == "email" and ("@" not in text or " " in text):
        message = f"{field.label}: invalid email address: {text}"
        raise ApiError("INVALID_EMAIL_ADDRESS", message, (field.name,))
    return text


_OTHERS: dict[str, Reader] = {
    "reference": _reference,
    "id": _reference,
    "base64": _bytes,
}
