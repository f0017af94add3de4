"""What one poll of a busy HubSpot account costs, beside the least it could cost.

A practice HubSpot with 24,000 contacts, its real rate limits and 200 ms of latency. Since the last poll a
mass edit touched 10,000 contacts, 5,000 calls, e-mails and meetings were logged, and 1,000 new tasks are due:
"known": for leads that were qualified earlier and whose task a cap held back; "news": for leads that became
qualified in this poll, whose histories must be read. Prints the calls by kind beside the least, the seconds
beside what the rate limits allow, the 429s earned, and what an idle poll costs. Figures depend on the
machine; write them down with machine and date.

    python benchmarks/hubspot_calls.py [--contacts 24000] [--changed 10000] [--json]
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from leadsla.demo import SHIPPED_PORTS  # noqa: E402
from localcrm.clock import Clock  # noqa: E402
from localcrm.company import Company, LeadEntry, Rep  # noqa: E402
from localcrm.door import Door  # noqa: E402
from localcrm.hubspot import HubSpotFace  # noqa: E402
from localcrm.hubspot.errors import ApiError  # noqa: E402
from localcrm.server import running  # noqa: E402

LATENCY = 0.2
SEARCHES_A_SECOND, CALLS_A_SECOND = 5, 19
REPS = 20
ENGAGEMENTS = {"calls": 0.4, "emails": 0.4, "meetings": 0.2}  # shares of the changed activities
PARTIAL = 4  # exit code
A_WHILE = 600  # seconds: longer than the look-back


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is, and how much of it is new at the measured poll."""

    contacts: int
    changed: int

    @property
    def qualified(self) -> int:
        return self.changed // 10

    @property
    def activities(self) -> int:
        return self.changed // 2


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--contacts", type=int, default=24_000)
    arguments.add_argument("--changed", type=int, default=10_000)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    told: dict[str, dict[str, Any]] = {}
    for scenario in ("known", "news"):
        with tempfile.TemporaryDirectory() as folder:
            told[scenario] = measure(Path(folder), Size(options.contacts, options.changed), scenario)
    if options.json:
        print(json.dumps(told, indent=2))
        return
    print(f"{platform.machine()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}")
    for scenario, figures in told.items():
        for name, value in figures.items():
            print(f"{scenario}: {name}: {value}")


def measure(folder: Path, size: Size, scenario: str) -> dict[str, Any]:
    clock = Clock()
    face = HubSpotFace(clock, limits=False)
    with running(company(size, clock.now()), clock=clock, told={"hubspot": face}) as practice:
        door = practice.doors["hubspot"]
        config = config_for(folder, practice.urls["hubspot"])
        leadsla("provision", config)
        leadsla("sync", config)  # the first load is another benchmark's
        clock.advance(A_WHILE)
        leadsla("sync", config)  # our own echo
        clock.advance(A_WHILE)
        ids = [str(row["id"]) for row in face.records("contacts")][: size.changed]
        every = size.changed // size.qualified
        qualified, others = ids[::every], [one for number, one in enumerate(ids) if number % every]
        qualify(face, qualified)
        if scenario == "known":
            clock.advance(10)
            leadsla("sync", config_for(folder, practice.urls["hubspot"], tasks=0), may_leave=True)
            clock.advance(A_WHILE)
            leadsla("sync", config_for(folder, practice.urls["hubspot"], tasks=0), may_leave=True)
            clock.advance(A_WHILE)
            face.edit("contacts", [{"id": one, "company": ""} for one in qualified])
        config_for(folder, practice.urls["hubspot"])
        change(face, size, others)
        clock.advance(10)
        refused = with_limits(face)
        door.faults.order(
            [{"path": "^/(crm|email|account-info)/", "do": "latency", "seconds": LATENCY, "times": None}]
        )
        busy, seconds = poll(door, config)
        clock.advance(A_WHILE)
        echo, _ = poll(door, config)
        clock.advance(A_WHILE)
        idle, idle_seconds = poll(door, config)
    return {
        **beside_the_least(
            size, busy, seconds, pasts=0 if scenario == "known" else ceil(size.qualified / 50)
        ),
        "429s": sum(refused.values()),
        "poll after that (our own echo)": dict(echo),
        "idle poll": dict(idle),
        "idle poll seconds": round(idle_seconds, 1),
    }


def company(size: Size, now: datetime) -> Company:
    reps = tuple(Rep(f"rep{n}", f"Rep{n}", "Example", f"rep{n}@example.com") for n in range(REPS))
    born = now - timedelta(days=3)
    leads = tuple(
        LeadEntry(
            f"l{n}",
            born,
            f"Last{n}",
            email=f"l{n}@example.com",
            company=f"Company {n % 977}",
            country="DE",
            owner=f"rep{n % REPS}",
        )
        for n in range(size.contacts)
    )
    return Company(reps, (), leads, (), (), now)


def qualify(face: HubSpotFace, ids: list[str]) -> None:
    face.edit("contacts", [{"id": one, "lifecyclestage": "marketingqualifiedlead"} for one in ids])


def change(face: HubSpotFace, size: Size, others: list[str]) -> None:
    """As people would: many lose their company, and there is work logged."""
    face.edit("contacts", [{"id": one, "company": ""} for one in others])
    at = str(int(datetime.now(UTC).timestamp() * 1000))
    for kind, share in ENGAGEMENTS.items():
        given = {"hs_timestamp": at} | ({"hs_email_direction": "EMAIL"} if kind == "emails" else {})
        given |= {"hs_meeting_start_time": at} if kind == "meetings" else {}
        made = int(size.activities * share)
        rows = [{**given, "associations": [{"to": others[n % len(others)]}]} for n in range(made)]
        face.edit(kind, rows)


def with_limits(face: HubSpotFace) -> Counter[str]:
    """Turn the limits on; returns the count of refusals, by rule."""
    face.limits = HubSpotFace(face.clock, limits=True).limits
    refused: Counter[str] = Counter()
    spend: Callable[..., dict[str, str]] = face.limits.spend

    def counting(rule: str, now: datetime) -> dict[str, str]:
        try:
            return spend(rule, now)
        except ApiError:
            refused[rule] += 1
            raise

    face.limits.spend = counting  # type: ignore[method-assign]
    return refused


def config_for(folder: Path, url: str, tasks: int = 10_000) -> Path:
    """The shipped configuration at this address, its state beside it, with room for so many tasks."""
    text = (ROOT / "config.toml").read_text(encoding="utf-8").replace(SHIPPED_PORTS["hubspot"], url)
    text = text.replace("max_new_tasks_per_owner_per_day = 100", f"max_new_tasks_per_owner_per_day = {tasks}")
    config = folder / "config.toml"
    config.write_text(text, encoding="utf-8")
    return config


def leadsla(command: str, config: Path, *, may_leave: bool = False) -> dict[str, Any]:
    """One command in a process of its own; what it says of the connection.

    ``may_leave``: that something is left undone (exit code 4) is meant.
    """
    line = [sys.executable, "-m", "leadsla", command, "--connection", "hubspot", "--config", str(config)]
    done = subprocess.run([*line, "--json"], stdout=subprocess.PIPE, check=False, cwd=ROOT)
    if done.returncode and not (may_leave and done.returncode == PARTIAL):
        sys.exit(f"leadsla {command} ended with {done.returncode}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def poll(door: Door, config: Path) -> tuple[Counter[str], float]:
    """The calls of one poll by kind, and the seconds of the run (without the start of the process)."""
    door.tally.reset()
    seconds = leadsla("sync", config)["hubspot"]["seconds"]
    calls: Counter[str] = Counter()
    for route, count in door.tally.report()["by_route"].items():
        calls[kind_of(route)] += count
    return calls, seconds


def kind_of(route: str) -> str:
    """A route in a word or two.

    >>> kind_of("POST /crm/objects/2026-03/contacts/search")
    'contacts search'
    """
    parts = [
        part for part in route.partition(" ")[2].split("/") if part not in {"", "crm", "objects", "2026-03"}
    ]
    return " ".join(parts)


def beside_the_least(size: Size, calls: Counter[str], seconds: float, pasts: int) -> dict[str, Any]:
    """Every changed record read once in full pages, every changed contact written once in full batches.

    ``pasts``: calls for the histories of what changed its stage, 50 records a call.
    """
    searches = ceil(size.changed / 200) + sum(
        ceil(int(size.activities * share) / 200) for share in ENGAGEMENTS.values()
    )
    associations = sum(ceil(int(size.activities * share) / 1000) for share in ENGAGEMENTS.values())
    writes = ceil(size.changed / 100) + ceil(size.qualified / 100)
    least = searches + associations + writes
    made = sum(calls.values())
    floor = searches / SEARCHES_A_SECOND + writes / CALLS_A_SECOND
    return {
        "calls": dict(calls),
        "calls made": made,
        "least calls": f"{least} without histories, {least + pasts} with those that are needed",
        "calls beside the least": f"{made / least:.2f}, {made / (least + pasts):.2f}",
        "seconds": round(seconds, 1),
        "least seconds": f"{floor:.1f} (searches at 5/s, then writes at 19/s)",
        "seconds beside the least": round(seconds / floor, 2),
    }


if __name__ == "__main__":
    main()
