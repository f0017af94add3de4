"""The command line: one small file per command group, put together here."""

from __future__ import annotations

import sys

from leadsla.cli import explain, init, localcrm, outbox, report, schedule, setup, sync
from leadsla.cli.app import app
from leadsla.cli.exits import Exit, end_of

__all__ = ["app", "main"]

GROUPS = (init, setup, sync, schedule, explain, report, outbox, localcrm)


def main() -> None:
    """Run the command line; every known trouble ends with one line and its exit code."""
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        sys.stderr.write("stopped; what was finished is kept, the rest is planned again next time\n")
        sys.exit(130)
    except Exception as error:
        end = end_of(error)
        if end is None:
            raise
        sys.stderr.write(f"{end.message}\n")
        sys.exit(Exit(end.code))
