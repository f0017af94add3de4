"""``make demo``: two practice CRMs, provisioned and synced, and what sales now sees.

Everything happens in a temporary folder and on free ports of this machine; nothing is left behind.
It runs the same commands a user would type, as a user would.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leadsla.cli.exits import Exit
from leadsla.cli.output import err, out, print_table
from leadsla.settings import load
from leadsla.wiring import opened_crm
from sync.wording import local_time

SHIPPED_PORTS = {"salesforce": "http://127.0.0.1:8701", "hubspot": "http://127.0.0.1:8702"}


def main() -> None:
    """The whole demonstration; ends with the exit code of the first command that fails."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="leadsla-demo-") as folder, practice_crms() as addresses:
        config = write_config(Path(folder), addresses)
        headline("Creating leadsla's own fields in both CRMs")
        leadsla("provision", config)
        headline("First sync")
        leadsla("sync", config)
        headline("What sales and marketing see now")
        leadsla("report", config)
        lead = a_lead_to_show(config)
        show_in_crm(config, *lead)
        headline("The same lead, explained")
        leadsla("explain", config, lead[1], "--connection", lead[0])
        headline("What a second run would write")
        leadsla("plan", config)
    out.print(f"\nDone in {time.monotonic() - started:.0f} s. Next: README, 'Three steps to your own CRM'.")


@contextmanager
def practice_crms() -> Iterator[dict[str, str]]:
    """Both practice CRMs on free ports, stopped at the end however it ends."""
    err.print("starting the practice CRMs ...")
    command = [sys.executable, "-m", "localcrm", "--salesforce-port", "0", "--hubspot-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own program
        try:
            assert process.stdout is not None  # noqa: S101 - asked for a pipe
            ready = process.stdout.readline()
            if not ready:
                sys.exit("the practice CRMs did not start; see the line above")
            yield json.loads(ready)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=10)


def write_config(folder: Path, addresses: dict[str, str]) -> Path:
    """The configuration a new user would get, pointed at this demo's ports and store."""
    config = folder / "config.toml"
    leadsla("init", config)
    text = config.read_text(encoding="utf-8")
    for crm, shipped in SHIPPED_PORTS.items():
        text = text.replace(shipped, addresses[crm])
    text = text.replace("sqlite:///leadsla.db", f"sqlite:///{folder / 'leadsla.db'}")
    config.write_text(text, encoding="utf-8")
    return config


def leadsla(command: str, config: Path, *rest: str) -> None:
    """Run one leadsla command. Partly done (4) is part of the story; any other failure ends the demo."""
    sys.stdout.flush()
    arguments = [sys.executable, "-m", "leadsla", command, *rest, "--config", str(config)]
    code = subprocess.run(arguments, check=False).returncode  # noqa: S603 - our own program
    if code not in {Exit.DONE, Exit.PARTIAL}:
        sys.exit(code)


def leadsla_json(command: str, config: Path) -> dict[str, list[dict[str, str]]]:
    """What a command prints with ``--json``."""
    arguments = [sys.executable, "-m", "leadsla", command, "--json", "--config", str(config)]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)  # noqa: S603
    result: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return result


def a_lead_to_show(config: Path) -> tuple[str, str]:
    """A (connection, lead id) with an open clock, the most telling first: breached, at risk, running."""
    order = {"breached": 0, "at_risk": 1, "running": 2}
    rows = [
        (order.get(row["state"], 9), connection, row["lead"])
        for connection, leads in leadsla_json("report", config).items()
        for row in leads
    ]
    _, connection, lead = min(rows)
    return connection, lead


def show_in_crm(config: Path, connection: str, lead_id: str) -> None:
    """Read one lead and its tasks back from the CRM, as its owner sees them there."""
    headline(f"Lead {lead_id} as its owner sees it in {connection}")
    with opened_crm(connection, load(config).connections[connection]) as crm:
        owners = crm.owners()
        (seen,) = crm.read_leads([lead_id])
        tasks = crm.read_tasks([lead_id])
    shown = {
        **{name: value for name, value in seen.lead.fields.items() if value},
        **{f"leadsla {k}": v for k, v in seen.ours.items()},
    }
    shown["owner"] = seen.lead.owner.name if seen.lead.owner else "nobody"
    print_table("", ("field", "value"), [(name, str(value)) for name, value in shown.items()])
    zone = (seen.lead.owner.time_zone if seen.lead.owner else None) or "UTC"
    rows = [
        (
            task.subject,
            local_time(task.due_at, zone) if task.due_at else "",
            owners[task.owner_id].name if task.owner_id and task.owner_id in owners else "",
            "open" if task.is_open else "closed",
        )
        for task in tasks
    ]
    print_table("Tasks", ("subject", "due", "owner", "state"), rows)


def headline(text: str) -> None:
    out.print(f"\n[bold]{text}[/bold]")


if __name__ == "__main__":
    main()
