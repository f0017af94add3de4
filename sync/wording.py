"""The words sales people read: task subjects and texts, times in the owner's zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from connectors.base import Change
from sla_engine.verdict import ClockState, SlaClock, Verdict

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def local_time(instant: datetime, time_zone: str) -> str:
    """An instant as people in ``time_zone`` (IANA name) say it.

    >>> from datetime import UTC
    >>> local_time(datetime(2026, 11, 27, 14, 30, tzinfo=UTC), "Europe/Berlin")
    'Fri 27 Nov 15:30 (Europe/Berlin)'
    """
    local = instant.astimezone(ZoneInfo(time_zone))
    day = f"{_WEEKDAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}"
    return f"{day} {local:%H:%M} ({time_zone})"


def task_subject(clock: SlaClock, time_zone: str) -> str:
    """What to do by when, and whether it is late already."""
    verb = "Follow up" if "follow" in clock.target else "Answer this lead"
    due = local_time(clock.due_at, time_zone)
    if clock.state is ClockState.BREACHED:
        return f"Overdue: {verb.lower()}, was due {due}"
    prefix = "At risk: " if clock.state is ClockState.AT_RISK else ""
    return f"{prefix}{verb} by {due}"


def task_body(verdict: Verdict, clock: SlaClock, time_zone: str) -> str:
    """Why this task is there, what is known, and what counts as an answer."""
    lines = [
        f"Agreed: {clock.target}. {verdict.next_step.text.capitalize()}.",
        f"Handed over {local_time(clock.started_at, time_zone)}, due {local_time(clock.due_at, time_zone)}.",
        f"Interest: {verdict.interest.band}. Score: {verdict.score} of 100.",
    ]
    if verdict.missing:
        lines.append(f"Not known yet: {', '.join(verdict.missing)}.")
    lines.append("This task closes itself as soon as the CRM shows your answer.")
    return "\n".join(lines)


def reasons_text(verdict: Verdict) -> str:
    """Every criterion on a line: yes, no, or cannot tell."""
    words = {True: "yes", False: "no", None: "?"}
    return "\n".join(f"{words[reason.met]}: {reason.criterion} - {reason.text}" for reason in verdict.reasons)


_VERBS = {
    "SetFields": "set {what} on lead {lead}",
    "CreateTask": 'create the task "{what}" on lead {lead}',
    "UpdateTask": 'change the task of lead {lead} to "{what}"',
    "CloseTask": "close the task of lead {lead}",
    "SetStage": "move lead {lead} to stage {what}",
    "AssignOwner": "give lead {lead} to owner {what}",
}


def sentence(change: Change) -> str:
    """A change in one sentence: what would be done to which lead, and why. No personal data."""
    what = getattr(change, "subject", "") or getattr(change, "stage", "") or getattr(change, "owner_id", "")
    values = getattr(change, "values", None)
    if values is not None:
        what = ", ".join(f"{name}={_short(value)}" for name, value in values.items() if name != "reasons")
        what = what or "reasons"
    text = _VERBS[type(change).__name__].format(what=what, lead=change.lead_id)
    return f"{text}, because {change.because}"


def _short(value: object) -> str:
    text = value.strftime("%Y-%m-%dT%H:%MZ") if isinstance(value, datetime) else str(value or '""')
    return text if len(text) <= 60 else f"{text[:57]}..."
