"""Doors to single records: list, read, create, update, archive, merge."""

from __future__ import annotations

from itertools import islice
from typing import Any

from localcrm.hubspot.calls import NEXT, Answer, Call, checked_limit, needed
from localcrm.hubspot.errors import ApiError, invalid_values, not_found
from localcrm.hubspot.kinds import kind_name
from localcrm.hubspot.leads import check_anchor
from localcrm.hubspot.linking import make_links, wanted_links
from localcrm.hubspot.merging import erase, merge_into
from localcrm.hubspot.portal import Portal
from localcrm.hubspot.records import INTEGRATION, Record
from localcrm.hubspot.rules import broken
from localcrm.hubspot.shapes import Wanted, shown
from localcrm.hubspot.writing import change, create, prepare

_PAGE, _HISTORY_PAGE = 100, 50


def find(portal: Portal, kind: str, record_id: str, id_property: str | None = None) -> Record | None:
    """A record by id or by a unique property; raises ApiError (400) for a property that is not unique."""
    if id_property is None:
        return portal.tables[kind].find(record_id)
    taken = portal.tables[kind].unique.get(id_property)
    if taken is None:
        raise ApiError(
            f"Unable to perform update/upsert by non-unique {kind} property '{id_property}'",
            context={"propertyName": [id_property]},
        )
    return portal.tables[kind].find(str(taken.get(record_id.lower(), "")))


def listing(call: Call) -> Answer:
    """GET all records page by page, in id order."""
    kind, wanted = call.kind(), _wanted(call)
    most = _HISTORY_PAGE if wanted.history else _PAGE
    limit = checked_limit(call.query.get("limit", "10"), most)
    records = call.portal.tables[kind].above(call.after(), archived=call.is_archived())
    page = list(islice(records, limit + 1))
    body: dict[str, Any] = {"results": [shown(call.portal, kind, one, wanted) for one in page[:limit]]}
    if len(page) > limit:
        body["paging"] = {"next": {"after": str(page[limit - 1].number)}}
    return Answer(200, body)


def read(call: Call) -> Answer:
    """GET one record."""
    kind, wanted = call.kind(), _wanted(call)
    if call.is_archived():
        record = call.portal.tables[kind].find(call.path["id"], archived=True)
    else:
        record = find(call.portal, kind, call.path["id"], call.query.get("idProperty"))
    if record is None:
        raise not_found(kind, call.path["id"])
    return Answer(200, shown(call.portal, kind, record, wanted))


def create_one(call: Call) -> Answer:
    """POST one record."""
    kind, body = call.kind(), call.json()
    values = prepare(call.portal, kind, None, body.get("properties"))
    keep_rules(call, kind, values)
    links = wanted_links(call.portal, kind, body.get("associations"))
    check_anchor(kind, [link.to_kind for link in links])
    record = create(call.portal, kind, values, INTEGRATION)
    make_links(call.portal, kind, record, links)
    return Answer(201, shown(call.portal, kind, record, Wanted(written(record, values))))


def update_one(call: Call) -> Answer:
    """PATCH one record."""
    kind = call.kind()
    record = find(call.portal, kind, call.path["id"], call.query.get("idProperty"))
    if record is None:
        raise not_found(kind, call.path["id"])
    values = prepare(call.portal, kind, record, call.json().get("properties"))
    keep_rules(call, kind, values)
    change(call.portal, kind, record, values, INTEGRATION)
    return Answer(200, shown(call.portal, kind, record, Wanted(written(record, values))))


def archive_one(call: Call) -> Answer:
    """DELETE one record; archiving what is not there is no error."""
    kind = call.kind()
    record = call.portal.tables[kind].find(call.path["id"])
    if record is not None:
        call.portal.archive(kind, record)
    return Answer(204)


def merge(call: Call) -> Answer:
    """POST merge: both ids find the survivor from now on."""
    kind, body = call.kind(), call.json()
    table = call.portal.tables[kind]
    primary = table.find(needed(body, "primaryObjectId"))
    other = table.find(needed(body, "objectIdToMerge"))
    if primary is None or other is None or primary is other:
        raise not_found(kind, str(body))
    survivor = merge_into(call.portal, kind, primary, other, INTEGRATION)
    return Answer(200, shown(call.portal, kind, survivor, Wanted()))


def gdpr_delete(call: Call) -> Answer:
    """POST gdpr-delete: gone without trace, the archived too; an unknown address is no error."""
    kind, body = call.kind(), call.json()
    record_id, id_property = needed(body, "objectId"), body.get("idProperty")
    record = find(call.portal, kind, record_id, id_property)
    if record is None and id_property is None:
        record = call.portal.tables[kind].find(record_id, archived=True)
        if record is None:
            raise not_found(kind, record_id)
    if record is not None:
        erase(call.portal, kind, record, INTEGRATION)
    return Answer(204)


def keep_rules(call: Call, kind: str, values: dict[str, str]) -> None:
    """Raise ApiError (400) for values that break a validation rule, where the path's version enforces it."""
    problems = broken(call.portal.rules[kind], values) if call.version == NEXT else []
    if problems:
        raise invalid_values(problems)


def written(record: Record, values: dict[str, str]) -> tuple[str, ...]:
    """The properties an answer to a write shows: the given ones and all that are set."""
    return tuple(dict.fromkeys((*values, *(name for name, value in record.values.items() if value))))


def _wanted(call: Call) -> Wanted:
    return Wanted(
        tuple(call.names("properties")),
        tuple(call.names("propertiesWithHistory")),
        tuple(kind_name(name) for name in call.names("associations")),
    )
