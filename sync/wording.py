"""The words of tasks and plans: what sales people read in their task, what a plan says it would do."""

from __future__ import annotations

from datetime import datetime

from connectors.base import Change
from sla_engine.verdict import ClockState, SlaClock, Verdict
from sla_engine.wording import Wording

ENGLISH = Wording.of("en")


def local_time(instant: datetime, time_zone: str) -> str:
    """An instant as people in ``time_zone`` (IANA name) say it, in English.

    >>> from datetime import UTC
    >>> local_time(datetime(2026, 11, 27, 14, 30, tzinfo=UTC), "Europe/Berlin")
    'Fri 27 Nov 15:30 (Europe/Berlin)'
    """
    return ENGLISH.instant(instant, time_zone)


def task_subject(verdict: Verdict, clock: SlaClock, time_zone: str, wording: Wording) -> str:
    """What to do by when, whether it is late already, and which reminder this is."""
    verb = wording.texts.get(f"task_{verdict.next_step.code}", wording.texts["task_answer"])
    due = wording.instant(clock.due_at, time_zone)
    codes = {
        ClockState.BREACHED: "task_overdue",
        ClockState.AT_RISK: "task_at_risk",
        ClockState.PAUSED: "task_paused",
    }
    code = codes.get(clock.state, "task_by")
    text = wording.texts[code].format(verb=verb, due=due)
    reminders = sum(step.do == "remind_owner" for step in clock.steps)
    return wording.texts["task_reminder"].format(number=reminders, text=text) if reminders else text


def task_body(verdict: Verdict, clock: SlaClock, time_zone: str, wording: Wording) -> str:
    """Why this task is there, what is known, and what counts as an answer."""
    say = wording.texts
    step = wording.step(verdict.next_step)
    started, due = (wording.instant(one, time_zone) for one in (clock.started_at, clock.due_at))
    interest = verdict.interest
    lines = [
        say["body_agreed"].format(target=clock.target, step=step[:1].upper() + step[1:]),
        say["body_since"].format(started=started, due=due),
        say["body_state"].format(
            band=say[interest.band.value], trend=say[interest.trend.value], score=verdict.score
        ),
    ]
    if verdict.signals:
        lines.insert(2, say["body_signals"].format(signals=wording.signals(verdict.signals, time_zone)))
    if verdict.missing:
        lines.append(say["body_missing"].format(missing=wording.missing(verdict.missing)))
    if any(step.do == "tell_manager" for step in clock.steps):
        lines.append(say["body_manager"])
    lines.append(say["body_closes"])
    return "\n".join(lines)


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
    if value is None or value == "":
        return "empty"
    text = value.strftime("%Y-%m-%dT%H:%MZ") if isinstance(value, datetime) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
