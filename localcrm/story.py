"""Tells a seeded story: about six weeks of a believable company, up to a given instant.

The same seed, size and end tell the same story. Every character below appears once the size allows it;
open response clocks are placed by working time before the end, so they exist on a Sunday too.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

from localcrm import marketing_scenes as marketing
from localcrm import sales_scenes as sales
from localcrm.company import Company
from localcrm.names import invent
from localcrm.plot import Plot
from localcrm.staff import INBOUND, staff

Scene = Callable[[Plot], None]

# How many of 1,000 leads live through which scene.
SCENES: dict[Scene, int] = {
    sales.running: 25,
    sales.at_risk: 15,
    sales.breached: 25,
    sales.hand_raise_running: 10,
    sales.hand_raise_at_risk: 10,
    sales.nearly_accepted: 15,
    sales.left_in_queue: 10,
    sales.on_holiday: 8,
    sales.owner_left: 8,
    sales.accepted_in_time: 85,
    sales.accepted_late: 45,
    sales.answered_at_night: 20,
    sales.call_only: 30,
    sales.email_only: 25,
    sales.follow_up_planned: 20,
    sales.automatic_only: 12,
    sales.forgotten: 40,
    sales.qualified: 40,
    sales.opportunity: 40,
    sales.won: 25,
    sales.recycled: 40,
    sales.disqualified: 55,
    sales.returned: 16,
    sales.backdated_call: 12,
    sales.reassigned: 14,
    sales.taken_from_queue: 14,
    sales.given_by_machine: 10,
    sales.hand_raise_answered: 30,
    sales.hand_raise_late: 18,
    marketing.cold: 90,
    marketing.nurtured: 70,
    marketing.scanner: 20,
    marketing.incomplete: 40,
    marketing.applicant: 15,
    marketing.student: 15,
    marketing.competitor: 12,
    marketing.supplier: 10,
    marketing.freemail: 15,
    marketing.opted_out: 15,
    marketing.bounced: 15,
}


def tell(seed: int, size: int, until: datetime) -> Company:
    """A company with ``size`` leads, told until ``until`` (aware). Equal arguments, equal story."""
    if until.tzinfo is None:
        raise ValueError("the story needs an end with a time zone")
    until = until.astimezone(UTC)
    people = staff(until)
    plots = []
    for number, scene in enumerate(cast(seed, size), start=1):
        rng = random.Random(f"{seed}/{number}")
        plot = Plot(f"L{number:05d}", invent(rng, number), rng, until.replace(microsecond=0), people)
        plot.begin(plot.created_at)
        scene(plot)
        plots.append(plot)
    return Company(
        reps=people.reps,
        queues=(INBOUND,),
        leads=tuple(sorted((one.entry() for one in plots), key=lambda lead: (lead.created_at, lead.key))),
        touches=tuple(sorted((t for one in plots for t in one.touches), key=lambda t: (t.at, t.lead))),
        changes=tuple(sorted((c for one in plots for c in one.changes), key=lambda c: (c.at, c.lead))),
        told_until=until,
    )


def cast(seed: int, size: int) -> list[Scene]:
    """Which scene each lead lives through, in the order of their numbers: one of each, then by share."""
    scenes = list(SCENES)[:size]
    rng = random.Random(f"{seed}/cast")
    share = sum(SCENES.values())
    exact = {scene: size * weight / share for scene, weight in SCENES.items()}
    for scene in sorted(exact, key=lambda one: exact[one] % 1, reverse=True):
        scenes += [scene] * max(0, int(exact[scene]) - 1)
    scenes = scenes[:size]
    scenes += rng.choices(list(SCENES), list(SCENES.values()), k=size - len(scenes))
    rng.shuffle(scenes)
    return scenes
