"""Doors to what an account has beside records: owners, pipelines, details, usage, email events."""

from __future__ import annotations

import base64
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from localcrm.face import Refused
from localcrm.hubspot.calls import Answer, Call
from localcrm.hubspot.errors import ApiError
from localcrm.hubspot.limits import Limits
from localcrm.hubspot.loading_touches import event_id
from localcrm.hubspot.portal import Owner, Portal
from localcrm.hubspot.properties import Property
from localcrm.hubspot.values import iso, millis, whole

_FIRST_TEAM = 10_000
_PIPELINES = {
    "deals": ("default", "Sales Pipeline", "dealstage"),
    "leads": ("lead-pipeline-id", "Lead pipeline", "hs_pipeline_stage"),
}
_EVENT_TYPES = ("SENT", "DELIVERED", "OPEN", "CLICK", "BOUNCE", "STATUSCHANGE", "DROPPED", "PROCESSED")


def owners(call: Call) -> Answer:
    """GET owners; the deactivated with archived=true."""
    found = [owner for owner in call.portal.owners.values() if owner.active != call.is_archived()]
    email = call.query.get("email")
    found = [owner for owner in found if email in (None, owner.email)]
    limit, after = call.limit(default=100, most=500), call.after()
    body: dict[str, Any] = {"results": [_owner(owner) for owner in found[after : after + limit]]}
    if after + limit < len(found):
        body["paging"] = {"next": {"after": str(after + limit)}}
    return Answer(200, body)


def owner(call: Call) -> Answer:
    """GET one owner."""
    found = call.portal.owners.get(call.path["id"])
    if found is None or found.active == call.is_archived():
        raise ApiError("resource not found", status=404, category="OBJECT_NOT_FOUND")
    return Answer(200, _owner(found))


def pipelines(call: Call) -> Answer:
    """GET the pipelines of deals or leads."""
    return Answer(200, {"results": [_pipeline(call)]})


def pipeline(call: Call) -> Answer:
    """GET one pipeline."""
    found = _pipeline(call)
    if found["id"] != call.path["id"]:
        raise ApiError("resource not found", status=404, category="OBJECT_NOT_FOUND")
    return Answer(200, found)


def stages(call: Call) -> Answer:
    """GET the stages of one pipeline."""
    return Answer(200, {"results": pipeline(call).body["stages"]})


def _pipeline(call: Call) -> dict[str, Any]:
    kind = call.kind()
    if kind not in _PIPELINES:
        raise ApiError(f"{kind} have no pipelines")
    name, label, stage_property = _PIPELINES[kind]
    told = call.portal.schemas[kind].properties[stage_property]
    return {
        "id": name,
        "label": label,
        "displayOrder": 0,
        "archived": False,
        "createdAt": told.created_at,
        "updatedAt": told.updated_at,
        "stages": _stages(told),
    }


def details(call: Call) -> Answer:
    """GET account details."""
    return Answer(
        200,
        {
            "portalId": call.portal.switches.portal_id,
            "accountType": "STANDARD",
            "timeZone": "Europe/Berlin",
            "companyCurrency": "EUR",
            "additionalCurrencies": [],
            "utcOffset": "+01:00",
            "utcOffsetMilliseconds": 3_600_000,
            "uiDomain": "app-eu1.hubspot.com",
            "dataHostingLocation": "eu1",
        },
    )


def usage(limits: Limits, now: datetime) -> Answer:
    """The answer to GET the day's API usage."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    told = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": limits.switches.daily_limit,
        "currentUsage": limits.used_today,
        "collectedAt": iso(millis(now)),
        "fetchStatus": "SUCCESS",
        "resetsAt": iso(millis(midnight)),
    }
    return Answer(200, {"results": [told]})


def email_events(call: Call) -> Answer:
    """GET email events, newest first; the offset is opaque."""
    query, portal = call.query, call.portal
    wanted_type = query.get("eventType")
    if wanted_type not in (None, *_EVENT_TYPES):
        raise ApiError(f"Unknown eventType {wanted_type}")
    limit = call.limit(default=10, most=1_000)
    recipient, no_bots = query.get("recipient", "").lower(), query.get("excludeFilteredEvents") == "true"
    first = bisect_left(portal.email_events, _number(call, "startTimestamp", 0), key=_created)
    beyond = bisect_right(portal.email_events, _number(call, "endTimestamp", portal.now()), key=_created)
    found = [
        event
        for event in reversed(portal.email_events[first:beyond])
        if wanted_type in (None, event["type"])
        and recipient in ("", event["recipient"])
        and not (no_bots and event["filteredEvent"])
    ]
    start = _offset(query.get("offset"))
    page = found[start : start + limit]
    offset = base64.urlsafe_b64encode(f"{start + len(page)}:events".encode()).decode()
    return Answer(200, {"hasMore": start + limit < len(found), "offset": offset, "events": page})


def add_events(portal: Portal, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add email events; ``created`` (milliseconds) defaults to now. Raises Refused."""
    made: list[dict[str, Any]] = []
    for row in rows:
        if row.get("type") not in _EVENT_TYPES or "@" not in str(row.get("recipient")):
            raise Refused(f"an email event needs a type of {', '.join(_EVENT_TYPES)} and a recipient")
        at = int(row.get("created") or portal.now())
        basis = {"emailCampaignId": 80_000, "portalId": portal.switches.portal_id, "filteredEvent": False}
        event = {**basis, **row, "recipient": str(row["recipient"]).lower(), "created": at}
        made.append({**event, "id": event_id(len(portal.email_events) + len(made), at)})
    portal.email_events += made
    portal.email_events.sort(key=_created)
    return made


def change_owners(portal: Portal, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Change owners as an admin does: ``id``, ``active`` and/or ``teams`` (names); raises Refused."""
    for row in rows:
        known = portal.owners.get(str(row.get("id")))
        if known is None or not {"id"} < set(row) <= {"id", "active", "teams"}:
            raise Refused("an owner is changed by 'id', 'active' and 'teams'")
        teams, active = row.get("teams", known.teams), row.get("active", known.active)
        if not isinstance(active, bool) or not isinstance(teams, list | tuple):
            raise Refused("'active' is true or false, 'teams' a list of names")
        portal.owners[known.id] = replace(known, active=active, teams=tuple(map(str, teams)))
    return [_owner(portal.owners[str(row["id"])]) for row in rows]


def _created(event: Mapping[str, Any]) -> int:
    return int(event["created"])


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    found = whole(text)
    if found is None:
        raise ApiError(f"{name} must be milliseconds since 1970, found {text}")
    return found


def _offset(text: str | None) -> int:
    if not text:
        return 0
    try:
        return int(base64.urlsafe_b64decode(text).decode().partition(":")[0])
    except ValueError as problem:
        raise ApiError("Invalid offset") from problem


def _stages(told: Property) -> list[dict[str, Any]]:
    return [
        {
            "id": one["value"],
            "label": one["label"],
            "displayOrder": one["displayOrder"],
            "metadata": {"isClosed": str(str(one["value"]).startswith(("closed", "unqualified"))).lower()},
            "archived": False,
            "createdAt": told.created_at,
            "updatedAt": told.updated_at,
        }
        for one in told.options
    ]


def _all_events(portal: Portal) -> list[dict[str, Any]]:
    return list(portal.email_events)


def _all_owners(portal: Portal) -> list[dict[str, Any]]:
    return [_owner(found) for found in portal.owners.values()]


def _owner(found: Owner) -> dict[str, Any]:
    return {
        "id": found.id,
        "email": found.email,
        "type": "PERSON",
        "firstName": found.first_name,
        "lastName": found.last_name,
        "userId": found.user if found.active else None,
        "userIdIncludingInactive": found.user,
        "createdAt": iso(found.at),
        "updatedAt": iso(found.at),
        "archived": not found.active,
        "teams": [
            {"id": str(_FIRST_TEAM + sum(team.encode())), "name": team, "primary": position == 0}
            for position, team in enumerate(found.teams)
        ],
    }


LISTED: Mapping[str, Callable[[Portal], list[dict[str, Any]]]] = {
    "owners": _all_owners,
    "email_events": _all_events,
}
