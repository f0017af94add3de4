"""``leadsla outbox``: what was refused, waits or could not be read."""

from __future__ import annotations

from leadsla.cli.app import DEFAULT_CONFIG, ConfigOption, ConnectionOption, JsonOption, app
from leadsla.cli.loading import chosen, read_only, usable
from leadsla.cli.output import out, print_json, print_table
from sync.store.facts import Facts
from sync.store.work import Work

WAITING = ("rejected", "deferred", "unknown", "sending", "pending")


@app.command()
def outbox(
    config: ConfigOption = DEFAULT_CONFIG,
    connection: ConnectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """List changes that were refused or wait, and records in quarantine. Values are not shown."""
    settings, _ = usable(config)
    result: dict[str, list[dict[str, str]]] = {}
    with read_only(settings) as store:
        for name in chosen(settings, connection):
            with store.begin() as db:
                rows = [
                    {"lead": row.lead_id, "what": row.kind, "state": row.status, "why": row.message}
                    for row in Work(name).rows(db, WAITING)
                ]
                rows += [
                    {
                        "lead": one.lead_id,
                        "what": f"field {one.field}",
                        "state": "quarantine",
                        "why": one.reason,
                    }
                    for one in Facts(name).quarantine.rows(db)
                ]
            result[name] = rows
    if as_json:
        print_json(result)
        return
    for name, rows in result.items():
        if not rows:
            out.print(f"{name}: nothing was refused, nothing waits", markup=False)
            continue
        cells = [tuple(row.values()) for row in rows]
        print_table(name, ("lead", "what", "state", "why"), cells)
