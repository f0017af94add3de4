"""The single-record, describe and query resources."""

from __future__ import annotations

from dataclasses import replace
from email.utils import format_datetime, parsedate_to_datetime

from localcrm.salesforce import describe
from localcrm.salesforce.calls import Answer, Call
from localcrm.salesforce.errors import ApiError, not_found
from localcrm.salesforce.fields import Field, ObjectType, Row
from localcrm.salesforce.ids import normal_id
from localcrm.salesforce.org import Org
from localcrm.salesforce.query import Queries
from localcrm.salesforce.shapes import record
from localcrm.salesforce.writing import create, delete, matches, update, upsert, upsert_key


def run_query(queries: Queries, call: Call) -> Answer:
    text = call.query.get("q")
    if not text:
        raise ApiError("MALFORMED_QUERY", "A query string has to be specified")
    deleted = call.path.startswith("/queryAll")
    return Answer(200, queries.run(text, call.base, deleted=deleted, batch=call.batch()))


def global_describe(org: Org, call: Call) -> Answer:
    kinds = sorted(org.by_lower.values(), key=lambda kind: kind.name)
    objects = [describe.brief(kind, call.base) for kind in kinds]
    return _if_modified(org, call, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects})


def describe_object(org: Org, call: Call, name: str) -> Answer:
    kind = org.kind(name)
    fields = (
        one if org.editable(kind, one) else replace(one, createable=False, updateable=False)
        for one in org.fields(kind)
    )
    return _if_modified(org, call, describe.full(kind, fields, call.base, org.has))


def _if_modified(org: Org, call: Call, body: dict[str, object]) -> Answer:
    """The body with its Last-Modified, or 304 for who has it already (facts, section 4)."""
    told = {"Last-Modified": format_datetime(org.schema_changed_at, usegmt=True)}
    try:
        known = parsedate_to_datetime(call.headers.get("if-modified-since", ""))
    except ValueError:
        return Answer(200, body, told)
    is_known = org.schema_changed_at <= known
    return Answer(304, None, told) if is_known else Answer(200, body, told)


def object_info(org: Org, call: Call, name: str) -> Answer:
    return Answer(200, {"objectDescribe": describe.brief(org.kind(name), call.base), "recentItems": []})


def create_record(org: Org, call: Call, name: str) -> Answer:
    kind = org.kind(name)
    made = create(org, kind, call.object(), call.actor(org))
    there = {"Location": f"{call.base}/sobjects/{kind.name}/{made}"}
    return Answer(201, {"id": made, "success": True, "errors": []}, there)


def get_record(org: Org, call: Call, name: str, record_id: str) -> Answer:
    kind = org.kind(name)
    return Answer(200, _shown(org, kind, org.find(kind, _id(record_id)), call))


def get_bytes(org: Org, _call: Call, name: str, record_id: str, field: str) -> Answer:
    """The content of a field of type base64, as it is."""
    return Answer(200, org.find(org.kind(name), _id(record_id)).get(field) or b"")


def update_record(org: Org, call: Call, name: str, record_id: str) -> Answer:
    update(org, org.kind(name), _id(record_id), call.object(), call.actor(org))
    return Answer(204)


def delete_record(org: Org, call: Call, name: str, record_id: str) -> Answer:
    delete(org, org.kind(name), _id(record_id), call.actor(org))
    return Answer(204)


def get_by_key(org: Org, call: Call, name: str, key: str, value: str) -> Answer:
    kind = org.kind(name)
    found = _matching(org, kind, upsert_key(org, kind, key), value)
    if len(found) > 1:
        return _several(call, kind, found)
    if not found:
        raise not_found()
    return Answer(200, _shown(org, kind, found[0], call))


def upsert_by_key(org: Org, call: Call, name: str, key: str, value: str) -> Answer:
    kind, values = org.kind(name), call.object()
    field = upsert_key(org, kind, key)
    if any(one.lower() == field.name.lower() for one in values):
        text = f"The {field.name} field should not be specified in the sobject data."
        raise ApiError("INVALID_FIELD", text, (field.name,))
    found = _matching(org, kind, field, value)
    if len(found) > 1:
        return _several(call, kind, found)
    made, created = upsert(org, kind, key, value, values, call.actor(org))
    return Answer(201 if created else 200, {"id": made, "success": True, "errors": [], "created": created})


def _matching(org: Org, kind: ObjectType, field: Field, value: str) -> list[Row]:
    return matches(org, kind, field, value)


def _several(call: Call, kind: ObjectType, rows: list[Row]) -> Answer:
    return Answer(300, [f"{call.base}/sobjects/{kind.name}/{row['Id']}" for row in rows])


def _id(text: str) -> str:
    found = normal_id(text)
    if found is None:
        raise ApiError("MALFORMED_ID", f"malformed id {text[:40]}", ("Id",))
    return found


def _shown(org: Org, kind: ObjectType, row: Row, call: Call) -> dict[str, object]:
    asked = call.query.get("fields")
    return record(kind.name, row, named_fields(org, kind, asked.split(",") if asked else None), call.base)


def named_fields(org: Org, kind: ObjectType, asked: list[str] | None) -> list[str]:
    """API names of the fields asked for (None = all visible); raises INVALID_FIELD."""
    if asked is None:
        return [one.name for one in org.fields(kind)]
    found = []
    for name in asked:
        one = org.field(kind, name.strip())
        if one is None:
            raise ApiError("INVALID_FIELD", f"No such column '{name}' on sobject of type {kind.name}")
        found.append(one.name)
    return found
