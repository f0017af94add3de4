"""Short words for tests of the engine: instants, facts, agreements and what a clock shows.

Two weeks are told by name: "tue 10:00" is Tuesday, 3 March 2026, ten o'clock in Berlin (winter time),
"tue2 10:00" a week later, "sun0 12:00" the Sunday before. Everybody works Monday to Friday 09-17.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from sla_engine.agreement import Agreement
from sla_engine.evaluate import evaluate
from sla_engine.history import history_of
from sla_engine.model import (
    Activity,
    ActivityKind,
    ActorKind,
    Lead,
    LifecycleStage,
    Owner,
    OwnerChange,
    Relation,
    RelationKind,
    StageChange,
)

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAYS = DAYS[:5]
MONDAY = datetime(2026, 3, 2, tzinfo=timezone(timedelta(hours=1)))
NINE_TO_FIVE = {day: [["09:00", "17:00"]] for day in WEEKDAYS}
PERSON, FLOW = ActorKind.PERSON, ActorKind.AUTOMATION


def on(text):
    """ "tue 10:00" as an instant in UTC."""
    day, time = text.split()
    week = int(day[3:] or 1) - 1
    return (MONDAY + timedelta(days=DAYS.index(day[:3]) + 7 * week) + _clock(time)).astimezone(UTC)


def _clock(time):
    hours, minutes, *seconds = (int(part) for part in time.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)


def told(instant):
    """The inverse of ``on``, so that a failing test shows words."""
    local = instant.astimezone(MONDAY.tzinfo)
    week, day = divmod((local - MONDAY).days, 7)
    return f"{DAYS[day]}{week + 1 if week else ''} {local:%H:%M:%S}".removesuffix(":00")


def actor_of(by):
    """Whoever is called flow is no person."""
    return by, FLOW if by == "flow" else PERSON


def entered(stage, at, by="flow", reason="no budget", **more):
    """The lead enters a stage; marketing's flow hands over, people reject with a reason."""
    rejected = stage in {"recycled", "disqualified"}
    return StageChange(
        on(at), LifecycleStage(stage), *actor_of(by), reason if rejected else "", id=f"{stage} {at}", **more
    )


def given(to, at, by="flow", **more):
    """The lead goes to somebody; who is called inbox or pool is a queue."""
    queue = to in {"inbox", "pool"}
    return OwnerChange(on(at), to, *actor_of(by), to_queue=queue, id=f"{to} {at}", **more)


def taken(at, by="anna"):
    """A person takes the lead for themselves."""
    return given(by, at, by)


def done(kind, at, by="anna", **more):
    """Work by sales, done at ``at``."""
    known = on(more.pop("known_at", at))
    more |= {key: on(more[key]) for key in ("planned_for",) if key in more}
    return Activity(f"{kind} {at}", ActivityKind(kind), on(at), known, *actor_of(by), **more)


def planned(kind, at, planned_for, by="anna"):
    """Work written down at ``at`` for a later date, as CRMs show it: dated at that later date."""
    return done(kind, planned_for, by, known_at=at, planned_for=planned_for)


def lead_did(kind, at, content=""):
    """Behaviour of the lead itself, with a ground to score it."""
    return Activity(
        f"{kind} {at} {content}",
        ActivityKind(kind),
        on(at),
        on(at),
        None,
        ActorKind.UNKNOWN,
        content=content,
        consent="declared",
    )


def known_as(kind, record, owner, since):
    """The same person under another record."""
    return Relation(RelationKind(kind), record, owner, on(since))


def a_lead(*facts, owner="anna", fields=None, reason="", owner_left=False, zone=None, readable=True):
    """A lead handed over at "tue 10:00" unless the facts tell where it went."""
    stages = [one for one in facts if isinstance(one, StageChange)]
    has = owner and Owner(owner, is_queue=owner == "inbox", is_active=not owner_left, time_zone=zone)
    lead = Lead("L", on("mon 09:00"), LifecycleStage.MQL, has or None, fields or {}, reason)
    return history_of(
        lead,
        [one for one in facts if isinstance(one, Activity)],
        stages if any(one.stage is LifecycleStage.MQL for one in stages) else [HANDED_OVER, *stages],
        [one for one in facts if isinstance(one, OwnerChange)],
        relations=[one for one in facts if isinstance(one, Relation)],
        activity_readable=readable,
    )


HANDED_OVER = entered("mql", "tue 10:00")


def target(name="response", within="4h", **more):
    """Four working hours to answer an MQL."""
    return {"name": name, "phase": "mql", "within": within, **more}


def agreement(*targets, **parts):
    """An agreement of these targets on Berlin hours, with other ``parts`` by name."""
    hours = {"berlin": {"tz": "Europe/Berlin", "weekly": NINE_TO_FIVE}}
    hours |= parts.pop("hours", {})
    raw = {"name": "test", "default_hours": "berlin", "hours": hours, "target": targets, **parts}
    return Agreement.model_validate(raw)


def clocks(lead, agreed, now):
    """The clocks of a verdict at ``now``."""
    return evaluate(lead, agreed, on(now)).clocks


def shows(clocks_seen, *names):
    """These attributes of each clock (of the only one: without the list), instants in words."""
    rows = [tuple(_word(getattr(clock, name)) for name in names) for clock in clocks_seen]
    return [row if len(names) > 1 else row[0] for row in rows]


def _word(value):
    return told(value) if isinstance(value, datetime) else getattr(value, "value", value)
