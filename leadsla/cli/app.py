"""The Typer application and the options every command shares."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer

from connectors.mapping import parse_instant
from leadsla.cli.output import out

app = typer.Typer(
    name="leadsla",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _instant(raw: str) -> datetime:
    try:
        return parse_instant(raw)
    except ValueError:
        raise typer.BadParameter('write an instant like "2026-11-23T12:00:00Z"') from None


def _show_version(asked: bool) -> None:
    if asked:
        out.print(f"leadsla {installed_version('leadsla')}", markup=False)
        raise typer.Exit


@app.callback()
def leadsla(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Run a marketing-sales SLA on leads inside Salesforce or HubSpot."""


ConfigOption = Annotated[
    Path, typer.Option("--config", help="The configuration file.", envvar="LEADSLA_CONFIG")
]
ConnectionOption = Annotated[
    str | None, typer.Option("--connection", help="Only this connection (default: all).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of text.")]
AsOfOption = Annotated[
    datetime | None,
    typer.Option("--as-of", parser=_instant, metavar="INSTANT", help="Judge as if it were this instant."),
]
DEFAULT_CONFIG = Path("config.toml")
