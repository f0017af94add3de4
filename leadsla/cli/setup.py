"""``leadsla check``: before the first run."""

from __future__ import annotations

import typer

from connectors.base import Problem
from connectors.errors import CrmError, Unauthorised
from leadsla.cli.app import DEFAULT_CONFIG, ConfigOption, JsonOption, app
from leadsla.cli.exits import Exit, advice_for, code_of
from leadsla.cli.loading import counted, serious
from leadsla.cli.output import err, out, print_json, print_problems
from leadsla.cli.traces import Readability
from leadsla.settings import load
from leadsla.wiring import SecretsMissing, schema_problems


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
