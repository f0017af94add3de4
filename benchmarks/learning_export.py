"""`leadsla learn` on a large export: a million leads, twenty million activities; seconds and peak memory.

Generates both files (seeded, about 2 GB, kept in the folder so that a second run is fast), runs the command
on two cores in a process of its own, and prints what it took. Figures depend on the machine.

    python benchmarks/learning_export.py [--leads 1000000] [--activities 20000000] [--folder DIR] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
CHUNK = 100_000
START = datetime(2022, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=3 * 365)
KINDS = ("Email Opened", "Email Clicked", "Page Visit", "Form Submitted", "Webinar", "Call", "Meeting")
SOURCES = ("Referral", "Website", "Trade fair", "Bought list", "Partner", "Social")
COUNTRIES = ("DE", "AT", "CH", "US", "FR")
INDUSTRIES = ("IT", "Retail", "Logistics", "Health", "Energy", "Machinery", "Select")
LEADS_HEADER = "Lead ID,Created Date,Company,Industry,Country,Source,Employees,Revenue,Visits,Newsletter,"
LEADS_HEADER += "Campaign,Email,Phone,Notes,Owner,Status,Closed Date\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--leads", type=int, default=1_000_000)
    arguments.add_argument("--activities", type=int, default=20_000_000)
    arguments.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "leadsla_export")
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    leads, activities = generate(options.folder, options.leads, options.activities)
    found = measure(leads, activities)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{platform.machine()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}")
    for key, value in found.items():
        print(f"{key}: {value}")


def generate(folder: Path, leads: int, activities: int) -> tuple[Path, Path]:
    """Both files, made once for these sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    leads_path, activities_path = (
        folder / f"leads_{leads}.csv",
        folder / f"activities_{activities}_{leads}.csv",
    )
    if not (leads_path.exists() and activities_path.exists()):
        random = np.random.default_rng(20)
        created = np.sort(random.integers(0, int(SPAN.total_seconds()), leads))
        won = write_leads(leads_path, created, random)
        write_activities(activities_path, created, won, activities)
    return leads_path, activities_path


def write_leads(path: Path, created: np.ndarray, random: np.random.Generator) -> np.ndarray:
    worth = np.array([1.0, 0.3, 0.0, -1.0, 0.6, -0.3])
    every = []
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(LEADS_HEADER)
        for start in range(0, created.size, CHUNK):
            came = created[start : start + CHUNK]
            source = random.integers(0, 6, came.size)
            size = np.exp(random.normal(4, 1.3, came.size)).astype(int)
            odds = -3.2 + worth[source] + 0.7 * (size > 50)
            won = random.random(came.size) < 1 / (1 + np.exp(-odds))
            closed = won | (random.random(came.size) < 0.8)
            ended = stamps(came + random.integers(15 * 86_400, 120 * 86_400, came.size))
            begun = stamps(came)
            picks = random.integers(0, 10**6, (came.size, 4))
            for at, (one, two, three, four) in enumerate(picks.tolist()):
                status = "Won" if won[at] else "Lost" if closed[at] else "Working"
                cells = (
                    *(f"00Q{start + at:09d}", begun[at], f"Company {one % 300_000}", INDUSTRIES[two % 7]),
                    *(COUNTRIES[three % 5], SOURCES[source[at]], str(size[at])),
                    *(f'"{size[at] * 1_000 + four % 1000:,}"', str(four % 12), "yes" if one % 3 else "no"),
                    *(f"Campaign {two % 80}", f"p{start + at}@example.com", f"+49 30 {three:06d}"),
                    *(
                        f"note {one} about {two}",
                        f"Owner {four % 40}",
                        status,
                        ended[at] if closed[at] else "",
                    ),
                )
                file.write(",".join(cells) + "\n")
            every.append(won)
    return np.concatenate(every)


def write_activities(path: Path, created: np.ndarray, won: np.ndarray, activities: int) -> None:
    random = np.random.default_rng(21)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("Activity ID,Lead ID,Activity Type,Activity Date,Subject\n")
        for start in range(0, activities, CHUNK):
            amount = min(CHUNK, activities - start)
            lead = random.integers(0, created.size, amount)
            kind = random.integers(0, 7, amount)
            kind[won[lead] & (random.random(amount) < 0.05)] = 3
            when = stamps(created[lead] + random.exponential(12 * 86_400, amount).astype(int))
            page = random.integers(0, 5_000, amount)
            rows = zip(
                range(start, start + amount), lead.tolist(), kind.tolist(), when, page.tolist(), strict=True
            )
            file.writelines(
                f"A{at},00Q{one:09d},{KINDS[what]},{then},Page {which}\n"
                for at, one, what, then, which in rows
            )


def stamps(seconds: np.ndarray) -> list[str]:
    instants = np.datetime64(START.replace(tzinfo=None), "s") + seconds.astype("timedelta64[s]")
    return np.datetime_as_string(instants, unit="s").tolist()


def measure(leads: Path, activities: Path) -> dict[str, object]:
    command = [
        sys.executable,
        "-m",
        "leadsla",
        "learn",
        "--leads",
        str(leads),
        "--activities",
        str(activities),
    ]
    command += ["--outcome", "Status=Won", "--json"]
    cores = sorted(os.sched_getaffinity(0))[:2]
    began = time.perf_counter()
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        cwd=leads.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    seconds = time.perf_counter() - began
    learned = json.loads(done.stdout)
    return {
        "leads": learned["leads_file"]["rows"],
        "activities": learned["activities_file"]["read"],
        "megabytes read": round((leads.stat().st_size + activities.stat().st_size) / 1e6),
        "cores": len(cores),
        "seconds": round(seconds, 1),
        "peak memory (MB)": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        "leads counted": learned["counted"]["leads"],
        "lines": len(learned["card"]["lines"]),
        "AUC": learned["held_out"]["auc"]["value"],
    }


if __name__ == "__main__":
    main()
