"""Every command in the order of the README, and how a command line ends."""

from __future__ import annotations

import sys

from leadsla.cli import (
    agreement,
    explain,
    init,
    learn,
    localcrm,
    outbox,
    provision,
    report,
    schedule,
    serve,
    setup,
    sync,
)
from leadsla.cli.app import app
from leadsla.cli.exits import end_of

__all__ = ["app", "run"]

GROUPS = (init, setup, provision, sync, schedule, serve, explain, report, agreement, learn, outbox, localcrm)
_ORDER = [group.__name__ for group in GROUPS]
app.registered_commands.sort(
    key=lambda command: _ORDER.index(command.callback.__module__ if command.callback else _ORDER[-1])
)


def run() -> None:
    """Carry out the command line and exit. Raises KeyboardInterrupt, and what nobody expected."""
    try:
        app(standalone_mode=True)
    except SystemExit as exit_:
        if exit_.code == 130:  # how typer tells of Ctrl-C
            raise KeyboardInterrupt from None
        raise
    except Exception as error:
        end = end_of(error)
        if end is None:
            raise
        sys.stderr.write(f"{end.message}\n")
        sys.exit(end.code)
