"""Doors to associations between records: read, create, default, archive, labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcrm.hubspot.calls import Answer, Call, inputs
from localcrm.hubspot.errors import ApiError, not_found
from localcrm.hubspot.kinds import ASSOCIATION_TYPES, association_type
from localcrm.hubspot.linking import Link, known_types, make_links
from localcrm.hubspot.records import Record
from localcrm.hubspot.values import iso

_READ, _CREATE, _ARCHIVE = 1_000, 2_000, 100


def read(call: Call) -> Answer:
    """POST batch/read; records without associations are told as errors of a 207."""
    from_kind, to_kind = _kinds(call)
    results, errors = [], []
    for item in inputs(call.json(), _READ):
        record_id = _id(item)
        record = call.portal.tables[from_kind].find(record_id)
        others = record.links.get(to_kind) if record is not None else None
        if record is None or not others:
            errors.append(_none_found(from_kind, to_kind, record_id))
            continue
        results.append({"from": {"id": str(record.number)}, "to": _ends(others)})
    return _answer(call, 200, results, errors)


def page(call: Call) -> Answer:
    """GET the associations of one record to another kind."""
    from_kind, to_kind = _kinds(call)
    record = call.portal.tables[from_kind].find(call.path["id"])
    if record is None:
        raise not_found(from_kind, call.path["id"])
    limit, after = call.limit(default=500, most=500), call.after()
    ends = _ends(record.links.get(to_kind, {}))
    body: dict[str, Any] = {"results": ends[after : after + limit]}
    if after + limit < len(ends):
        body["paging"] = {"next": {"after": str(after + limit)}}
    return Answer(200, body)


def create(call: Call) -> Answer:
    """POST batch/create with types; refused whole for an unknown type."""
    from_kind, to_kind = _kinds(call)
    made, errors = [], []
    for item in inputs(call.json(), _CREATE):
        types = known_types(from_kind, item.get("types") or [])
        if not types or any(kind != to_kind for kind, _ in types):
            raise ApiError(f"Invalid association types from {from_kind} to {to_kind}")
        ends = _both_ends(call, item)
        if ends is None:
            errors.append(_not_there(item))
        else:
            made.append((ends, [type_id for _, type_id in types]))
    results = []
    for (record, other), type_ids in made:
        make_links(call.portal, from_kind, record, [Link(to_kind, other, one) for one in type_ids])
        results.append(_labels(call, record, other))
    return _answer(call, 201, results, errors)


def create_default(call: Call) -> Answer:
    """POST batch/associate/default: the unlabelled type of the two kinds."""
    from_kind, to_kind = _kinds(call)
    results, errors = [], []
    type_id = _types(from_kind, to_kind)[0]
    for item in inputs(call.json(), _CREATE):
        ends = _both_ends(call, item)
        if ends is None:
            errors.append(_not_there(item))
            continue
        make_links(call.portal, from_kind, ends[0], [Link(to_kind, ends[1], type_id)])
        results.append(_default(*ends, type_id))
    return _answer(call, 200, results, errors)


def put(call: Call) -> Answer:
    """PUT one association with types."""
    given = call.parsed()
    from_kind, to_kind = _kinds(call)
    types = known_types(from_kind, given)
    if not types or any(kind != to_kind for kind, _ in types):
        raise ApiError(f"Invalid association types from {from_kind} to {to_kind}")
    record, other = _path_ends(call)
    make_links(call.portal, from_kind, record, [Link(to_kind, other, one) for _, one in types])
    return Answer(201, _labels(call, record, other))


def put_default(call: Call) -> Answer:
    """PUT the unlabelled association of two records."""
    from_kind, to_kind = _kinds(call)
    type_id, (record, other) = _types(from_kind, to_kind)[0], _path_ends(call)
    make_links(call.portal, from_kind, record, [Link(to_kind, other, type_id)])
    return _answer(call, 200, [_default(record, other, type_id)], [])


def delete(call: Call) -> Answer:
    """DELETE every association between two records."""
    call.portal.unlink(_kinds(call), _path_ends(call))
    return Answer(204)


def archive(call: Call) -> Answer:
    """POST batch/archive: every association between each from and its tos."""
    from_kind, to_kind = _kinds(call)
    for item in inputs(call.json(), _ARCHIVE):
        tos = item.get("to")
        for to_end in tos if isinstance(tos, list) else [tos]:
            ends = _both_ends(call, {"from": item.get("from"), "to": to_end})
            if ends is not None:
                call.portal.unlink((from_kind, to_kind), ends)
    return Answer(204)


def labels(call: Call) -> Answer:
    """GET the association types between two kinds."""
    return Answer(200, {"results": [association_type(one) for one in _types(*_kinds(call))]})


def _kinds(call: Call) -> tuple[str, str]:
    return call.kind("from_kind"), call.kind("to_kind")


def _types(from_kind: str, to_kind: str) -> tuple[int, ...]:
    found = ASSOCIATION_TYPES.get((from_kind, to_kind))
    if found is None:
        raise ApiError(f"No association types exist from {from_kind} to {to_kind}")
    return found


def _id(given: Any) -> str:
    if not isinstance(given, dict) or not isinstance(given.get("id"), str):
        raise ApiError('Invalid input JSON: Some required fields were not set: ["id"]')
    return str(given["id"])


def _both_ends(call: Call, item: Mapping[str, Any]) -> tuple[Record, Record] | None:
    from_kind, to_kind = _kinds(call)
    _types(from_kind, to_kind)
    record = call.portal.tables[from_kind].find(_id(item.get("from")))
    other = call.portal.tables[to_kind].find(_id(item.get("to")))
    return None if record is None or other is None else (record, other)


def _path_ends(call: Call) -> tuple[Record, Record]:
    """The two records of a path; raises ApiError (404)."""
    item = {"from": {"id": call.path["id"]}, "to": {"id": call.path["to_id"]}}
    ends = _both_ends(call, item)
    if ends is None:
        raise not_found("/".join(_kinds(call)), f"{call.path['id']}, {call.path['to_id']}")
    return ends


def _default(record: Record, other: Record, type_id: int) -> dict[str, Any]:
    spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
    return {"from": {"id": str(record.number)}, "to": {"id": str(other.number)}, "associationSpec": spec}


def _ends(others: Mapping[int, set[int]]) -> list[dict[str, Any]]:
    return [
        {"toObjectId": number, "associationTypes": [association_type(one) for one in sorted(others[number])]}
        for number in sorted(others)
    ]


def _labels(call: Call, record: Record, other: Record) -> dict[str, Any]:
    from_kind, to_kind = (call.portal.schemas[kind].kind for kind in _kinds(call))
    return {
        "fromObjectTypeId": from_kind,
        "fromObjectId": record.number,
        "toObjectTypeId": to_kind,
        "toObjectId": other.number,
        "labels": [],
    }


def _none_found(from_kind: str, to_kind: str, record_id: str) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {to_kind} is associated with {from_kind} {record_id}.",
        "context": {"fromObjectId": [record_id], "fromObjectType": [from_kind], "toObjectType": [to_kind]},
    }


def _not_there(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": "One end of the association does not exist.",
        "context": {"fromObjectId": [_id(item.get("from"))], "toObjectId": [_id(item.get("to"))]},
    }


def _answer(call: Call, status: int, results: list[Any], errors: list[Any]) -> Answer:
    now = iso(call.portal.now())
    body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        return Answer(call.partly(status), {**body, "numErrors": len(errors), "errors": errors})
    return Answer(status, body)
