"""One run, or its failure, in a few lines: shared by ``sync``, ``plan`` and ``schedule``."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from sqlalchemy.exc import OperationalError

from connectors.errors import CrmError
from leadsla.cli.exits import Exit, code_of, end_of
from leadsla.cli.output import err, out
from sync.guard import GuardStopped
from sync.lease import Busy, LeaseLost
from sync.report import RunReport

TROUBLES = (CrmError, GuardStopped, Busy, LeaseLost, OperationalError)
"""What ends the run on one connection; the others go on."""


def numbers(report: RunReport) -> str:
    """What a run did."""
    return (
        f"read {report.read} records, judged {report.evaluated} leads, "
        f"planned {report.planned} changes: {report.written} written, {report.unchanged} unchanged, "
        f"{report.rejected} rejected, {report.deferred} deferred; {report.quarantined} in quarantine "
        f"({report.calls} calls, {report.seconds:.1f} s)"
    )


_KINDS = {
    "SetFields": ("lead to update", "leads to update"),
    "CreateTask": ("new task", "new tasks"),
    "UpdateTask": ("task to update", "tasks to update"),
    "CloseTask": ("task to close", "tasks to close"),
    "SetStage": ("stage to set", "stages to set"),
    "AssignOwner": ("lead to give to another", "leads to give to another"),
}


def kinds_told(changes: Mapping[str, int]) -> str:
    """How many changes of which kind: "57 leads to update, 1 new task"."""
    counted = ((changes.get(kind, 0), words) for kind, words in _KINDS.items())
    return ", ".join(f"{amount} {words[amount != 1]}" for amount, words in counted if amount)


def show_report(report: RunReport) -> None:
    """One run in a few lines; what was left undone by name."""
    if report.mode == "shadow":
        would = kinds_told(report.would) or "nothing"
        told = f"shadow mode, nothing is written; live it would be {would}; see `leadsla plan`"
        out.print(f"{report.connection}: {told}", markup=False)
    out.print(f"{report.connection}: {numbers(report)}", markup=False)
    for remark in report.remarks():
        out.print(f"{report.connection}: {remark}", markup=False)
    for trouble in report.troubles:
        err.print(f"{report.connection}: {trouble}", markup=False)


def tell(error: Exception) -> None:
    """What ended a run on one connection, and what to do."""
    end = end_of(error)
    err.print(end.message if end else str(error), markup=False)


def with_errors(done: Mapping[str, Any], failed: Mapping[str, Exception]) -> dict[str, Any]:
    """What a command prints with ``--json``: an entry for every connection, the error where it failed."""
    return {**done, **{name: {"error": str(error)} for name, error in failed.items()}}


def ended(failed: Mapping[str, Exception], *, is_partial: bool = False) -> None:
    """Exit as the worst of these does; return if all is done."""
    code = code_of(failed.values())
    if code is Exit.DONE and is_partial:
        code = Exit.PARTIAL
    if code is not Exit.DONE:
        raise typer.Exit(code)


@contextmanager
def stopping(say: Callable[[str], None] = err.print) -> Iterator[threading.Event]:
    """Set by Ctrl-C or SIGTERM: the batch in hand is finished, nothing new begun. Twice stops at once."""
    stop = threading.Event()

    def ask(_number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        say("stopping after the batch in hand ...")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
