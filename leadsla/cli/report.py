"""``leadsla report``: leads at risk, breached and answered, with deadline and owner."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from leadsla.cli.app import DEFAULT_CONFIG, ConfigOption, ConnectionOption, JsonOption, app
from leadsla.cli.loading import chosen, read_only, usable
from leadsla.cli.output import out, print_json, print_table
from sla_engine.model import Owner
from sync.report import Standing, standings
from sync.store.facts import Facts
from sync.store.work import Work
from sync.wording import local_time

SHOWN = 6


@app.command()
def report(
    config: ConfigOption = DEFAULT_CONFIG,
    connection: ConnectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Where the leads stand as of the last sync: breached, at risk, running, answered."""
    settings, _ = usable(config)
    result: dict[str, list[dict[str, object]]] = {}
    with read_only(settings) as store:
        for name in chosen(settings, connection):
            with store.begin() as db:
                rows = standings(Work(name).verdicts(db))
                owners = Facts(name).people.everyone(db)
            if as_json:
                result[name] = [_plain(row, owners) for row in rows]
            else:
                _show(name, rows, owners)
    if as_json:
        print_json(result)


def _plain(row: Standing, owners: dict[str, Owner]) -> dict[str, object]:
    return {
        "lead": row.lead,
        "state": row.state,
        "target": row.target,
        "owner": owners[row.owner].name if row.owner in owners else row.owner,
        "due_at": row.due_at,
        "answered_at": row.answered_at,
    }


def _show(name: str, rows: list[Standing], owners: dict[str, Owner]) -> None:
    counts = Counter(row.state for row in rows)
    told = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts.most_common())
    open_rows = [row for row in rows if row.answered_at is None]
    answered = [row for row in rows if row.answered_at is not None and row.state in {"met", "met_late"}]
    per_state = {state: [row for row in open_rows if row.state == state] for state in counts}
    shown = [row for found in per_state.values() for row in found[-SHOWN:]] + answered[-SHOWN:]
    shown.sort(key=rows.index)
    print_table(
        f"{name}: {told or 'no lead has a clock'}",
        ("lead", "state", "target", "deadline", "owner", "answered"),
        [_cells(row, owners) for row in shown],
    )
    if len(shown) < len(open_rows) + len(answered):
        left = len(open_rows) + len(answered) - len(shown)
        out.print(f"The newest of each state; {left} more with --json.", markup=False)


def _cells(row: Standing, owners: dict[str, Owner]) -> tuple[str, ...]:
    owner = owners.get(row.owner)
    zone = (owner.time_zone if owner else None) or row.time_zone

    def when(instant: datetime | None) -> str:
        return local_time(instant, zone).replace(f"({zone})", zone.rpartition("/")[2]) if instant else ""

    state = row.state.replace("_", " ")
    return (
        row.lead,
        state,
        row.target,
        when(row.due_at),
        owner.name if owner else row.owner,
        when(row.answered_at),
    )
