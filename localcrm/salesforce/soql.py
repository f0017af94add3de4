"""Parses SOQL text into a small tree. It knows the grammar, not the org's objects and fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, VisitError

from localcrm.salesforce.errors import ApiError

_ESCAPES = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "b": "\b",
    "f": "\f",
    "'": "'",
    '"': '"',
    "\\": "\\",
    "_": "\\_",
    "%": "\\%",
}


@dataclass(frozen=True, slots=True)
class Path:
    """A field, perhaps over relationships, and the column (from 1) where it stands."""

    parts: tuple[str, ...]
    row: int
    column: int

    @property
    def text(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Literal:
    """``kind`` is string, datetime, date, number, boolean, null, day or last_n."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Compare:
    path: Path
    op: str  # = != < <= > >= like
    literal: Literal


@dataclass(frozen=True, slots=True)
class Within:
    path: Path
    negated: bool
    choices: tuple[Literal, ...] | Query


@dataclass(frozen=True, slots=True)
class Bool:
    """``op`` is and, or, not (one part)."""

    op: str
    parts: tuple[Condition, ...]


Condition = Compare | Within | Bool


@dataclass(frozen=True, slots=True)
class Sort:
    path: Path
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT. ``items`` is empty for COUNT()."""

    items: tuple[Path | Query, ...]
    source: Path
    where: Condition | None = None
    order: tuple[Sort, ...] = ()
    limit: int | None = None
    offset: int = 0
    text: str = ""


class _Build(Transformer[Token, Query]):
    """Lark's tree to ours, bottom up."""

    def path(self, parts: list[Token]) -> Path:
        first = parts[0]
        return Path(tuple(map(str, parts)), first.line or 1, first.column or 1)

    name = path

    def string(self, parts: list[Token]) -> Literal:
        return Literal("string", re.sub(r"\\(.)", _unescape, str(parts[0])[1:-1], flags=re.DOTALL))

    def datetime(self, parts: list[Token]) -> Literal:
        return Literal("datetime", str(parts[0]))

    def date(self, parts: list[Token]) -> Literal:
        return Literal("date", str(parts[0]))

    def number(self, parts: list[Token]) -> Literal:
        return Literal("number", float(parts[0]))

    def true(self, _parts: list[Token]) -> Literal:
        return Literal("boolean", True)

    def false(self, _parts: list[Token]) -> Literal:
        return Literal("boolean", False)

    def null(self, _parts: list[Token]) -> Literal:
        return Literal("null", None)

    def last_n(self, parts: list[Token]) -> Literal:
        return Literal("last_n", int(parts[1]))

    def day(self, parts: list[Token]) -> Literal:
        return Literal("day", str(parts[0]).upper())

    def values(self, parts: list[Literal]) -> tuple[Literal, ...]:
        return tuple(parts)

    def compare(self, parts: list[Any]) -> Compare:
        op = str(parts[1]).lower()
        return Compare(parts[0], "!=" if op == "<>" else op, parts[2])

    def in_(self, parts: list[Any]) -> Within:
        return Within(parts[0], str(parts[1]).lower().startswith("not"), parts[2])

    def semi(self, parts: list[Any]) -> Query:
        return _query((parts[0],), parts[1:])

    def and_(self, parts: list[Condition]) -> Bool:
        return Bool("and", tuple(parts))

    def or_(self, parts: list[Condition]) -> Bool:
        return Bool("or", tuple(parts))

    def not_(self, parts: list[Condition]) -> Bool:
        return Bool("not", tuple(parts))

    def where(self, parts: list[Condition]) -> tuple[str, Condition]:
        return "where", parts[0]

    def sort(self, parts: list[Any]) -> Sort:
        descending = parts[1] is not None and parts[1].upper() == "DESC"
        first = not descending if parts[2] is None else parts[2].upper() == "FIRST"
        return Sort(parts[0], descending, first)

    def order(self, parts: list[Sort]) -> tuple[str, tuple[Sort, ...]]:
        return "order", tuple(parts)

    def limit(self, parts: list[Token]) -> tuple[str, int]:
        return "limit", int(parts[0])

    def offset(self, parts: list[Token]) -> tuple[str, int]:
        return "offset", int(parts[0])

    def count(self, _parts: list[Token]) -> str:
        return "count"

    def select_list(self, parts: list[Any]) -> tuple[Any, ...]:
        return () if parts == ["count"] else tuple(parts)

    def subquery(self, parts: list[Any]) -> Query:
        split = (
            next(i for i, one in enumerate(parts) if not isinstance(one, Path))
            if any(not isinstance(one, Path) for one in parts)
            else len(parts)
        )
        return _query(tuple(parts[: split - 1]), parts[split - 1 :])

    def start(self, parts: list[Any]) -> Query:
        return _query(parts[0], parts[1:])


def _unescape(found: re.Match[str]) -> str:
    if found[1] not in _ESCAPES:
        raise ValueError(f"Invalid string literal, illegal character sequence '\\{found[1]}'")
    return _ESCAPES[found[1]]


def _query(items: tuple[Any, ...], parts: list[Any]) -> Query:
    more = dict(one for one in parts[1:] if one is not None)
    return Query(items, parts[0], **more)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = (resources.files("localcrm.salesforce") / "soql.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=True)


def parse(text: str) -> Query:
    """The query's tree; raises MALFORMED_QUERY."""
    try:
        found = _Build().transform(_parser().parse(text))
    except UnexpectedInput as problem:
        raise _malformed(text, problem) from None
    except VisitError as problem:
        raise ApiError("MALFORMED_QUERY", str(problem.orig_exc)) from None
    except ValueError as problem:
        raise ApiError("MALFORMED_QUERY", str(problem)) from None
    return Query(found.items, found.source, found.where, found.order, found.limit, found.offset, text)


def _malformed(text: str, problem: UnexpectedInput) -> ApiError:
    token = getattr(problem, "token", None)
    near = str(token) if token is not None and token.type != "$END" else ""
    shown = f"unexpected token: '{near}'" if near else "unexpected token: '<EOF>'"
    column = max(problem.column, 1) if near or token is None else len(text) + 1
    return ApiError("MALFORMED_QUERY", located(text, max(problem.line, 1), column, shown))


def located(text: str, row: int, column: int, message: str) -> str:
    """Salesforce's picture of where in the query the trouble is."""
    lines = text.splitlines() or [""]
    line = lines[min(row, len(lines)) - 1]
    return f"\n{line}\n{' ' * (column - 1)}^\nERROR at Row:{row}:Column:{column}\n{message}"
