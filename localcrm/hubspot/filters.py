"""Search filters: from HubSpot's JSON to predicates over records. Text compares as HubSpot's index does:
lower case, except enumerations.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from localcrm.hubspot.errors import ApiError
from localcrm.hubspot.kinds import kind_name
from localcrm.hubspot.properties import Property, Schema
from localcrm.hubspot.records import Record
from localcrm.hubspot.values import comparable, whole

Test = Callable[[Record], bool]
Key = Callable[[Record], Any]
_GROUPS, _PER_GROUP, _FILTERS = 5, 6, 18
_WITHOUT_VALUE = ("HAS_PROPERTY", "NOT_HAS_PROPERTY")
_LISTS = ("IN", "NOT_IN")
_OPERATORS = {"EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "CONTAINS_TOKEN", *_LISTS, *_WITHOUT_VALUE}
_STAMP_KEYS = {"created": lambda record: record.created, "modified": lambda record: record.updated}


@dataclass(frozen=True, slots=True)
class Group:
    """Filters that must all hold. ``above`` is a bound on the record number found among them."""

    tests: tuple[Test, ...]
    above: int = -1

    def holds(self, record: Record) -> bool:
        """Whether the record passes every filter."""
        return all(test(record) for test in self.tests)


def groups(schema: Schema, given: Any, *, text_ids: bool = False) -> tuple[Group, ...]:
    """The filter groups of a search body; raises ApiError (400) for what HubSpot refuses."""
    if not isinstance(given, list):
        raise ApiError("Invalid input JSON: filterGroups must be a list")
    if len(given) > _GROUPS:
        raise ApiError(f"filterGroups: at most {_GROUPS} filter groups are allowed")
    found, count = [], 0
    for item in given:
        filters = item.get("filters") if isinstance(item, dict) else None
        if not isinstance(filters, list):
            raise ApiError('Invalid input JSON: Some required fields were not set: ["filters"]')
        if len(filters) > _PER_GROUP:
            raise ApiError(f"filters: at most {_PER_GROUP} filters are allowed in a group")
        count += len(filters)
        found.append(_group(schema, filters, text_ids=text_ids))
    if count > _FILTERS:
        raise ApiError(f"at most {_FILTERS} filters are allowed in all")
    return tuple(found)


def _group(schema: Schema, filters: list[Any], *, text_ids: bool) -> Group:
    tests, above = [], -1
    for given in filters:
        if not isinstance(given, dict) or given.get("operator") not in _OPERATORS:
            raise ApiError(f"Invalid input JSON: not a filter: {given}")
        told = _Filter.read(given)
        if told.name.startswith("associations."):
            tests.append(_associated(told))
            continue
        known = searchable(schema, told.name)
        if text_ids and told.name == "hs_object_id":
            tests.append(_test(told, id_text, replace(known, type="string")))
        elif (
            told.name == "hs_object_id" and told.operator == "GT" and (bound := whole(told.value)) is not None
        ):
            above = max(above, bound)
        else:
            tests.append(_test(told, sort_key(schema, told.name), known))
    return Group(tuple(tests), above)


@dataclass(frozen=True, slots=True)
class _Filter:
    name: str
    operator: str
    value: str
    high: str
    values: tuple[str, ...]

    @classmethod
    def read(cls, given: dict[str, Any]) -> _Filter:
        """Check which of value, highValue and values the operator needs."""
        operator, name = str(given["operator"]), given.get("propertyName")
        if not isinstance(name, str):
            raise ApiError('Invalid input JSON: Some required fields were not set: ["propertyName"]')
        values = given.get("values") or ()
        if not isinstance(values, list | tuple) or (operator in _LISTS and not values):
            raise ApiError(f"operator {operator} requires values")
        if operator not in (*_LISTS, *_WITHOUT_VALUE) and not isinstance(given.get("value"), str):
            raise ApiError(f"operator {operator} requires a value as a string")
        if operator == "BETWEEN" and not isinstance(given.get("highValue"), str):
            raise ApiError("operator BETWEEN requires a highValue as a string")
        texts = tuple(str(value) for value in values)
        return cls(name, operator, str(given.get("value", "")), str(given.get("highValue", "")), texts)


def id_text(record: Record) -> str:
    """A record's id as text."""
    return str(record.number)


def searchable(schema: Schema, name: str) -> Property:
    """A property one may filter or sort by; raises ApiError (400)."""
    told = schema.properties.get(name)
    if told is None:
        raise ApiError(f"There was a problem with the request. Property {name} does not exist")
    if not told.filterable:
        raise ApiError(f"There was a problem with the request. Property {name} cannot be filtered")
    return told


def sort_key(schema: Schema, name: str) -> Key:
    """The typed value of a property; None when not set."""
    if name == "hs_object_id":
        return lambda record: record.number
    if name == schema.created:
        return _STAMP_KEYS["created"]
    if name == schema.modified:
        return _STAMP_KEYS["modified"]
    typed = comparable(schema.properties[name].type)

    def key(record: Record) -> Any:
        text = record.values.get(name)
        return typed(text) if text else None

    return key


def _typed(told: Property, text: str) -> Any:
    found = comparable(told.type)(text)
    if found is None:
        raise ApiError(f"There was a problem with the request. {text} is no {told.type} for {told.name}")
    return found


def _test(told: _Filter, key: Key, known: Property) -> Test:
    operator = told.operator
    if operator == "HAS_PROPERTY":
        return lambda record: key(record) is not None
    if operator == "NOT_HAS_PROPERTY":
        return lambda record: key(record) is None
    if operator == "CONTAINS_TOKEN":
        return _contains(told.value, key)
    if operator in _LISTS:
        return _in(told, key, known)
    value = _typed(known, told.value)
    if operator == "BETWEEN":
        return _between(key, value, _typed(known, told.high))
    return _compared(operator, key, value)


def _compared(operator: str, key: Key, value: Any) -> Test:
    # A record without a value passes none of these, NEQ included.
    tests: dict[str, Callable[[Any], bool]] = {
        "EQ": lambda found: bool(found == value),
        "NEQ": lambda found: bool(found != value),
        "LT": lambda found: bool(found < value),
        "LTE": lambda found: bool(found <= value),
        "GT": lambda found: bool(found > value),
        "GTE": lambda found: bool(found >= value),
    }
    holds = tests[operator]
    return lambda record: (found := key(record)) is not None and holds(found)


def _between(key: Key, low: Any, high: Any) -> Test:
    if key is _STAMP_KEYS["modified"]:
        return lambda record: bool(low <= record.updated <= high)
    if key is _STAMP_KEYS["created"]:
        return lambda record: bool(low <= record.created <= high)
    return lambda record: (found := key(record)) is not None and low <= found <= high


def _in(told: _Filter, key: Key, known: Property) -> Test:
    # Values of text properties are not lowered here: HubSpot wants them lower case and finds nothing else.
    is_text = known.type in ("string", "phone_number", "enumeration", "bool")
    values = frozenset(told.values if is_text else (_typed(known, text) for text in told.values))
    if told.operator == "IN":
        return lambda record: key(record) in values
    return lambda record: (found := key(record)) is not None and found not in values


def _contains(value: str, key: Key) -> Test:
    pattern = ".*".join(re.escape(part) for part in value.lower().split("*"))
    found = re.compile(rf"(?<![^\W_]){pattern}(?![^\W_])" if "*" not in value else rf"(^|\s){pattern}(\s|$)")
    return lambda record: found.search(str(key(record) or "").lower()) is not None


def _associated(told: _Filter) -> Test:
    to_kind = kind_name(told.name.removeprefix("associations."))
    if told.operator in ("EQ", "IN"):
        texts = told.values if told.operator == "IN" else (told.value,)
        wanted = {whole(text) for text in texts}
        return lambda record: not wanted.isdisjoint(record.links.get(to_kind, ()))
    if told.operator == "HAS_PROPERTY":
        return lambda record: bool(record.links.get(to_kind))
    if told.operator == "NOT_HAS_PROPERTY":
        return lambda record: not record.links.get(to_kind)
    raise ApiError(f"operator {told.operator} is not supported for {told.name}")
