"""Doors to many records at once. With a trace id on every input a batch may succeed in part (207);
without, one bad input refuses all of it and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcrm.hubspot.calls import Answer, Call, inputs, needed, text_list
from localcrm.hubspot.errors import ApiError, not_found
from localcrm.hubspot.leads import check_anchor
from localcrm.hubspot.linking import make_links, wanted_links
from localcrm.hubspot.objects import find, keep_rules, written
from localcrm.hubspot.records import INTEGRATION, Record
from localcrm.hubspot.shapes import Wanted, shown
from localcrm.hubspot.values import iso
from localcrm.hubspot.writing import Claims, change, create, prepare

_MOST = 100
_MOST_WITH_HISTORY = 50


@dataclass(frozen=True, slots=True)
class Write:
    """One judged input: calling ``write`` makes it true and answers the record."""

    values: dict[str, str]
    write: Callable[[], Record]
    is_new: bool


Judge = Callable[[dict[str, Any], Claims], Write]


def read(call: Call) -> Answer:
    """POST batch/read; ids not found are told as errors of a 207."""
    kind, body = call.kind(), call.json()
    history = tuple(text_list(body, "propertiesWithHistory"))
    asked = inputs(body, _MOST_WITH_HISTORY if history else _MOST)
    wanted = Wanted(tuple(text_list(body, "properties")), history)
    found: dict[int, Record] = {}
    missing = []
    for item in asked:
        record_id = needed(item, "id")
        if call.is_archived():
            record = call.portal.tables[kind].find(record_id, archived=True)
        else:
            record = find(call.portal, kind, record_id, body.get("idProperty"))
        if record is None:
            missing.append(record_id)
        else:
            found[record.number] = record
    results = [shown(call.portal, kind, found[number], wanted) for number in sorted(found)]
    errors = [_could_not_get(kind, missing)] if missing else []
    return _answer(call, 200, results, errors)


def create_many(call: Call) -> Answer:
    """POST batch/create."""
    kind, portal = call.kind(), call.portal

    def judge(item: dict[str, Any], claims: Claims) -> Write:
        links = wanted_links(portal, kind, item.get("associations"))
        check_anchor(kind, [link.to_kind for link in links])
        values = prepare(portal, kind, None, item.get("properties"), claims)
        keep_rules(call, kind, values)

        def write() -> Record:
            record = create(portal, kind, values, INTEGRATION)
            make_links(portal, kind, record, links)
            return record

        return Write(values, write, is_new=True)

    return _write_all(call, kind, 201, judge)


def update_many(call: Call) -> Answer:
    """POST batch/update, by record id or a unique property other than the contact's email."""
    kind = call.kind()

    def judge(item: dict[str, Any], claims: Claims) -> Write:
        record = find(call.portal, kind, needed(item, "id"), _id_property(kind, item))
        if record is None:
            raise not_found(kind, str(item["id"]))
        return _change(call, kind, record, item, claims)

    return _write_all(call, kind, 200, judge)


def upsert_many(call: Call) -> Answer:
    """POST batch/upsert by a unique property."""
    kind, portal = call.kind(), call.portal

    def judge(item: dict[str, Any], claims: Claims) -> Write:
        name, value = needed(item, "idProperty"), needed(item, "id")
        record = find(portal, kind, value, name)
        if record is not None:
            return _change(call, kind, record, item, claims)
        check_anchor(kind, ())
        given = item.get("properties")
        given = {name: value, **given} if isinstance(given, dict) else given
        values = prepare(portal, kind, None, given, claims)
        keep_rules(call, kind, values)
        return Write(values, lambda: create(portal, kind, values, INTEGRATION), is_new=True)

    return _write_all(call, kind, 200, judge, upserts=True)


def archive_many(call: Call) -> Answer:
    """POST batch/archive."""
    kind = call.kind()
    for item in inputs(call.json(), _MOST):
        record = call.portal.tables[kind].find(needed(item, "id"))
        if record is not None:
            call.portal.archive(kind, record)
    return Answer(204)


def _id_property(kind: str, item: dict[str, Any]) -> str | None:
    name = item.get("idProperty")
    if name == "email" and kind == "contacts":
        raise ApiError("Unable to perform update/upsert by non-unique 0-1 property 'email'")
    return None if name is None else needed(item, "idProperty")


def _change(call: Call, kind: str, record: Record, item: dict[str, Any], claims: Claims) -> Write:
    values = prepare(call.portal, kind, record, item.get("properties"), claims)
    keep_rules(call, kind, values)

    def write() -> Record:
        change(call.portal, kind, record, values, INTEGRATION)
        return record

    return Write(values, write, is_new=False)


def _write_all(call: Call, kind: str, status: int, judge: Judge, *, upserts: bool = False) -> Answer:
    given = inputs(call.json(), _MOST)
    _check_duplicates(given)
    partial, refuses = _has_trace_ids(given), call.portal.switches.conflict_refuses_batch
    claims, errors, good = Claims(), [], []
    for item in given:
        try:
            good.append((item, judge(item, claims)))
        except ApiError as problem:
            if not partial or (problem.status == 409 and upserts and refuses):
                raise
            errors.append(problem.in_batch(str(item["objectWriteTraceId"])))
    results = []
    for item, judged in good:
        record = judged.write()
        told = shown(call.portal, kind, record, Wanted(written(record, judged.values)))
        if upserts:
            told["new"] = judged.is_new
        if partial:
            told["objectWriteTraceId"] = item["objectWriteTraceId"]
        results.append((record.number, told))
    # HubSpot promises no order; the reverse of the ids punishes whoever relies on one.
    results.sort(key=lambda pair: -pair[0])
    return _answer(call, status, [told for _, told in results], errors)


def _check_duplicates(given: list[dict[str, Any]]) -> None:
    ids = [str(item["id"]) for item in given if item.get("id") is not None]
    if len(set(ids)) < len(ids):
        twice = sorted({one for one in ids if ids.count(one) > 1})
        raise ApiError("Duplicate IDs found in batch input: [" + ", ".join(twice) + "]. IDs must be unique")


def _has_trace_ids(given: list[dict[str, Any]]) -> bool:
    traces = [item.get("objectWriteTraceId") for item in given]
    return all(isinstance(trace, str) and trace for trace in traces) and len(set(traces)) == len(traces)


def _could_not_get(kind: str, missing: list[str]) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"Could not get some {kind.upper()} objects, they may be deleted or not exist. "
        "Check that ids are valid.",
        "context": {"ids": missing},
    }


def _answer(call: Call, status: int, results: list[Any], errors: list[Any]) -> Answer:
    now = iso(call.portal.now())
    body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        return Answer(call.partly(status), {**body, "numErrors": len(errors), "errors": errors})
    return Answer(status, body)
