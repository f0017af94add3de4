"""A first sync of a world nobody here invented, beside the least it could cost.

Generates 5,000 leads and their activities with leadforge, loads them into both practice CRMs with
their real rate limits, provisions, syncs twice, and prints calls, seconds and peak memory next to
the theoretical minimum. Figures depend on the machine; write them down with machine and date.

    python benchmarks/first_sync.py [--leads 5000] [--json]
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import signal
import subprocess
import sys
import tempfile
import time
from math import ceil
from pathlib import Path

import requests

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from leadsla.demo import SHIPPED_PORTS  # noqa: E402
from tests.leadforge_world import write_leadforge_csvs  # noqa: E402


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--leads", type=int, default=5000)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), options.leads)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{platform.machine()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}")
    for row in rows:
        print("  ".join(f"{key}: {value}" for key, value in row.items()))


def measure(folder: Path, leads: int) -> list[dict[str, object]]:
    leads_csv, activities_csv = write_leadforge_csvs(folder, n_leads=leads)
    kinds = count_kinds(activities_csv)
    command = [sys.executable, "-m", "localcrm", "--salesforce-port", "0", "--hubspot-port", "0"]
    command += ["--world", "empty", "--leads", str(leads_csv), "--activities", str(activities_csv)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as crm:
        try:
            addresses = json.loads(crm.stdout.readline())
            config = config_for(folder, addresses)
            provision = [sys.executable, "-m", "leadsla", "provision", "--config", str(config)]
            subprocess.run(provision, stdout=sys.stderr, check=True)
            return [one_crm(name, url, config, leads, kinds) for name, url in addresses.items()]
        finally:
            crm.send_signal(signal.SIGTERM)


def config_for(folder: Path, addresses: dict[str, str]) -> Path:
    """The shipped configuration at these addresses, its state beside it."""
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    for crm, shipped in SHIPPED_PORTS.items():
        text = text.replace(shipped, addresses[crm])
    config = folder / "config.toml"
    config.write_text(text, encoding="utf-8")
    return config


def count_kinds(path: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            counts[row["kind"]] = counts.get(row["kind"], 0) + 1
    return counts


def one_crm(name: str, url: str, config: Path, leads: int, kinds: dict[str, int]) -> dict[str, object]:
    """Both runs judge at one instant: interest fades every minute somewhere among 5,000 leads."""
    as_of = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    result: dict[str, object] = {"crm": name}
    peak = 0
    for run in ("first", "second"):
        requests.post(f"{url}/_localcrm/reset-calls", timeout=10)
        started = time.monotonic()
        peak = max(peak, sync(name, config, as_of))
        result[f"{run}_seconds"] = round(time.monotonic() - started, 1)
        calls = requests.get(f"{url}/_localcrm/calls", timeout=10).json()
        result[f"{run}_calls"] = calls["total"]
        result[f"{run}_writes"] = sum(n for route, n in calls["by_route"].items() if is_write(route))
        if run == "first":
            result["routes"] = calls["by_route"]
    result["least_calls"] = least = least_calls(name, leads, kinds)
    result["least_seconds"] = least_seconds(name, least)
    result["peak_mb"] = peak
    return result


_MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=sys.stderr)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def sync(name: str, config: Path, as_of: str) -> int:
    """Run one sync as a process of its own; its peak memory in MB.

    A child's peak starts at its parent's size, so a small process stands between.
    """
    command = [sys.executable, "-m", "leadsla", "sync", "--connection", name, "--config", str(config)]
    command += ["--as-of", as_of]
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *command], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode not in {0, 4}:
        sys.exit(done.returncode)
    return round(int(done.stdout) / 1024)


def is_write(route: str) -> bool:
    return ("batch/update" in route or "batch/create" in route) or (
        route.startswith(("PATCH", "POST")) and route.endswith("/composite/sobjects")
    )


def least_calls(name: str, leads: int, kinds: dict[str, int]) -> int:
    """Every record read once in full pages and every lead written once in full batches."""
    sales = {kind: kinds.get(kind, 0) for kind in ("call", "email", "meeting")}
    behaviour = sum(kinds.values()) - sum(sales.values()) - kinds.get("stage", 0) - kinds.get("owner", 0)
    changes = kinds.get("stage", 0) + kinds.get("owner", 0)
    if name == "salesforce":
        return (
            ceil(leads / 2000) + ceil((sum(sales.values()) + behaviour + changes) / 2000) + ceil(leads / 200)
        )
    engagements = sum(ceil(count / 100) for count in sales.values())  # their leads come with them
    mail = sum(kinds.get(kind, 0) for kind in ("email_open", "email_click", "bounce", "automatic_email"))
    with_history = ceil(leads / 50)  # contacts and their history come in one list
    return with_history + engagements + ceil(mail / 1000) + ceil(leads / 100)


def least_seconds(name: str, calls: int) -> int:
    """What the CRM's own limit makes of so many calls: HubSpot takes 190 in any ten seconds."""
    return 0 if name == "salesforce" else 10 * (ceil(calls / 190) - 1)


if __name__ == "__main__":
    main()
