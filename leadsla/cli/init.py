"""``leadsla init``: a config.toml to start from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from leadsla.cli.app import DEFAULT_CONFIG, ConfigOption, app
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.output import out

NEXT = {
    "practice": "start `leadsla localcrm` in another terminal, then run `leadsla check`",
    "salesforce": "put your My Domain and your fields into it, export SALESFORCE_CLIENT_ID=... and"
    " SALESFORCE_CLIENT_SECRET=..., then run `leadsla check`",
    "hubspot": "put your fields into it, export HUBSPOT_TOKEN=..., then run `leadsla check`",
}


@app.command()
def init(
    config: ConfigOption = DEFAULT_CONFIG,
    crm: Annotated[
        str, typer.Option(help='"salesforce", "hubspot" or "practice" (both practice CRMs).')
    ] = "practice",
) -> None:
    """Write a commented config.toml for your CRM. Never overwrites one."""
    path, chosen = Path(config), crm.casefold()
    if chosen not in NEXT:
        raise ConfigurationProblem(f'there is no template "{crm}"; choose salesforce, hubspot or practice')
    templates = files("leadsla") / "templates"
    parts = (templates / f"{chosen}.toml", templates / "agreement.toml")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write("".join(part.read_text(encoding="utf-8") for part in parts))
    except FileExistsError:
        what = f"{path} exists; choose another with --config, or move it away first"
        raise ConfigurationProblem(what) from None
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        what = f"cannot write {path}: {why}; make the folder, or name another file with --config"
        raise ConfigurationProblem(what) from None
    out.print(f"wrote {path}. Next: {NEXT[chosen]}.", markup=False)
