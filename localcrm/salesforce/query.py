"""Runs SOQL: plans, pages, locators."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import Field, ObjectType, Row
from localcrm.salesforce.filters import Filter, Test, stamp_span
from localcrm.salesforce.ids import make_id
from localcrm.salesforce.org import ACTIVITY, Org
from localcrm.salesforce.paths import Names
from localcrm.salesforce.shapes import Shape
from localcrm.salesforce.soql import Bool, Compare, Condition, Path, Query, Within, parse

_KEPT_CURSORS = 500
_MOST_OFFSET = 2000
_LINKS_BY_ID = (
    "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId or"
    " LinkedEntityId using the equals operator or multiple Id's using the IN operator."
)


@dataclass(slots=True)
class Plan:
    """One compiled SELECT on one object."""

    kind: ObjectType
    query: Query
    names: Names
    test: Test | None = None
    shape: Shape = field(default_factory=Shape)
    sorts: list[tuple[Any, bool, bool]] = field(default_factory=list)


class Queries:
    """The query resource of one org. Callers hold the org's lock."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self._cursors: OrderedDict[str, tuple[Plan, list[Row]]] = OrderedDict()
        self._opened = 0

    def run(self, text: str, base: str, *, deleted: bool = False, batch: int | None = None) -> dict[str, Any]:
        """The first page of a query; raises ApiError. ``batch`` is rows a page."""
        plan, rows = self.snapshot(text, deleted=deleted)
        if not plan.query.items:
            return {"totalSize": len(rows), "done": True, "records": []}
        size = min(batch or 2000, self.org.switches.page_size)
        if len(rows) <= size:
            return self._page(plan, "", rows, 0, size, base)
        self._opened += 1
        locator = make_id("01g", self._opened)
        self._cursors[locator] = (plan, rows)
        while len(self._cursors) > _KEPT_CURSORS:
            self._cursors.popitem(last=False)
        return self._page(plan, locator, rows, 0, size, base)

    def plan(self, text: str) -> Plan:
        """The compiled query; raises ApiError."""
        query = parse(text)
        if query.offset > _MOST_OFFSET:
            text = f"Maximum SOQL offset allowed is {_MOST_OFFSET}"
            raise ApiError("NUMBER_OUTSIDE_VALID_RANGE", text)
        return self._plan(query, Names(self.org, text))

    def snapshot(self, text: str, *, deleted: bool = False) -> tuple[Plan, list[Row]]:
        """The compiled query and every row it finds; raises ApiError. ``deleted`` is queryAll."""
        plan = self.plan(text)
        return plan, self._rows(plan, deleted=deleted)

    def more(self, locator: str, base: str, *, batch: int | None = None) -> dict[str, Any]:
        """The page a ``nextRecordsUrl`` names."""
        key, _, start = locator.partition("-")
        if key not in self._cursors or not start.isdigit():
            raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
        plan, rows = self._cursors[key]
        return self._page(plan, key, rows, int(start), min(batch or 2000, self.org.switches.page_size), base)

    def _page(
        self, plan: Plan, locator: str, rows: list[Row], start: int, size: int, base: str
    ) -> dict[str, Any]:
        end = start + size
        body: dict[str, Any] = {"totalSize": len(rows), "done": end >= len(rows)}
        if end < len(rows):
            body["nextRecordsUrl"] = f"{base}/query/{locator}-{end}"
        name, show, org = plan.kind.name, plan.shape.show, self.org
        body["records"] = [show(org, name, row, base) for row in rows[start:end]]
        return body

    def _plan(self, query: Query, names: Names, kind: ObjectType | None = None) -> Plan:
        kind = kind or names.source(query.source)
        plan = Plan(kind, query, names)
        for item in query.items:
            if isinstance(item, Path):
                plan.shape.add(*_leaf(names.steps(kind, item)))
            else:
                self._add_child(plan, item)
        if query.where is not None:
            plan.test = Filter(names, kind, lambda inner: self._inner(inner, names)).compile(query.where)
        for sort in query.order:
            one, get = names.getter(kind, sort.path)
            if not one.filterable:
                raise ApiError("INVALID_FIELD", f"field '{one.name}' can not be sorted in a query call")
            plan.sorts.append((_folding(one, get), sort.descending, sort.nulls_first))
        return plan

    def _inner(self, query: Query, names: Names) -> set[Any]:
        plan = self._plan(query, names)
        _, get = names.getter(plan.kind, query.items[0]) if isinstance(query.items[0], Path) else (None, None)
        found = {get(row) for row in self._rows(plan)} if get else set()
        return found - {None}

    def _add_child(self, plan: Plan, query: Query) -> None:
        wanted = query.source.text
        child = next((one for one in plan.kind.children if one.name.lower() == wanted.lower()), None)
        if child is None or not self.org.has(child.object):
            message = f"Didn't understand relationship '{wanted}' in FROM part of query call."
            raise ApiError("INVALID_TYPE", message)
        below = self._plan(query, plan.names, self.org.types[child.object])

        def make(row: Row, base: str) -> dict[str, Any] | None:
            rows = self.org.tables[child.object].having(child.field, row["Id"])
            living = _cut(self._sorted(below, _tested(below, rows, deleted=False)), query)
            return self._page(below, "", living, 0, len(living) + 1, base) if living else None

        plan.shape.children[child.name] = make

    def _rows(self, plan: Plan, *, deleted: bool = False) -> list[Row]:
        rows, in_order = self._candidates(plan)
        found = _tested(plan, rows, deleted=deleted)
        if self.org.switches.most_whos and plan.kind.name in ACTIVITY:
            found = list(found)
            _not_too_large(self.org, found)
        if in_order:
            last = None if plan.query.limit is None else plan.query.limit + plan.query.offset
            return list(islice(found, plan.query.offset, last))
        return _cut(self._sorted(plan, found), plan.query)

    def _candidates(self, plan: Plan) -> tuple[Iterable[Row], bool]:
        """The rows that can match, and whether they already come in the wanted order."""
        table = self.org.tables[plan.kind.name]
        chosen = self._by_key(plan)
        if chosen is not None:
            return chosen, False
        if plan.kind.name == "ContentDocumentLink":
            raise ApiError("MALFORMED_QUERY", _LINKS_BY_ID)
        column = "systemmodstamp" if "SystemModstamp" in plan.kind.fields else "createddate"
        low, high = stamp_span(plan.query.where, column)
        wanted = [(one.path.text.lower(), one.descending) for one in plan.query.order]
        if wanted in ([(column, False)], [(column, False), ("id", False)]):
            return table.between(low, high), True
        if low or high:
            return table.between(low, high), not wanted
        return table.rows.values(), not wanted

    def _by_key(self, plan: Plan) -> list[Row] | None:
        """Rows found by an exact id or reference that the whole condition demands."""
        table, where = self.org.tables[plan.kind.name], plan.query.where
        parts = where.parts if isinstance(where, Bool) and where.op == "and" else (where,)
        for part in parts:
            wanted = _exact(part)
            if wanted is None:
                continue
            path, values = wanted
            one = plan.kind.by_lower.get(path.text.lower())
            if one is None or one.type not in ("id", "reference"):
                continue
            check = Filter(plan.names, plan.kind, lambda _: set())
            keys = dict.fromkeys(check.value(one, path, value) for value in values)
            if None in keys:
                continue
            if one.type == "id":
                return [table.rows[key] for key in keys if key in table.rows]
            return [row for key in keys for row in table.having(one.name, key)]
        return None

    def _sorted(self, plan: Plan, rows: Iterable[Row]) -> list[Row]:
        found = list(rows)
        for get, descending, nulls_first in reversed(plan.sorts):
            nulls = [row for row in found if get(row) is None]
            rest = [row for row in found if get(row) is not None]
            rest.sort(key=get, reverse=descending)
            found = nulls + rest if nulls_first else rest + nulls
        return found


def _leaf(steps: tuple[list[Field], Field]) -> tuple[list[Field], str]:
    return steps[0], steps[1].name


def _exact(part: Condition | None) -> tuple[Path, tuple[Any, ...]] | None:
    if isinstance(part, Compare) and part.op == "=":
        return part.path, (part.literal,)
    if isinstance(part, Within) and not part.negated and not isinstance(part.choices, Query):
        return part.path, part.choices
    return None


def _folding(one: Field, get: Any) -> Any:
    if not one.is_text:
        return get
    return lambda row: value.lower() if (value := get(row)) is not None else None


def _tested(plan: Plan, rows: Iterable[Row], *, deleted: bool) -> Iterable[Row]:
    test = plan.test
    if not deleted and "IsDeleted" in plan.kind.fields:
        # archived activities too are for queryAll only
        rows = (row for row in rows if not row["IsDeleted"] and not row.get("IsArchived"))
    about = {"LeadHistory": "Lead", "ContactHistory": "Contact"}.get(plan.kind.name)
    if about and (hidden := _hidden_fields(plan.names.org, about)):
        rows = (row for row in rows if row["Field"] not in hidden)
    return rows if test is None else filter(test, rows)


def _cut(rows: list[Row], query: Query) -> list[Row]:
    last = None if query.limit is None else query.offset + query.limit
    return rows[query.offset : last]


def _not_too_large(org: Org, rows: list[Row]) -> None:
    most = org.switches.most_whos
    if len({row.get("WhoId") for row in rows}) > most:
        raise ApiError("OPERATION_TOO_LARGE", f"exceeded {most} distinct who/what's")


def _hidden_fields(org: Org, about: str) -> set[str]:
    """History respects field-level security: its names of the object's fields that are not to be seen."""
    names = (name.partition(".") for name in org.switches.hidden_fields)
    return {"Owner" if field == "OwnerId" else field for kind, _, field in names if kind == about}
