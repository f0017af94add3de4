"""What one poll of a busy Salesforce org costs, beside the least it could cost.

A practice Salesforce with 24,000 leads and 200 ms of latency. Since the last poll a mass edit touched
10,000 leads, 1,000 of which became marketing qualified, so that as many tasks are due. Prints the calls by
kind beside the least (each changed record read once in full pages, each written once in full batches), the
seconds beside those that the serial part of these calls must take, and what an idle poll costs. Figures
depend on the machine; write them down with machine and date.

    python benchmarks/salesforce_calls.py [--leads 24000] [--changed 10000] [--latency 0.2] [--json]
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
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from leadsla.demo import SHIPPED_PORTS  # noqa: E402
from localcrm.clock import Clock  # noqa: E402
from localcrm.company import Company, LeadEntry, Rep  # noqa: E402
from localcrm.door import Door  # noqa: E402
from localcrm.salesforce import SalesforceFace  # noqa: E402
from localcrm.server import running  # noqa: E402

REPS = 20
A_WHILE = 600  # seconds: longer than the look-back
PAGE, BATCH = 2000, 200


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is, how much of it is new at the measured poll, and the seconds there and back."""

    leads: int
    changed: int
    latency: float

    @property
    def qualified(self) -> int:
        return self.changed // 10


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--leads", type=int, default=24_000)
    arguments.add_argument("--changed", type=int, default=10_000)
    arguments.add_argument("--latency", type=float, default=0.2)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        told = measure(Path(folder), Size(options.leads, options.changed, options.latency))
    if options.json:
        print(json.dumps(told, indent=2))
        return
    print(f"{platform.machine()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}")
    for name, value in told.items():
        print(f"{name}: {value}")


def measure(folder: Path, size: Size) -> dict[str, Any]:
    clock = Clock()
    face = SalesforceFace(clock)
    with running(company(size, clock.now()), clock=clock, told={"salesforce": face}) as practice:
        door = practice.doors["salesforce"]
        config = config_for(folder, practice.urls["salesforce"])
        leadsla("provision", config)
        first, _ = poll(door, config)
        clock.advance(A_WHILE)
        leadsla("sync", config)  # our own echo
        clock.advance(A_WHILE)
        change(face, size)
        clock.advance(10)
        door.faults.order([{"path": "^/services/", "do": "latency", "seconds": size.latency, "times": None}])
        busy, seconds = poll(door, config)
        clock.advance(A_WHILE)
        echo, _ = poll(door, config)
        clock.advance(A_WHILE)
        idle, idle_seconds = poll(door, config)
    return {
        "first load": dict(first),
        **beside_the_least(size, busy, seconds),
        "poll after that (our own echo)": dict(echo),
        "idle poll": dict(idle),
        "idle poll calls besides signing in": sum(idle.values()) - idle["sign-in"],
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
            country="Germany",
            owner=f"rep{n % REPS}",
        )
        for n in range(size.leads)
    )
    return Company(reps, (), leads, (), (), now)


def change(face: SalesforceFace, size: Size) -> None:
    """As people would: some become MQLs, the others lose their e-mail."""
    ids = [str(row["Id"]) for row in face.records("Lead")][: size.changed]
    every = size.changed // size.qualified
    qualified, others = ids[::every], [one for number, one in enumerate(ids) if number % every]
    face.edit("Lead", [{"Id": one, "Status": "Marketing Qualified"} for one in qualified])
    face.edit("Lead", [{"Id": one, "Email": None} for one in others])


def config_for(folder: Path, url: str) -> Path:
    """The shipped configuration at this address, its state beside it, with room for so many tasks."""
    text = (ROOT / "config.toml").read_text(encoding="utf-8").replace(SHIPPED_PORTS["salesforce"], url)
    text = text.replace("max_new_tasks_per_owner_per_day = 100", "max_new_tasks_per_owner_per_day = 10000")
    config = folder / "config.toml"
    config.write_text(text, encoding="utf-8")
    return config


def leadsla(command: str, config: Path) -> dict[str, Any]:
    """One command in a process of its own; what it says of the connection."""
    line = [sys.executable, "-m", "leadsla", command, "--connection", "salesforce", "--config", str(config)]
    done = subprocess.run([*line, "--json"], stdout=subprocess.PIPE, check=False, cwd=ROOT)
    if done.returncode:
        sys.exit(f"leadsla {command} ended with {done.returncode}: {done.stdout.decode()}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def poll(door: Door, config: Path) -> tuple[Counter[str], float]:
    """The calls of one poll by kind, and the seconds of the run (without the start of the process)."""
    door.tally.reset()
    seconds = leadsla("sync", config)["salesforce"]["seconds"]
    calls: Counter[str] = Counter()
    for route, count in door.tally.report()["by_route"].items():
        calls[kind_of(route)] += count
    return calls, seconds


def kind_of(route: str) -> str:
    """A route in a few words.

    >>> kind_of("PATCH /services/data/v59.0/composite/sobjects"), kind_of("POST /services/oauth2/token")
    ('PATCH composite/sobjects', 'sign-in')
    """
    method, _, path = route.partition(" ")
    if path.startswith("/services/oauth2/token"):
        return "sign-in"
    return f"{method} {path.partition('/v59.0/')[2] or path}"


def beside_the_least(size: Size, calls: Counter[str], seconds: float) -> dict[str, Any]:
    pages = ceil(size.changed / PAGE)
    writes = ceil(size.changed / BATCH) + ceil(size.qualified / BATCH)
    least, made = pages + writes, sum(calls.values()) - calls["sign-in"]
    # Pages follow each other; batches of writes do not, but the tasks come after the leads.
    floor = size.latency * (1 + pages + writes)
    return {
        "calls": dict(calls),
        "calls made besides signing in": made,
        "least calls": f"{least} ({pages} pages of leads, {writes} batches)",
        "calls beside the least": round(made / least, 2),
        "seconds": round(seconds, 1),
        "least seconds one call after another": round(floor, 1),
        "seconds beside the least": round(seconds / floor, 2),
    }


if __name__ == "__main__":
    main()
