"""``leadsla check`` and ``leadsla provision``: before the first run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from connectors.base import Problem, ProvisionStep
from connectors.errors import CrmError, Unauthorised
from leadsla.cli.app import DEFAULT_CONFIG, ConfigOption, ConnectionOption, JsonOption, app
from leadsla.cli.exits import Exit, advice_for, code_of
from leadsla.cli.loading import chosen, counted, serious, usable
from leadsla.cli.output import err, out, print_json, print_problems
from leadsla.cli.runs import TROUBLES, ended, tell, with_errors
from leadsla.cli.traces import Readability
from leadsla.settings import load
from leadsla.wiring import SecretsMissing, opened_crm, schema_problems


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Compare the configuration with itself and with each CRM. Reads only; lists everything at once.

    After the first sync it also tells of how many answered leads the answer can be read, person by person.
    """
    settings = load(config)
    found, troubles = schema_problems(settings)
    readability = Readability.of(settings)
    problems = [*settings.problems, *found, *readability.problems()]
    code = Exit.CONFIGURATION if serious(problems) else code_of(troubles.values())
    for name, trouble in troubles.items():
        problems += _refused(name, trouble)
    away = {name: one for name, one in troubles.items() if not isinstance(one, Unauthorised)}
    if as_json:
        rows = [
            {"where": p.where, "what": p.what, "remedy": p.remedy, "warning": p.is_warning} for p in problems
        ]
        unreachable = [str(trouble) for trouble in away.values()]
        print_json({"problems": rows, "unreachable": unreachable, "readable": readability.as_json()})
        raise typer.Exit(code)
    problems += [_of_connection(name, trouble) for name, trouble in away.items()]
    print_problems(problems)
    readability.show()
    if code is not Exit.DONE:
        err.print(counted(problems))
        raise typer.Exit(code)
    out.print(f"all right: {', '.join(settings.connections)}", markup=False)


def _refused(name: str, trouble: CrmError) -> list[Problem]:
    """Every secret or right that is missing, as problems."""
    if isinstance(trouble, SecretsMissing):
        return list(trouble.problems)
    return [_of_connection(name, trouble)] if isinstance(trouble, Unauthorised) else []


def _of_connection(name: str, trouble: CrmError) -> Problem:
    what, _, remedy = str(trouble).removeprefix(f"{name}: ").partition("; ")
    return Problem(f"connections.{name}", what, remedy or advice_for(trouble))


@app.command()
def provision(
    config: ConfigOption = DEFAULT_CONFIG,
    connection: ConnectionOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is missing; create nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Create leadsla's own fields in the CRM. What exists is left alone, so it can be run again."""
    settings, _ = usable(config)
    done: dict[str, list[ProvisionStep]] = {}
    failed: dict[str, Exception] = {}
    for name, one in chosen(settings, connection).items():
        try:
            with opened_crm(name, one) as crm:
                done[name] = crm.provision(dry_run=dry_run)
        except TROUBLES as error:
            failed[name] = error
            tell(error)
            continue
        if not as_json:
            _show_steps(name, done[name], dry_run=dry_run)
    if as_json:
        steps = {name: [asdict(step) for step in steps] for name, steps in done.items()}
        print_json(with_errors(steps, failed))
    lacking = [step for steps in done.values() for step in steps if not (step.exists or step.created)]
    ended(failed, is_partial=bool(lacking) and not dry_run)


def _show_steps(name: str, steps: list[ProvisionStep], *, dry_run: bool) -> None:
    for step in steps:
        if not step.exists:
            verb = "would create" if dry_run else "created" if step.created else "could not create"
            out.print(f"{name}: {verb} {step.what}", markup=False)
    there = sum(step.exists for step in steps)
    made = len(steps) - there if dry_run else sum(step.created for step in steps)
    verb = "would be created" if dry_run else "created"
    out.print(f"{name}: {there} there already, {made} {verb}", markup=False)
