"""Agreements and books of them that dice decide on: every kind of target, pause, ladder, person, rule.

All that is drawn makes an agreement that loads. Where a list is drawn from, the simplest comes first, so that
a failing example shrinks towards it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, TypeVar

from sla_engine.agreement import Agreement
from sla_engine.book import Book, Chapter
from sla_engine.business_time import BusinessHours
from sla_engine.card import CardInForce, Scorecard

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 30
INBOUND = ["email_reply", "hand_raise", "form", "event", "email_click", "page_visit"]
Raw = dict[str, Any]
Choice = TypeVar("Choice")

_OFFICE = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
_ALWAYS = {day: [["00:00", "24:00"]] for day in (*_OFFICE, "sat", "sun")}
_NIGHTS = {"mon": [["22:00", "06:00"]], "thu": [["22:00", "06:00"]], "sat": [["00:00", "24:00"]]}
_CALENDARS: Raw = {
    "always": {"tz": "UTC", "weekly": _ALWAYS},
    "berlin": {"tz": "Europe/Berlin", "weekly": _OFFICE, "holidays": ["2026-03-11"]},
    "new york": {
        "tz": "America/New_York",
        "weekly": _OFFICE,
        "overrides": {"2026-03-14": [["10:00", "12:00"]]},
    },
    "night": {"tz": "Europe/Berlin", "weekly": _NIGHTS},
}
HOURS = {name: BusinessHours.model_validate(raw) for name, raw in _CALENDARS.items()}  # compiled once for all

_TEAM = ["rep", "ben", "eva"]
_PHASES = ["mql", "sal", "sql", "recycled", "inquiry"]
_STARTS = ["phase_entered", "assigned", "unassigned", "inbound_activity"]
_PROOFS = [
    "call",
    "email",
    "meeting",
    "follow_up",
    "task",
    "rejected",
    "accepted",
    "qualified",
    "opportunity",
]
_BY_ANYBODY = ["assigned", "enrolled", "handed_over"]
_PAUSES = ["waiting_for_lead", "absent", "hold"]
_RUNGS: list[Raw] = [
    {"at": 0.5, "do": "remind_owner"},
    {"at": 1.0, "do": "remind_owner", "every": "2h", "times": 3},
    {"at": "6h", "do": "tell_manager"},
    {"at": 1.0, "do": "reassign", "to": "next_in_line"},
    {"at": 2.0, "do": "reassign", "to": "inbox"},
]


def happens(dice: Random, share: float) -> bool:
    """True for about this share of the examples; what shrinks is False."""
    return dice.random() >= 1 - share


def some(dice: Random, options: Sequence[Choice], least: int = 1, most: int = 3) -> list[Choice]:
    """A few different ones, in any order."""
    return dice.sample(options, dice.randint(least, most))


def instant(dice: Random) -> datetime:
    """Mostly a full quarter of an hour, so that facts meet; now and then any microsecond."""
    if happens(dice, 0.1):
        return START + timedelta(microseconds=dice.randrange(DAYS * 86400 * 10**6))
    return START + timedelta(minutes=15 * dice.randrange(DAYS * 96))


def random_book(dice: Random) -> Book:
    """One agreement or up to three, the more special first, each with up to two earlier versions.

    The cards that were approved over time hold for all of them.
    """
    special = [
        _chapter(dice, f"special {number}", scoped=True) for number in range(dice.choice([0, 0, 1, 2]))
    ]
    chapters = (*special, _chapter(dice, "general", scoped=happens(dice, 0.1)))
    cards = _cards(dice) if happens(dice, 0.5) else ()
    return Book(
        tuple(
            Chapter(
                one.current.with_cards(cards), tuple((old.with_cards(cards), at) for old, at in one.earlier)
            )
            for one in chapters
        )
    )


def _chapter(dice: Random, name: str, *, scoped: bool) -> Chapter:
    replaced = sorted(instant(dice) for _ in range(dice.choice([0, 0, 1, 2])))
    return Chapter(
        _agreement(dice, name, scoped=scoped),
        tuple((_agreement(dice, name, scoped=scoped), at) for at in replaced),
    )


def _cards(dice: Random) -> tuple[CardInForce, ...]:
    """Up to three, one after the other; now and then one was taken back to the starting score."""
    since = sorted(instant(dice) for _ in range(dice.randint(1, 3)))
    return tuple(CardInForce(card=None if happens(dice, 0.1) else _card(dice), since=at) for at in since)


def _card(dice: Random) -> Scorecard:
    lines = []
    for number in range(dice.randint(1, 8)):
        line = {"name": f"line {number}", "group": dice.choice(["fit", "interest"])}
        line |= {"points": dice.randint(-10, 10), "when": _condition(dice, scored=False)}
        if "activity" in line["when"] and happens(dice, 0.8):
            line["within"] = dice.choice(["4h", "1d", "7d", "14d"])
        lines.append(line)
    return Scorecard.model_validate({"lines": lines, "caps": {"fit": 10, "interest": dice.choice([8, 50])}})


def _agreement(dice: Random, name: str, *, scoped: bool) -> Agreement:
    raw: Raw = {
        "name": name,
        "default_hours": dice.choice(["always", "berlin"]),
        "hours": HOURS,
        "hours_by_time_zone": {"America/New_York": "new york"},
        "hours_by_region": {"US": "new york", "BR": "night"},
        "target": _targets(dice),
        "people": _people(dice),
        "minimum": {"required": ["company", ["email", "phone"]], "must_be": {"email": "business_email"}},
        "fit": [_fit(dice, number) for number in range(dice.randint(0, 2))],
        "interest": _interest(dice),
        "handover": _handover(dice),
        "scoring": {"holdout": dice.choice([0, 0, 0, 0.5])},
        "rejection": _rejection(dice),
    }
    if happens(dice, 0.2):
        raw["not_new"] = [{"name": "known", "when": [_field(dice)], "because": "is known"}]
    if scoped:
        raw["scope"] = [_condition(dice, warm=False)]
    return Agreement.model_validate(raw)


def _handover(dice: Random) -> Raw:
    wanted: Raw = {"interest": dice.choice(["none", "low", "medium", "high"])}
    return wanted | {"score": dice.choice([20, 25, 40])} if happens(dice, 0.4) else wanted


def _targets(dice: Random) -> list[Raw]:
    """Up to four targets; one that could never win stands for a promise of its own."""
    found: list[Raw] = []
    for number in range(dice.choice([1, 2, 3, 3, 4, 4])):
        target = _target(dice, f"target {number}")
        if any(_always_wins(earlier, target) for earlier in found):
            target["promise"] = target["name"]
        found.append(target)
    return found


def _always_wins(earlier: Raw, later: Raw) -> bool:
    if earlier["promise"] != later["promise"] or "when" in earlier:
        return False
    covers_phases = set(later["phase"]) <= set(earlier["phase"])
    return covers_phases and set(later.get("activities", ())) <= set(earlier.get("activities", ()))


def _target(dice: Random, name: str) -> Raw:
    starts = dice.choice(_STARTS)
    target: Raw = {
        "name": name,
        "phase": some(dice, _PHASES) if happens(dice, 0.6) else ["mql"],
        "starts": starts,
        "promise": f"{dice.choice(['answer', 'care'])} {starts}",
        "within": dice.choice(["1h", "4h", "8h", "30m", "16h", "40h"]),
        "hours": dice.choice(["always", "owner", "region", "berlin", "night"]),
        "met_by": [*some(dice, _PROOFS, most=6), *some(dice, _BY_ANYBODY, 0, 1)],
        "responsible": dice.choice(["sales", "sales", "marketing", "operations"]),
    }
    if starts == "inbound_activity":
        target["activities"] = some(dice, INBOUND)
        if happens(dice, 0.5):
            target["joins_within"] = dice.choice(["4h", "1d"])
    if happens(dice, 0.3):
        target["when"] = [_condition(dice) for _ in range(dice.randint(1, 2))]
    if happens(dice, 0.5):
        kinds = some(dice, _PAUSES)
        target["pauses"] = [{"when": kind, "at_most": dice.choice(["4h", "1d", "5d"])} for kind in kinds]
    if happens(dice, 0.3):
        target["warn_at"] = sorted(some(dice, [0.25, 0.5, 0.9]))
    if happens(dice, 0.4):
        target["escalate"] = some(dice, _RUNGS)
    return target


def _condition(dice: Random, *, warm: bool = True, scored: bool = True, depth: int = 0) -> Raw:
    """``warm``: may ask for interest, and for a score too where that is ``scored``."""
    kinds = ["field", "activity", "content"] + ["interest"] * warm + ["score"] * (warm and scored)
    kind = dice.choice(kinds if depth == 2 else [*kinds, "not", "any", "all"])
    if kind == "field":
        return _field(dice)
    if kind == "activity":
        return {"activity": dice.choice([*INBOUND, "call", "meeting", "opt_out"])}
    if kind == "content":
        return {"activity": dice.choice(INBOUND), "content": dice.choice(["pricing", "demo"])}
    if kind == "interest":
        return {"interest": dice.choice(["low", "medium", "high"])}
    if kind == "score":
        return {"score": dice.choice([30, 50, 90])}
    inner = [
        _condition(dice, warm=warm, scored=scored, depth=depth + 1)
        for _ in range(1 if kind == "not" else dice.randint(1, 2))
    ]
    return {kind: inner[0] if kind == "not" else inner}


def _field(dice: Random) -> Raw:
    return dice.choice(
        [
            {"field": "country", "is": "DE"},
            {"field": "country", "in": ["US", "BR"]},
            {"field": "employees", "at_least": 50},
            {"field": "job_title", "missing": True},
            {"field": "company", "matches": "(?i)kontor"},
        ]
    )


def _people(dice: Random) -> Raw:
    people: Raw = {key: _person(dice, key) for key in _TEAM}
    people["rep"] |= {"in_line": True, "manager": "chef"}
    return people | {"inbox": {"responsible": "ops"}}


def _person(dice: Random, key: str) -> Raw:
    person: Raw = {
        "in_line": happens(dice, 0.7),
        "tz": "Europe/Berlin",
        "absent": [_absence(dice) for _ in range(dice.randint(0, 3))],
    }
    if happens(dice, 0.5):
        person["deputy"] = dice.choice([one for one in _TEAM if one != key])
    if happens(dice, 0.4):
        person["manager"] = "chef"
    if happens(dice, 0.2):
        person["hours"] = dice.choice(["new york", "night"])
    return person


def _absence(dice: Random) -> list[date]:
    first = START.date() + timedelta(days=dice.randrange(DAYS))
    return [first, first + timedelta(days=dice.randint(0, 5))]


def _fit(dice: Random, number: int) -> Raw:
    verdict = dice.choice(["buyer", "buyer", "not_a_buyer"])
    return _condition(dice, scored=False) | {"name": f"sign {number}", "verdict": verdict, "because": "so"}


def _interest(dice: Random) -> Raw:
    return {
        "half_life": dice.choice(["3d", "7d", "14d"]),
        "points": {kind: dice.choice([2, 5, 12, 30]) for kind in some(dice, [*INBOUND, "email_open"], 2, 5)},
        "content": [{"kind": "page_visit", "matches": "pricing", "points": 7}],
        "cap": [
            {"kind": kind, "points": 8, "per": dice.choice(["day", "week", "month"])}
            for kind in some(dice, INBOUND, 0, 2)
        ],
    }


def _rejection(dice: Random) -> Raw:
    rules: Raw = {
        "recycle": ["no budget", "not reachable"],
        "disqualify": ["not a buyer"],
        "return_on": "return_on",
        "reason_needed": happens(dice, 0.7),
    }
    if happens(dice, 0.4):
        rules["cadence"] = {
            "reasons": ["not reachable"],
            "attempts": dice.randint(2, 3),
            "channels": dice.randint(1, 2),
            "working_days": dice.choice([1, 5]),
        }
    return rules
