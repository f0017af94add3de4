"""Turns a story's touches into tasks, events and marketing activities with the right stamps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from localcrm.company import LEAD_TOUCHES, Touch
from localcrm.salesforce.fields import Row
from localcrm.salesforce.org import Org
from localcrm.salesforce.stamps import stamp

_SUBTYPE = {"call": "Call", "email": "Email", "automatic_email": "ListEmail", "task": "Task"}
_SUBJECT = {
    "call": "Call",
    "email": "Email",
    "automatic_email": "List Email",
    "meeting": "Meeting",
    "task": "Task",
}
_MEETING_MINUTES = 30
_BEHAVIOUR = frozenset(LEAD_TOUCHES)


def load_touches(
    org: Org, touches: Sequence[Touch], owners: Mapping[str, str], leads: Mapping[str, str]
) -> None:
    """Insert every touch of a known lead, each table in the order its rows were logged."""
    found: dict[str, list[Row]] = defaultdict(list)
    for touch in sorted(touches, key=lambda one: one.logged_at or one.at):
        lead = leads.get(touch.lead)
        if lead is None:
            continue
        name = _object_of(touch)
        by = owners.get(touch.by or "", org.integration_user)
        row: Row = {**org.types[name].blank, "Id": org.tables[name].next_id(), "OwnerId": by}
        logged = stamp(touch.logged_at or touch.at)
        row["CreatedDate"] = row["LastModifiedDate"] = row["SystemModstamp"] = logged
        row["CreatedById"] = row["LastModifiedById"] = by
        _FILL[name](row, touch, lead)
        found[name].append(row)
        if name != "Marketing_Activity__c" and row.get("IsClosed", True):
            _last_activity(org.tables["Lead"].rows[lead], row["ActivityDate"])
    for name, rows in found.items():
        org.tables[name].put_all(rows)


def _object_of(touch: Touch) -> str:
    if touch.kind in _BEHAVIOUR:
        return "Marketing_Activity__c"
    return "Event" if touch.kind == "meeting" else "Task"


def _last_activity(lead: Row, day: str) -> None:
    if day > lead.get("LastActivityDate", ""):
        lead["LastActivityDate"] = day


def _activity(row: Row, touch: Touch, lead: str) -> None:
    row["Name"] = row["Id"]
    row["Lead__c"] = lead
    row["Kind__c"] = touch.kind
    row["Occurred_At__c"] = stamp(touch.at)
    if touch.content:
        row["Content__c"] = touch.content[:255]


def _task(row: Row, touch: Touch, lead: str) -> None:
    at = stamp(touch.at)
    closed = touch.kind != "task" or touch.outcome.lower() == "completed"
    row["WhoId"] = lead
    row["Subject"] = (touch.content or _SUBJECT[touch.kind])[:255]
    row["TaskSubtype"] = _SUBTYPE[touch.kind]
    row["ActivityDate"] = at[:10]
    if closed:
        row["Status"] = "Completed"
        row["IsClosed"] = True
        row["CompletedDateTime"] = at
    if touch.kind == "call" and touch.outcome:
        row["CallDisposition"] = touch.outcome[:255]
        row["CallType"] = "Outbound"


def _event(row: Row, touch: Touch, lead: str) -> None:
    at = stamp(touch.at)
    row["WhoId"] = lead
    row["Subject"] = (touch.content or _SUBJECT["meeting"])[:255]
    row["StartDateTime"] = row["ActivityDateTime"] = at
    row["EndDateTime"] = stamp(touch.at + timedelta(minutes=_MEETING_MINUTES))
    row["DurationInMinutes"] = _MEETING_MINUTES
    row["ActivityDate"] = at[:10]


_FILL = {"Marketing_Activity__c": _activity, "Task": _task, "Event": _event}
