"""Compiles a WHERE into a Python function over stored rows, with the span of stamps it allows."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import Field, ObjectType, Row
from localcrm.salesforce.ids import normal_id
from localcrm.salesforce.paths import Getter, Names
from localcrm.salesforce.soql import Bool, Compare, Condition, Literal, Path, Query, Within, located
from localcrm.salesforce.stamps import read_date, read_datetime, stamp

Test = Callable[[Row], bool]
SubSelect = Callable[[Query], set[Any]]

_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_DAYS = {"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1}


class Filter:
    """Compiles the conditions of one query on one object."""

    def __init__(self, names: Names, kind: ObjectType, select: SubSelect) -> None:
        self.names = names
        self.kind = kind
        self.select = select

    def compile(self, condition: Condition) -> Test:
        """A test of one row; raises INVALID_FIELD and its kin."""
        if isinstance(condition, Compare):
            return self._compare(condition)
        if isinstance(condition, Within):
            return self._within(condition)
        tests = [self.compile(part) for part in condition.parts]
        if condition.op == "not":
            (only,) = tests
            return lambda row: not only(row)
        joined = _both if condition.op == "and" else _either
        return functools.reduce(joined, tests)

    def _field(self, path: Path) -> tuple[Field, Getter]:
        field, get = self.names.getter(self.kind, path)
        if not field.filterable or field.type == "address":
            message = f"field '{field.name}' can not be filtered in a query call"
            raise ApiError("INVALID_FIELD", located(self.names.text, path.row, path.column, message))
        return field, get

    def _compare(self, one: Compare) -> Test:
        field, get = self._field(one.path)
        if one.op == "like":
            return self._like(field, get, one)
        if one.literal.kind in ("day", "last_n"):
            return self._days(field, get, one)
        wanted = self.value(field, one.path, one.literal)
        if wanted is None:
            if one.op not in ("=", "!="):
                raise self._wrong(one.path, f"invalid operator on {field.type} field with null")
            return (lambda row: get(row) is None) if one.op == "=" else (lambda row: get(row) is not None)
        return _test(one.op, _folded(field, get), wanted)

    def _like(self, field: Field, get: Getter, one: Compare) -> Test:
        if not field.is_text or one.literal.kind != "string":
            raise ApiError(
                "INVALID_QUERY_FILTER_OPERATOR", self._at(one.path, "invalid operator on id field")
            )
        pattern = _like_pattern(one.literal.value)
        return lambda row: bool((value := get(row)) is not None and pattern.match(value))

    def _days(self, field: Field, get: Getter, one: Compare) -> Test:
        if field.type not in ("date", "datetime"):
            raise self._wrong(
                one.path, f"value of filter criterion for field '{field.name}' must be a {field.type}"
            )
        today = self.names.org.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        last_n = one.literal.kind == "last_n"
        shift = -one.literal.value if last_n else _DAYS[one.literal.value]
        first, after = today + timedelta(days=shift), today + timedelta(days=1 if last_n else shift + 1)
        low, high = (
            (stamp(first), stamp(after)) if field.type == "datetime" else (str(first)[:10], str(after)[:10])
        )
        if one.op in ("=", "!="):
            inside: Test = lambda row: low <= (get(row) or "") < high  # noqa: E731 - a typed closure
            return inside if one.op == "=" else (lambda row: not inside(row))
        return _test(
            {"<": "<", "<=": "<", ">": ">=", ">=": ">="}[one.op], get, low if one.op in ("<", ">=") else high
        )

    def _within(self, one: Within) -> Test:
        field, get = self._field(one.path)
        if isinstance(one.choices, Query):
            if field.type not in ("id", "reference"):
                raise self._wrong(one.path, "The inner and outer selects should be of the same type")
            chosen = self.select(one.choices)
        else:
            chosen = {self.value(field, one.path, literal) for literal in one.choices}
        folded = _folded(field, get)
        if one.negated:
            return lambda row: folded(row) not in chosen
        return lambda row: folded(row) in chosen

    def value(self, field: Field, path: Path, literal: Literal) -> Any:
        """The literal in the field's stored form (texts folded); raises what Salesforce says."""
        if literal.kind == "null":
            return None
        if field.type in ("id", "reference"):
            found = normal_id(literal.value) if literal.kind == "string" else None
            if found is None:
                raise ApiError(
                    "INVALID_QUERY_FILTER_OPERATOR", self._at(path, f"invalid ID field: {literal.value}")
                )
            return found
        wanted = "string"
        if field.type in ("datetime", "date", "boolean"):
            wanted = field.type
        elif field.is_number:
            wanted = "number"
        elif field.type == "time":
            wanted = "time"
        if literal.kind != wanted:
            shown = "dateTime" if wanted == "datetime" else wanted
            quotes = "should be" if wanted == "string" else "should not be"
            text = (
                f"value of filter criterion for field '{field.name}' must be of type {shown} "
                f"and {quotes} enclosed in quotes"
            )
            raise self._wrong(path, text)
        return self._stored(path, literal)

    def _stored(self, path: Path, literal: Literal) -> Any:
        if literal.kind == "string":
            return literal.value.lower()
        if literal.kind not in ("datetime", "date"):
            return literal.value
        found = (read_datetime if literal.kind == "datetime" else read_date)(literal.value)
        if found is None:
            raise ApiError("MALFORMED_QUERY", self._at(path, f"invalid date: {literal.value}"))
        return found

    def _wrong(self, path: Path, message: str) -> ApiError:
        return ApiError("INVALID_FIELD", self._at(path, message))

    def _at(self, path: Path, message: str) -> str:
        return located(self.names.text, path.row, path.column, message)


def _both(one: Test, two: Test) -> Test:
    return lambda row: one(row) and two(row)


def _either(one: Test, two: Test) -> Test:
    return lambda row: one(row) or two(row)


def _folded(field: Field, get: Getter) -> Getter:
    if not field.is_text:
        return get

    def lower(row: Row) -> Any:
        value = get(row)
        return value.lower() if value is not None else None

    return lower


def _test(op: str, get: Getter, wanted: Any) -> Test:
    if op == "=":
        return lambda row: bool(get(row) == wanted)
    if op == "!=":
        return lambda row: bool(get(row) != wanted)
    compare = _ORDERED[op]
    return lambda row: (value := get(row)) is not None and compare(value, wanted)


def _like_pattern(text: str) -> re.Pattern[str]:
    parts = []
    for found in re.finditer(r"\\[%_]|%|_|[^%_\\]+|\\", text):
        piece = found[0]
        parts.append({"%": ".*", "_": "."}.get(piece) or re.escape(piece.removeprefix("\\")))
    return re.compile("".join(parts) + r"\Z", re.IGNORECASE | re.DOTALL)


def stamp_span(condition: Condition | None, column: str) -> tuple[str, str | None]:
    """The least and greatest ``column`` value that any matching row can have ("" / None = open)."""
    if (
        isinstance(condition, Compare)
        and condition.path.text.lower() == column
        and condition.literal.kind == "datetime"
    ):
        value = read_datetime(condition.literal.value) or ""
        low = value if condition.op in ("=", ">", ">=") else ""
        high = value if condition.op in ("=", "<", "<=") else None
        return low, high
    if isinstance(condition, Bool) and condition.op in ("and", "or"):
        spans = [stamp_span(part, column) for part in condition.parts]
        highs = [high for _, high in spans]
        if condition.op == "and":
            return max(low for low, _ in spans), min((one for one in highs if one is not None), default=None)
        known = [one for one in highs if one is not None]
        return min(low for low, _ in spans), max(known) if len(known) == len(highs) else None
    return "", None
