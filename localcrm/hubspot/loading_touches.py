"""A lead's touches as HubSpot keeps them: engagements, email events and versions of contact properties."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from localcrm.company import LeadEntry, Touch
from localcrm.hubspot.forms import form_id
from localcrm.hubspot.kinds import ASSOCIATION_TYPES
from localcrm.hubspot.portal import Portal, Submission
from localcrm.hubspot.records import FLOW, Record, Source
from localcrm.hubspot.values import iso, millis

Journal = list[tuple[int, str, str, Source]]
ANALYTICS, FORM, EMAIL, ENGAGEMENT = (Source(name) for name in ("ANALYTICS", "FORM", "EMAIL", "ENGAGEMENTS"))
REPEATING = (ANALYTICS, FORM)  # seeing the same page or filling the same form again is a new version
_EVENT_TYPES = {"email_open": "OPEN", "email_click": "CLICK", "bounce": "BOUNCE", "automatic_email": "SENT"}
_COUNTERS = {
    "OPEN": ("hs_email_open", "hs_email_last_open_date"),
    "CLICK": ("hs_email_click", "hs_email_last_click_date"),
    "BOUNCE": ("hs_email_bounce", None),
    "SENT": ("hs_email_delivered", "hs_email_last_send_date"),
}
_KINDS = {"call": "calls", "email": "emails", "meeting": "meetings", "task": "tasks", "email_reply": "emails"}
_TYPE_IDS = {"calls": 194, "emails": 198, "meetings": 200, "tasks": 204}
_FORMS = ("form", "hand_raise")
_CONVERSIONS = (*_FORMS, "event")
_CONNECTED = "f240bbac-87c9-4f6e-bf70-924b57d47db7"
DISPOSITIONS = {
    "busy": "9d9162e7-6cf3-4944-bf63-4dff82258764",
    "connected": _CONNECTED,
    "left live message": "a4c4c377-d246-4b32-a13b-75a56a4cd0ff",
    "left voicemail": "b2cf5968-551e-4856-9783-52b3da59a7d0",
    "voicemail": "b2cf5968-551e-4856-9783-52b3da59a7d0",
    "no answer": "73a0d17f-1163-4015-bdd5-ec830791da20",
    "wrong number": "17b47fee-58de-441e-a44c-c6300d46f273",
}
_OUTCOMES = {"SCHEDULED", "COMPLETED", "RESCHEDULED", "NO_SHOW", "CANCELED"}
_TASK_STATES = {"NOT_STARTED", "IN_PROGRESS", "WAITING", "DEFERRED", "COMPLETED"}


class Touches:
    """Loads touches; engagements wait until ``finish`` so that their ids grow with time."""

    def __init__(
        self, portal: Portal, owner_ids: Mapping[str, str], sources: Mapping[str, Source], until: int
    ) -> None:
        self._portal = portal
        self._until = until
        self._owner_ids = owner_ids
        self._sources = sources
        self._engagements: list[tuple[int, str, Record, Touch]] = []

    def load(self, contact: Record, lead: LeadEntry, touches: Sequence[Touch]) -> Journal:
        """Note one lead's touches; answers the changes they make to the contact."""
        journal: Journal = []
        counts: dict[str, int] = {}
        for touch in touches:
            at = millis(touch.at)
            if touch.kind in _EVENT_TYPES:
                self._email_event(lead, touch, at, counts, journal)
            elif touch.kind in _KINDS:
                self._engage(contact, touch, at, counts, journal)
            else:
                _behaviour(touch, at, counts, journal)
                if touch.kind in _FORMS and lead.email:
                    self._submitted(lead, touch, at)
        if lead.email_opt_out and not any(touch.kind == "opt_out" for touch in touches):
            contact.values["hs_email_optout"] = "true"
        return journal

    def finish(self) -> None:
        """Make the engagements in the order of their logging, and sort the email events."""
        self._engagements.sort(key=lambda row: row[0])
        for logged, kind, contact, touch in self._engagements:
            source = self._sources.get(touch.by or "", FLOW if touch.kind != "email_reply" else EMAIL)
            at = millis(touch.at)
            values = _VALUES[kind](touch, iso(at))
            if kind == "meetings" and not values["hs_meeting_outcome"]:
                values["hs_meeting_outcome"] = "COMPLETED" if at <= self._until else "SCHEDULED"
            values["hs_object_source"] = source.type
            owner = self._owner_ids.get(touch.by or "")
            if owner is not None:
                values["hubspot_owner_id"] = owner
            kept = {name: value for name, value in values.items() if value}
            record = self._portal.add_record(kind, logged, source, kept)
            self._portal.link((kind, "contacts"), (record, contact), _TYPE_IDS[kind])
            self._link_lead(kind, record, contact, logged)
        self._portal.email_events.sort(key=lambda event: event["created"])
        for position, event in enumerate(self._portal.email_events):
            event["id"] = event_id(position, event["created"])

    def _link_lead(self, kind: str, record: Record, contact: Record, logged: int) -> None:
        """Sales' work on a contact belongs to the lead they work on, once there is one."""
        for number in contact.links.get("leads", {}):
            lead = self._portal.tables["leads"].records[number]
            if lead.created <= logged:
                self._portal.link((kind, "leads"), (record, lead), ASSOCIATION_TYPES[kind, "leads"][0])

    def _email_event(
        self, lead: LeadEntry, touch: Touch, at: int, counts: dict[str, int], journal: Journal
    ) -> None:
        event_type = _EVENT_TYPES[touch.kind]
        for told in (event_type, "DELIVERED") if event_type == "SENT" else (event_type,):
            self._portal.email_events.append(_event(told, lead.email.lower(), touch, at))
        counter, stamp = _COUNTERS[event_type]
        journal.append((at, counter, _count(counts, counter), EMAIL))
        if stamp is not None:
            journal.append((at, stamp, iso(at), EMAIL))

    def _submitted(self, lead: LeadEntry, touch: Touch, at: int) -> None:
        form = touch.content or touch.kind
        address = lead.email.lower()
        values = {"email": address, "firstname": lead.first_name, "lastname": lead.last_name}
        kept = {name: value for name, value in values.items() if value}
        url = f"https://www.example.com/{uuid.uuid5(uuid.NAMESPACE_URL, form).hex[:8]}"
        self._portal.submissions.append(Submission(form_id(self._portal, form), at, address, url, kept))

    def _engage(
        self, contact: Record, touch: Touch, at: int, counts: dict[str, int], journal: Journal
    ) -> None:
        logged = millis(touch.logged_at) if touch.logged_at else at
        self._engagements.append((logged, _KINDS[touch.kind], contact, touch))
        if touch.kind == "email_reply":
            journal.append((at, "hs_email_replied", _count(counts, "hs_email_replied"), EMAIL))
            journal.append((at, "hs_sales_email_last_replied", iso(at), EMAIL))
        elif touch.kind != "task":
            journal.append((logged, "notes_last_contacted", iso(at), ENGAGEMENT))
            journal.append((logged, "num_contacted_notes", _count(counts, "contacted"), ENGAGEMENT))


def event_id(position: int, at: int) -> str:
    """An email event's id; ``at`` in milliseconds since 1970."""
    return f"{position:08x}-0000-4000-8000-{at:012x}"


def _behaviour(touch: Touch, at: int, counts: dict[str, int], journal: Journal) -> None:
    if touch.kind == "opt_out":
        journal.append((at, "hs_email_optout", "true", EMAIL))
    elif touch.kind == "page_visit":
        journal.append((at, "hs_analytics_last_url", touch.content, ANALYTICS))
        journal.append((at, "hs_analytics_last_visit_timestamp", iso(at), ANALYTICS))
        journal.append((at, "hs_analytics_last_timestamp", iso(at), ANALYTICS))
        journal.append((at, "hs_analytics_num_visits", _count(counts, "visits"), ANALYTICS))
    elif touch.kind in _CONVERSIONS:
        journal.append((at, "recent_conversion_event_name", touch.content or touch.kind, FORM))
        journal.append((at, "recent_conversion_date", iso(at), FORM))
        journal.append((at, "num_conversion_events", _count(counts, "conversions"), FORM))


def _count(counts: dict[str, int], name: str) -> str:
    counts[name] = counts.get(name, 0) + 1
    return str(counts[name])


def _event(event_type: str, recipient: str, touch: Touch, at: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "created": at,
        "type": event_type,
        "recipient": recipient,
        "emailCampaignId": 80_000 + sum(touch.content.encode()) % 1_000,
        "portalId": 4_815_162,
        "appId": 113,
        "appName": "Batch",
        "filteredEvent": touch.outcome == "bot",
    }
    if event_type == "CLICK":
        told["url"] = touch.content
    else:
        told["subject"] = touch.content
    if event_type == "BOUNCE":
        told["category"] = touch.outcome or "UNKNOWN_USER"
    return told


def _call(touch: Touch, at: str) -> dict[str, str]:
    outcome = touch.outcome.lower().replace("_", " ")
    return {
        "hs_timestamp": at,
        "hs_call_title": touch.content,
        "hs_call_status": "COMPLETED",
        "hs_call_direction": "OUTBOUND",
        "hs_call_disposition": DISPOSITIONS.get(outcome, ""),
        "hs_call_body": "" if outcome in DISPOSITIONS else touch.outcome,
    }


def _email(touch: Touch, at: str) -> dict[str, str]:
    is_reply = touch.kind == "email_reply"
    return {
        "hs_timestamp": at,
        "hs_email_subject": touch.content,
        "hs_email_direction": "INCOMING_EMAIL" if is_reply else "EMAIL",
        "hs_email_status": "SENT",
    }


def _meeting(touch: Touch, at: str) -> dict[str, str]:
    outcome = touch.outcome.upper().replace(" ", "_").replace("-", "_")
    outcome = {"HELD": "COMPLETED", "CANCELLED": "CANCELED"}.get(outcome, outcome)
    return {
        "hs_timestamp": at,
        "hs_meeting_start_time": at,
        "hs_meeting_title": touch.content or "Meeting",
        "hs_meeting_outcome": outcome if outcome in _OUTCOMES else "",
    }


def _task(touch: Touch, at: str) -> dict[str, str]:
    state = touch.outcome.upper().replace(" ", "_")
    state = state if state in _TASK_STATES else "NOT_STARTED"
    return {
        "hs_timestamp": at,
        "hs_task_subject": touch.content or "Task",
        "hs_task_status": state,
        "hs_task_priority": "NONE",
        "hs_task_type": "TODO",
        "hs_task_completion_date": at if state == "COMPLETED" else "",
    }


_VALUES = {"calls": _call, "emails": _email, "meetings": _meeting, "tasks": _task}
