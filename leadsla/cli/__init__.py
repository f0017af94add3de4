"""The command line: one small file per command group, put together in ``commands``."""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["main"]

_STOPPED = "stopped; what was finished is kept, the rest is planned again next time\n"


def main() -> None:
    """Run the command line; every known trouble ends with one line and its exit code."""
    before = signal.signal(signal.SIGINT, _leave)  # while modules load: nothing has begun, nothing to keep
    from leadsla.cli.commands import run  # noqa: PLC0415 - slow to import

    signal.signal(signal.SIGINT, before)
    try:
        run()
    except KeyboardInterrupt:
        sys.stderr.write(_STOPPED)
        sys.exit(130)


def _leave(_number: int, _frame: object) -> None:
    sys.stderr.write(_STOPPED)
    sys.stderr.flush()
    os._exit(130)
