"""Doors to forms and what people sent in with them. A submission names no contact; its address does."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from localcrm.face import Refused
from localcrm.hubspot.calls import Answer, Call
from localcrm.hubspot.errors import ApiError
from localcrm.hubspot.portal import Portal, Submission
from localcrm.hubspot.values import iso

_SPACE = uuid.UUID("5b4ad3a6-6fd0-4d3a-9d3f-6c1f6f0c7a11")
_PAGE = 50


def form_id(portal: Portal, name: str) -> str:
    """The GUID of the form with this name, which is made where there is none."""
    guid = str(uuid.uuid5(_SPACE, name))
    portal.forms.setdefault(guid, name)
    return guid


def definitions(call: Call) -> Answer:
    """GET every form."""
    limit, after = call.limit(default=100, most=100), call.after()
    found = [_definition(call.portal, guid) for guid in sorted(call.portal.forms)]
    return _paged(found[after : after + limit], after + limit, len(found))


def definition(call: Call) -> Answer:
    """GET one form."""
    if call.path["id"] not in call.portal.forms:
        raise ApiError("resource not found", status=404, category="OBJECT_NOT_FOUND")
    return Answer(200, _definition(call.portal, call.path["id"]))


def submissions(call: Call) -> Answer:
    """GET one form's submissions, newest first; pages hold at most 50."""
    guid = call.path["id"]
    if guid not in call.portal.forms:
        raise ApiError("resource not found", status=404, category="OBJECT_NOT_FOUND")
    limit, after = call.limit(default=20, most=_PAGE), call.after()
    found = sorted((one for one in call.portal.submissions if one.form == guid), key=lambda one: -one.at)
    page = [_submission(position, one) for position, one in enumerate(found[after : after + limit], after)]
    return _paged(page, after + limit, len(found))


def submit(portal: Portal, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Send forms in as visitors do; raises Refused.

    A row holds ``form`` (its name), ``email``, ``values``, ``pageUrl`` and ``at`` (ms; default now).
    """
    made = []
    for row in rows:
        if not row.get("form") or "@" not in str(row.get("email")):
            raise Refused("a submission needs the name of a form and an email")
        given = row.get("values") or {}
        if not isinstance(given, Mapping):
            raise Refused("'values' must be an object of texts by field name")
        values = {str(name): str(value) for name, value in given.items()}
        address, at = str(row["email"]).lower(), int(row.get("at") or portal.now())
        guid, url = form_id(portal, str(row["form"])), str(row.get("pageUrl", ""))
        made.append(Submission(guid, at, address, url, {"email": address, **values}))
    portal.submissions += made
    return [_submission(position, one) for position, one in enumerate(made)]


def all_submissions(portal: Portal) -> list[dict[str, Any]]:
    """Every submission, oldest first, with its form."""
    found = sorted(portal.submissions, key=lambda one: one.at)
    return [{"form": portal.forms[one.form], **_submission(0, one)} for one in found]


def _definition(portal: Portal, guid: str) -> dict[str, Any]:
    field = {"objectTypeId": "0-1", "name": "email", "label": "Email", "required": True, "fieldType": "email"}
    stamp = iso(0)
    return {
        "id": guid,
        "name": portal.forms[guid],
        "formType": "hubspot",
        "archived": False,
        "createdAt": stamp,
        "updatedAt": stamp,
        "fieldGroups": [{"groupType": "default_group", "richTextType": "text", "fields": [field]}],
    }


def _submission(position: int, one: Submission) -> dict[str, Any]:
    told: dict[str, Any] = {
        "submittedAt": one.at,
        "values": [
            {"name": name, "value": value, "objectTypeId": "0-1"} for name, value in one.values.items()
        ],
        "pageUrl": one.page_url,
    }
    if position % 3 != 2:  # clients have seen submissions without it
        told["conversionId"] = str(uuid.uuid5(_SPACE, f"{one.form}{one.at}{one.address}"))
    return told


def _paged(results: list[dict[str, Any]], following: int, total: int) -> Answer:
    body: dict[str, Any] = {"results": results}
    if following < total:
        body["paging"] = {"next": {"after": str(following)}}
    return Answer(200, body)
