"""Exports of past leads in which what makes a lead good is known: referrals and the demo request, nothing else."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

OWNERS = ("Anna Beck", "Marcus Oakley")
CHANCE = {"Referral": 0.55, "Website": 0.25, "List": 0.08}
WITH_A_DEMO = 0.25
_LEADS = [
    "lead_id",
    "created_at",
    "first_name",
    "last_name",
    "email",
    "phone",
    "company",
    "job_title",
    "country",
    "employees",
    "source",
    "owner",
    "stage",
    "reason",
]
_ACTIVITIES = ("lead", "kind", "at", "content", "by", "outcome", "old", "new")


def write_planted_csvs(folder: Path, *, leads: int, now: datetime, seed: int = 7) -> tuple[Path, Path]:
    """``leads`` leads of the last 150 days, as the practice CRMs load them."""
    dice = random.Random(seed)
    rows: list[dict[str, str]] = []
    done: list[dict[str, str]] = []
    for number in range(leads):
        began = now - timedelta(days=150 * (number + 1) / (leads + 1))
        lead = f"lead_{number:05}"
        source, demo = dice.choice(list(CHANCE)), dice.random() < 0.3
        owner = dice.choice(OWNERS)
        happened = [("form", 2, "", "Demo request")] if demo else []
        if dice.random() < 0.5:
            happened.append(("page_visit", dice.uniform(0, 10), "", "/about"))
        happened.append(("call", 1.5, owner, "Call"))
        for kind, days, by, content in happened:
            done.append(_deed(lead, began + timedelta(days=days), now, kind=kind, by=by, content=content))
        won = dice.random() < CHANCE[source] + WITH_A_DEMO * demo
        last = "opportunity" if won else "recycled"
        way = [("new", "mql", 1.0, "automation"), ("mql", "accepted", 1.6, owner)]
        way.append(("accepted", last, 16 + dice.uniform(0, 10), owner))
        moves = [
            _deed(lead, began + timedelta(days=d), now, kind="stage", by=by, old=a, new=b)
            for a, b, d, by in way
        ]
        done += moves
        stage = [one["new"] for one in moves if one][-1:] or ["new"]
        rows.append(_lead(lead, number, began, source=source, owner=owner, stage=stage[0]))
    paths = folder / "leads.csv", folder / "activities.csv"
    _write(paths[0], _LEADS, rows)
    _write(paths[1], _ACTIVITIES, sorted((one for one in done if one), key=lambda one: one["at"]))
    return paths


def _deed(lead: str, at: datetime, now: datetime, **what: str) -> dict[str, str]:
    """Nothing where it lies ahead."""
    return {"lead": lead, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}", **what} if at < now else {}


def _lead(lead: str, number: int, began: datetime, **what: str) -> dict[str, str]:
    return {
        "lead_id": lead,
        "created_at": f"{began:%Y-%m-%dT%H:%M:%SZ}",
        "first_name": "Kim",
        "last_name": f"Muster {number}",
        "email": f"kim{number}@kontor{number}.example",
        "phone": "+49 30 901820",
        "company": f"Kontor {number}",
        "job_title": "Head of Sales",
        "country": ("DE", "AT", "CH")[number % 3],
        "employees": str((5, 80, 900)[number % 3]),
        "reason": "no budget" if what["stage"] == "recycled" else "",
        **what,
    }


def _write(path: Path, columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), restval="")
        writer.writeheader()
        writer.writerows(rows)
