"""The Typer application and the options every command shares."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from connectors.mapping import parse_instant

app = typer.Typer(
    name="leadsla",
    help="Run a marketing-sales SLA on leads inside Salesforce or HubSpot.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _instant(raw: str) -> datetime:
    try:
        return parse_instant(raw)
    except ValueError:
        raise typer.BadParameter('write an instant like "2026-11-23T12:00:00Z"') from None


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
