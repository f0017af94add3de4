"""What people and machines see: tables and progress on a terminal, plain lines elsewhere, JSON on demand."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from connectors.base import Problem

_PIPED_WIDTH = 160
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _PIPED_WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """JSON on stdout, instants as ISO 8601."""
    sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=False, indent=2) + "\n")


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on a terminal; aligned text when piped."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == "lead")  # ids stay whole to be copied
    for row in rows:
        table.add_row(*row)
    out.print(table)


def print_problems(problems: Sequence[Problem]) -> None:
    """Every problem on a line of its own: where, what, what to do."""
    for problem in problems:
        err.print(problem_line(problem), markup=False)


def problem_line(problem: Problem) -> str:
    word = "warning" if problem.is_warning else "problem"
    remedy = f" - {problem.remedy}" if problem.remedy else ""
    return f"{word}: {problem.where}: {problem.what}{remedy}"


class LineProgress:
    """Progress as plain lines: one per step when it begins to matter."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._last = ""

    def step(self, name: str, done: int, total: int | None) -> None:
        if name != self._last or (total is not None and done >= total):
            amount = f" {done}" + (f" of {total}" if total else "") if done else ""
            err.print(f"{self._prefix}: {name}{amount}", markup=False)
        self._last = name


class BarProgress:
    """Progress as bars, one per step."""

    def __init__(self, prefix: str, bars: Progress) -> None:
        self._prefix = prefix
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def step(self, name: str, done: int, total: int | None) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(f"{self._prefix}: {name}", total=total)
        self._bars.update(self._tasks[name], completed=done, total=total)


@contextmanager
def progress(prefix: str) -> Iterator[LineProgress | BarProgress]:
    """Bars on a terminal, lines elsewhere; always on stderr, so output can be piped."""
    if not err.is_terminal:
        yield LineProgress(prefix)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as bars:
        yield BarProgress(prefix, bars)
