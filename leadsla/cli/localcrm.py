"""``leadsla localcrm``: start the practice CRMs (a program of their own)."""

from __future__ import annotations

import os
import sys

import typer

from leadsla.cli.app import app


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def localcrm(context: typer.Context) -> None:
    """Start a practice Salesforce and HubSpot on this machine. Options: `leadsla localcrm --help`."""
    os.execv(sys.executable, [sys.executable, "-m", "localcrm", *context.args])  # noqa: S606 - our own program
