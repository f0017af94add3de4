"""Leads whose story dice decide on, told by facts as a CRM would tell them.

Facts agree with each other where a CRM keeps them so: the lead shows its last stage, its last owner and the
reason of its last rejection. Beside that anything may happen, in any order and at the same instant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from sla_engine.book import Book
from sla_engine.history import history_of
from sla_engine.lifecycle import REJECTED
from sla_engine.model import (
    Activity,
    ActivityKind,
    ActorKind,
    FieldChange,
    Lead,
    LeadHistory,
    LifecycleStage,
    Owner,
    OwnerChange,
    Relation,
    RelationKind,
    StageChange,
    Value,
)
from tests.properties.random_agreements import START, happens, instant, random_book

K, S = ActivityKind, LifecycleStage
_KINDS = [K.CALL, K.EMAIL, K.HAND_RAISE, K.EMAIL_REPLY, K.HOLD, K.HOLD, K.EMAIL_CLICK, *K]
_STAGES = [S.MQL] * 5 + [S.SAL, S.SQL, S.RECYCLED, *S, None]
_ACTORS = [ActorKind.PERSON, ActorKind.PERSON, ActorKind.AUTOMATION, ActorKind.UNKNOWN]
_OWNERS = [
    Owner("rep", time_zone="Europe/Berlin"),
    Owner("ben", time_zone="America/New_York"),
    Owner("eva"),
    Owner("inbox", is_queue=True),
    Owner("pool", is_queue=True),
    Owner("gone", is_active=False),
    None,
]


@dataclass(frozen=True)
class Case:
    """A lead with its whole story, the book it is judged by, an instant and a share to look closer at."""

    history: LeadHistory
    book: Book
    now: datetime
    share: float


def random_case(dice: Random) -> Case:
    return Case(random_lead(dice), random_book(dice), instant(dice), dice.random())


def random_lead(dice: Random) -> LeadHistory:
    created = instant(dice) if happens(dice, 0.2) else START
    stages, owners = _stage_changes(dice), _owner_changes(dice)
    last_owner = dice.choice(_OWNERS)
    if owners:
        last_owner = next((one for one in _OWNERS if one and one.id == owners[-1].owner), None)
    lead = Lead("L", created, stages[-1].stage, last_owner, _fields(dice), _shown_reason(dice, stages))
    return history_of(
        lead,
        _activities(dice, [*(one.at for one in stages), *(one.at for one in owners)]),
        stages,
        owners,
        relations=_relations(dice),
        fields=_field_changes(dice),
        activity_readable=not happens(dice, 0.08),
        behaviour_readable=not happens(dice, 0.08),
    )


def _activities(dice: Random, changes: list[datetime]) -> list[Activity]:
    """At any time, on the heels of the one before, or soon after the lead changed stage or hands."""
    found: list[Activity] = []
    for number in range(dice.randint(0, 10)):
        at = instant(dice)
        if happens(dice, 0.4):
            at = dice.choice(changes) + timedelta(minutes=15 * dice.randrange(96))
        elif found and happens(dice, 0.4):
            at = found[-1].at + timedelta(seconds=dice.choice([0, 1, 3, 600, 7200]))
        found.append(_activity(dice, number, at))
    return found


def _activity(dice: Random, number: int, at: datetime) -> Activity:
    done = Activity(
        f"a{number}",
        dice.choice(_KINDS),
        at,
        at,
        dice.choice(["rep", "ben"]),
        dice.choice(_ACTORS),
        content=dice.choice(["pricing", "demo", "else"]),
        outcome=dice.choice(["", "done"]),
        consent=dice.choice(["declared", "declared", "", "tracking"]),
    )
    if happens(dice, 0.2):  # it is planned, and has been for a while
        return replace(done, planned_for=at, known_at=at - timedelta(hours=dice.choice([1, 30, 100])))
    if done.kind is K.HOLD and happens(dice, 0.7):
        return replace(done, planned_for=at + timedelta(days=dice.randint(0, 4)))
    return replace(done, known_at=at + timedelta(hours=5)) if happens(dice, 0.1) else done


def _stage_changes(dice: Random) -> list[StageChange]:
    """At least one; some tell which stage they left."""
    found: list[StageChange] = []
    instants = sorted(instant(dice) for _ in range(dice.randint(1, 5)))
    left: LifecycleStage | None = S.INQUIRY
    for number, at in enumerate(instants):
        stage = dice.choice(_STAGES)
        found.append(
            StageChange(
                at,
                stage,
                dice.choice(["rep", "ben"]),
                dice.choice(_ACTORS),
                dice.choice(["", "-", "no budget", "not reachable", "else"]) if stage in REJECTED else "",
                estimated=happens(dice, 0.05),
                id=f"s{number}",
                before=left if happens(dice, 0.3) else None,
            )
        )
        left = stage
    return found


def _shown_reason(dice: Random, stages: list[StageChange]) -> str:
    """What the lead shows beside its stage."""
    last = stages[-1]
    if last.stage not in REJECTED:
        return ""
    return last.reason or dice.choice(["", "no budget", "not reachable"])


def _owner_changes(dice: Random) -> list[OwnerChange]:
    """Given, taken, put into a queue, left to nobody; some tell who had the lead before."""
    found: list[OwnerChange] = []
    instants = sorted(instant(dice) for _ in range(dice.randint(0, 5)))
    had = dice.choice(_OWNERS)
    for number, at in enumerate(instants):
        owner = dice.choice(_OWNERS)
        by = dice.choice([owner.id if owner else "chef", "flow", "chef"])
        found.append(
            OwnerChange(
                at,
                owner.id if owner else None,
                by,
                ActorKind.AUTOMATION if by == "flow" else ActorKind.PERSON,
                owner is not None and owner.is_queue,
                owner.time_zone if owner else None,
                estimated=happens(dice, 0.05),
                id=f"o{number}",
                before=had if happens(dice, 0.3) else None,
            )
        )
        had = owner
    return found


def _relations(dice: Random) -> list[Relation]:
    if not happens(dice, 0.05):
        return []
    return [Relation(dice.choice(list(RelationKind)), "c1", dice.choice(["ben", None]), instant(dice))]


def _field_changes(dice: Random) -> list[FieldChange]:
    """What some fields held until somebody changed them."""
    before = _fields(dice)
    return [FieldChange(instant(dice), name, before[name]) for name in before if happens(dice, 0.15)]


def _fields(dice: Random) -> dict[str, Value]:
    return {
        "company": dice.choice(["Kontor", "Kontor", ""]),
        "email": dice.choice(["eva@kontor.de", "eva@gmx.de", "no"]),
        "country": dice.choice(["DE", "US", "BR", None]),
        "employees": dice.choice([80, 5, None]),
        "job_title": dice.choice(["Head", ""]),
        "tracking": happens(dice, 0.5),
        "do_not_call": happens(dice, 0.3),
        "email_opt_out": happens(dice, 0.1),
        "return_on": instant(dice) if happens(dice, 0.3) else None,
    }
