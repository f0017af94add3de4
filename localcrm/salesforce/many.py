"""The sObject collections: up to 200 records a call, an answer per record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localcrm.salesforce.calls import Answer, Call
from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import ObjectType
from localcrm.salesforce.ids import normal_id
from localcrm.salesforce.org import Org
from localcrm.salesforce.rest import named_fields
from localcrm.salesforce.rules import Actor
from localcrm.salesforce.savepoint import Savepoint
from localcrm.salesforce.shapes import record
from localcrm.salesforce.writing import create, delete, update, upsert, upsert_key

_MOST_RECORDS, _MOST_READ, _MOST_CHUNKS = 200, 2000, 10
_ROLLED_BACK = ApiError(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)
Item = dict[str, Any]


def create_many(org: Org, call: Call) -> Answer:
    def one(item: Item, actor: Actor) -> Item:
        made = create(org, _kind(org, item), item, actor)
        return {"id": made, "success": True, "errors": []}

    return _each(org, call, one)


def update_many(org: Org, call: Call) -> Answer:
    def one(item: Item, actor: Actor) -> Item:
        values = {name: value for name, value in item.items() if name.lower() != "id"}
        given = next((value for name, value in item.items() if name.lower() == "id"), None)
        if not given:
            raise ApiError("MISSING_ARGUMENT", "Id not specified in an update call", ("Id",))
        full = normal_id(str(given))
        if full is None:
            raise ApiError("MALFORMED_ID", f"Id: id value of incorrect type: {str(given)[:40]}", ("Id",))
        kind = _kind(org, item)
        if full not in org.tables[kind.name].rows:
            raise ApiError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
        update(org, kind, full, values, actor)
        return {"id": full, "success": True, "errors": []}

    return _each(org, call, one)


def upsert_many(org: Org, call: Call, name: str, key: str) -> Answer:
    kind = org.kind(name)
    field = upsert_key(org, kind, key)

    def one(item: Item, actor: Actor) -> Item:
        if _kind(org, item) is not kind:
            raise ApiError("INVALID_TYPE", f"sObject type must be {kind.name} in this request")
        value = next((value for one, value in item.items() if one.lower() == field.name.lower()), None)
        made, created = upsert(org, kind, field.name, value, item, actor)
        return {"id": made, "success": True, "errors": [], "created": created}

    return _each(org, call, one)


def delete_many(org: Org, call: Call) -> Answer:
    ids = [one for one in call.query.get("ids", "").split(",") if one]
    _not_over(len(ids), _MOST_RECORDS)

    def one(item: Item, actor: Actor) -> Item:
        full = normal_id(item["id"])
        name = org.object_of_prefix(full) if full else None
        if full is None or name is None:
            raise ApiError("MALFORMED_ID", f"malformed id {item['id'][:40]}", ())
        delete(org, org.types[name], full, actor)
        return {"id": full, "success": True, "errors": []}

    whole = call.query.get("allOrNone", "false").lower() == "true"
    actor = call.actor(org, batch=len(ids))
    return _answers(org, [{"id": one} for one in ids], lambda item: one(item, actor), whole=whole)


def retrieve_many(org: Org, call: Call, name: str) -> Answer:
    """POST {ids, fields} or GET ?ids=&fields=: records in the order asked, null for a missing one."""
    kind = org.kind(name)
    if call.method == "GET":
        ids, fields = (call.query.get(key, "").split(",") for key in ("ids", "fields"))
    else:
        body = call.object()
        ids, fields = body.get("ids") or [], body.get("fields") or []
    _not_over(len(ids), _MOST_READ)
    names = named_fields(org, kind, fields)
    table = org.tables[kind.name].rows
    found = []
    for one in ids:
        full = normal_id(str(one))
        if full is None:
            raise ApiError("MALFORMED_ID", f"malformed id {str(one)[:40]}")
        row = table.get(full)
        living = row is not None and not row.get("IsDeleted")
        found.append(record(kind.name, row, names, call.base) if row and living else None)
    return Answer(200, found)


def _not_over(count: int, most: int) -> None:
    if count > most:
        raise ApiError(
            "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {most} records in this call"
        )


def _kind(org: Org, item: Item) -> ObjectType:
    name = (item.get("attributes") or {}).get("type")
    if not name:
        raise ApiError("INVALID_TYPE", "The type attribute is required for each record in this request")
    found = org.by_lower.get(str(name).lower())
    if found is None:
        raise ApiError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
    return found


def _each(org: Org, call: Call, one: Callable[[Item, Actor], Item]) -> Answer:
    body = call.object()
    items = body.get("records")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ApiError("JSON_PARSER_ERROR", "records must be a list of objects")
    _not_over(len(items), _MOST_RECORDS)
    types = [str((item.get("attributes") or {}).get("type")) for item in items]
    chunks = sum(1 for place, name in enumerate(types) if place == 0 or types[place - 1] != name)
    if chunks > _MOST_CHUNKS:
        raise ApiError("LIMIT_EXCEEDED", f"Cannot have more than {_MOST_CHUNKS} chunks in a single operation")
    actor = call.actor(org, batch=len(items))
    whole = bool(body.get("allOrNone", False))
    return _answers(org, items, lambda item: one(item, actor), whole=whole)


def _answers(org: Org, items: list[Item], one: Callable[[Item], Item], *, whole: bool) -> Answer:
    before = Savepoint(org) if whole else None
    found: list[Item] = []
    failed = False
    for item in items:
        try:
            found.append(one(item))
        except ApiError as problem:
            failed = True
            found.append(problem.per_record())
    if failed and before is not None:
        before.roll_back()
        found = [item if not item["success"] else _ROLLED_BACK.per_record() for item in found]
    return Answer(200, found)
