"""``leadsla init``: a config.toml to start from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from leadsla.cli.app import DEFAULT_CONFIG, ConfigOption, app
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.output import out


@app.command()
def init(
    config: ConfigOption = DEFAULT_CONFIG,
    crm: Annotated[
        str, typer.Option(help='"salesforce", "hubspot" or "practice" (both practice CRMs).')
    ] = "practice",
) -> None:
    """Write a commented config.toml for your CRM. Never overwrites one."""
    path = Path(config)
    if path.exists():
        raise ConfigurationProblem(f"{path} exists; choose another with --config, or move it away first")
    templates = files("leadsla") / "templates"
    template = templates / f"{crm}.toml"
    if not template.is_file():
        raise ConfigurationProblem(f'there is no template "{crm}"; choose salesforce, hubspot or practice')
    agreement = (templates / "agreement.toml").read_text(encoding="utf-8")
    path.write_text(template.read_text(encoding="utf-8") + agreement, encoding="utf-8")
    out.print(f"wrote {path}. Next: fill in the connection, then run `leadsla check`.", markup=False)
