"""``leadsla check`` and ``leadsla provision``: before the first run."""

from __future__ import annotations

from typing import Annotated

import typer

from leadsla.cli.app import DEFAULT_CONFIG, ConfigOption, ConnectionOption, JsonOption, app
from leadsla.cli.exits import Exit
from leadsla.cli.loading import chosen, refuse, usable
from leadsla.cli.output import err, out, print_json
from leadsla.settings import load
from leadsla.wiring import opened_crm, schema_problems


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Compare the configuration with itself and with each CRM. Reads only; lists everything at once."""
    settings = load(config)
    found, troubles = schema_problems(settings)
    problems = [*settings.problems, *found]
    if as_json:
        rows = [
            {"where": p.where, "what": p.what, "remedy": p.remedy, "warning": p.is_warning} for p in problems
        ]
        print_json({"problems": rows, "unreachable": [str(trouble) for trouble in troubles]})
    if troubles and all(problem.is_warning for problem in problems):
        raise troubles[0]
    for trouble in troubles:
        err.print(f"problem: {trouble}", markup=False)
    if as_json:
        raise typer.Exit(Exit.CONFIGURATION if any(not p.is_warning for p in problems) else Exit.DONE)
    refuse(problems)
    names = ", ".join(settings.connections)
    out.print(f"all right: {names}", markup=False)


@app.command()
def provision(
    config: ConfigOption = DEFAULT_CONFIG,
    connection: ConnectionOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is missing; create nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Create leadsla's own fields in the CRM. What exists is left alone, so it can be run again."""
    settings, _ = usable(config)
    result = {}
    for name, one in chosen(settings, connection).items():
        with opened_crm(name, one) as crm:
            result[name] = crm.provision(dry_run=dry_run)
    if as_json:
        print_json({n: [{"what": s.what, "exists": s.exists} for s in steps] for n, steps in result.items()})
        return
    for name, steps in result.items():
        missing = [step for step in steps if not step.exists]
        verb = "would create" if dry_run else "created"
        for step in missing:
            out.print(f"{name}: {verb} {step.what}", markup=False)
        out.print(f"{name}: {len(steps) - len(missing)} there already, {len(missing)} {verb}", markup=False)
