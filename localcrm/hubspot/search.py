"""The search door: its limits, its sort, and an index that lags behind writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localcrm.hubspot.calls import Answer, Call, checked_after, checked_limit, text_list
from localcrm.hubspot.errors import ApiError
from localcrm.hubspot.filters import Group, groups, id_text, searchable, sort_key
from localcrm.hubspot.portal import Portal
from localcrm.hubspot.properties import Schema
from localcrm.hubspot.records import Record
from localcrm.hubspot.shapes import Wanted, shown

_LONGEST_BODY, _PAGE, _DEEPEST = 3_000, 200, 10_000
_SEARCHED = ("email", "firstname", "lastname", "phone", "company", "name", "domain", "dealname")


@dataclass(frozen=True, slots=True)
class Query:
    """A checked search body. ``sort`` is (property, is_descending)."""

    groups: tuple[Group, ...]
    sort: tuple[str, bool]
    limit: int
    after: int
    words: tuple[str, ...]
    wanted: Wanted


def search(call: Call) -> Answer:
    """POST search."""
    if len(call.body.decode(errors="replace")) > _LONGEST_BODY:
        raise ApiError(f"The request body must be at most {_LONGEST_BODY} characters long")
    kind = call.kind()
    schema = call.portal.schemas[kind]
    text_ids = call.portal.switches.text_sorted_ids
    query = read_query(schema, call.json(), text_ids=text_ids)
    found = _found(call.portal, kind, query)
    if text_ids and query.sort[0] == "hs_object_id":
        found.sort(key=id_text)
    _order(schema, found, query.sort)
    page = found[query.after : min(query.after + query.limit, _DEEPEST)]
    body: dict[str, Any] = {
        "total": len(found),
        "results": [shown(call.portal, kind, record, query.wanted) for record in page],
    }
    if query.after + query.limit < len(found):
        body["paging"] = {"next": {"after": str(query.after + query.limit)}}
    return Answer(200, body)


def read_query(schema: Schema, body: dict[str, Any], *, text_ids: bool = False) -> Query:
    """Check a search body; raises ApiError (400)."""
    unknown = set(body) - {"filterGroups", "sorts", "limit", "after", "properties", "query"}
    if unknown:
        raise ApiError(f"Invalid input JSON: unknown fields {sorted(unknown)}")
    after = checked_after(body.get("after"))
    limit = checked_limit(body.get("limit", 10), _PAGE)
    if after >= _DEEPEST:
        raise ApiError("There was a problem with the request. Search cannot page beyond 10,000 results")
    words = tuple(str(body.get("query") or "").lower().split())
    return Query(
        groups(schema, body.get("filterGroups") or [], text_ids=text_ids),
        _sort(schema, body.get("sorts") or []),
        limit,
        after,
        words,
        Wanted(tuple(text_list(body, "properties"))),
    )


def _sort(schema: Schema, given: Any) -> tuple[str, bool]:
    if not isinstance(given, list) or len(given) > 1:
        raise ApiError("There was a problem with the request. Only one sort is allowed")
    if not given:
        return "hs_object_id", False
    told = given[0]
    if isinstance(told, dict):
        name, descending = str(told.get("propertyName")), told.get("direction") == "DESCENDING"
    else:
        name, descending = str(told).removeprefix("-"), str(told).startswith("-")
    searchable(schema, name)
    return name, descending


def _candidates(portal: Portal, kind: str, query: Query) -> Iterator[Record]:
    above = min((group.above for group in query.groups), default=-1)
    records = portal.tables[kind].above(above)
    lag = round(portal.switches.search_lag * 1000)
    if not lag:
        yield from records
        return
    indexed = portal.now() - lag
    for record in records:
        seen = record if record.updated <= indexed else record.as_of(indexed)
        if seen is not None:
            yield seen


def _found(portal: Portal, kind: str, query: Query) -> list[Record]:
    found = _candidates(portal, kind, query)
    if len(query.groups) == 1 and not query.words:
        # The usual case, one test after the other over all: half the time of judging record by record.
        for test in query.groups[0].tests:
            found = filter(test, found)
        return list(found)
    return [record for record in found if _holds(query, record)]


def _holds(query: Query, record: Record) -> bool:
    if query.words and not _has_words(query.words, record):
        return False
    if not query.groups:
        return True
    return any(record.number > group.above and group.holds(record) for group in query.groups)


def _has_words(words: tuple[str, ...], record: Record) -> bool:
    tokens = " ".join(record.values.get(name, "") for name in _SEARCHED).lower().split()
    return all(any(token.startswith(word) for token in tokens) for word in words)


def _order(schema: Schema, found: list[Record], sort: tuple[str, bool]) -> None:
    name, descending = sort
    if name == "hs_object_id":
        if descending:
            found.reverse()
        return
    key = sort_key(schema, name)
    valued = [(value, record) for record in found if (value := key(record)) is not None]
    empty = [record for record in found if key(record) is None]
    valued.sort(key=lambda pair: pair[0], reverse=descending)
    found[:] = [record for _, record in valued] + empty
