"""``leadsla schedule``: keep syncing on an interval until stopped."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from rich.console import Console
from sqlalchemy.exc import OperationalError

from connectors.errors import Misconfigured, Unauthorised
from leadsla.cli.app import DEFAULT_CONFIG, ConfigOption, ConnectionOption, app
from leadsla.cli.exits import end_of
from leadsla.cli.loading import chosen, serious, usable
from leadsla.cli.output import err, out, problem_line, progress
from leadsla.cli.runs import TROUBLES, ended, numbers, stopping, tell
from leadsla.settings import Settings, load
from leadsla.wiring import (
    SecretsMissing,
    connection_of,
    identity_of,
    opened_crm,
    opened_store,
    run_settings,
)
from sync.progress import Silent
from sync.report import RunReport
from sync.run import Run, run_once
from sync.schedule import run_forever
from sync.store import Store
from sync.store.hints import Hints
from sync.store.work import Work


@app.command()
def schedule(config: ConfigOption = DEFAULT_CONFIG, connection: ConnectionOption = None) -> None:
    """Sync every connection on its interval until stopped; the batch in hand is finished first."""
    settings, _ = usable(config)
    names = list(chosen(settings, connection))
    _refuse_missing_secrets(settings, names)
    with opened_store(settings) as store, stopping(lambda text: say(text, err)) as stop:
        rounds = Rounds(config, settings, names, store, stop)
        every = settings.schedule.every
        say(f"syncing {', '.join(names)} every {every.total_seconds():.0f} s; Ctrl-C stops")
        run_forever(rounds.run_all, rounds.next_due, every, stop, rounds.is_hinted)


def say(text: str, console: Console = out) -> None:
    """One line with the local time in front."""
    console.print(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {text}", markup=False)


def _refuse_missing_secrets(settings: Settings, names: list[str]) -> None:
    failed: dict[str, Exception] = {}
    for name in names:
        try:
            connection_of(name, settings.connections[name])
        except SecretsMissing as error:
            failed[name] = error
            tell(error)
    ended(failed)


@dataclass(slots=True)
class Rounds:
    """Every connection in turn, again and again. What only a person can mend ends the first round."""

    config: Path
    settings: Settings
    names: list[str]
    store: Store
    stop: threading.Event
    _is_first: bool = True
    _told: dict[str, str] = field(default_factory=dict)

    def run_all(self) -> None:
        """One round. Raises typer.Exit after the first if a connection is not set up rightly."""
        present = self._reread()
        failed: dict[str, Exception] = {}
        for name in self.names:
            if self.stop.is_set() or name not in present.connections:
                continue
            try:
                self._done(name, self._run(present, name))
            except (Misconfigured, Unauthorised) as error:
                failed[name] = error
                end = end_of(error)
                self._tell_change(name, end.message if end else str(error))
            except TROUBLES as error:
                end = end_of(error) if isinstance(error, OperationalError) else None  # its own text is long
                say(f"{end.message if end else error}; trying again at the next interval", err)
        if self._is_first:
            ended(failed)
        self._is_first = False

    def _run(self, present: Settings, name: str) -> RunReport:
        one = present.connections[name]
        assert present.book is not None  # noqa: S101 - usable() and _reread() let nothing else through
        with (
            opened_crm(name, one, self.stop) as crm,
            progress(name) if err.is_terminal else nullcontext(Silent()) as shown,
        ):
            limits = run_settings(present, one, identity_of(name, one))
            return run_once(Run(crm, self.store, present.book, limits, shown, stop=self.stop))

    def _done(self, name: str, report: RunReport) -> None:
        """All of a run in one line."""
        self._told.pop(name, None)
        mode = ["shadow mode"] if report.mode == "shadow" else []
        say("; ".join((f"{name}: {numbers(report)}", *mode, *report.remarks(), *report.troubles)))

    def _reread(self) -> Settings:
        """The configuration as it is now; a broken one is told and the last good one used."""
        present = load(self.config)
        if not serious(present.problems) and present.book is not None:
            self._told.pop("", None)
            self.settings = present
            return present
        lines = [problem_line(problem) for problem in present.problems]
        self._tell_change("", "\n".join((*lines, "going on with the last configuration that was good")))
        return self.settings

    def _tell_change(self, about: str, text: str) -> None:
        """Tell what lasts until a person mends it: once, and again when it changes."""
        if self._told.get(about) != text:
            for line in text.splitlines():
                say(line, err)
        self._told[about] = text

    def is_hinted(self) -> bool:
        """Whether the CRM named records that are to be read at once."""
        try:
            with self.store.begin() as db:
                return any(Hints(name).any(db) for name in self.names)
        except OperationalError:
            return False  # the store is busy: a second later will do

    def next_due(self) -> datetime | None:
        """When the first verdict runs out."""
        try:
            with self.store.begin() as db:
                found = [Work(name).next_due(db) for name in self.names]
        except OperationalError:
            return None  # the store is busy: the interval will do
        return min((instant for instant in found if instant is not None), default=None)
