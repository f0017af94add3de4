"""``leadsla schedule``: keep syncing on an interval until stopped."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from connectors.errors import CrmError
from leadsla.cli.app import DEFAULT_CONFIG, ConfigOption, ConnectionOption, app
from leadsla.cli.loading import chosen, usable
from leadsla.cli.output import err, out, print_problems, progress
from leadsla.cli.sync import show_report, stopping
from leadsla.settings import Settings, load
from leadsla.wiring import opened_crm, opened_store, run_settings
from sync.guard import GuardStopped
from sync.lease import Busy
from sync.run import Run, run_once
from sync.schedule import run_forever
from sync.store.work import Work


@app.command()
def schedule(config: ConfigOption = DEFAULT_CONFIG, connection: ConnectionOption = None) -> None:
    """Sync every connection on its interval until stopped; the batch in hand is finished first."""
    settings, _ = usable(config)
    names = list(chosen(settings, connection))
    with opened_store(settings) as store, stopping() as stop:

        def run_all() -> None:
            present = _reread(config, settings)
            for name in names:
                if stop.is_set() or name not in present.connections or present.book is None:
                    continue
                one = present.connections[name]
                try:
                    with opened_crm(name, one) as crm, progress(name) as shown:
                        limits = run_settings(present, one)
                        run = Run(crm, store, present.book, limits, shown, stop=stop)
                        show_report(run_once(run))
                except (CrmError, GuardStopped, Busy) as error:
                    err.print(f"{error}; trying again at the next interval", markup=False)

        def next_due() -> datetime | None:
            with store.begin() as db:
                found = [Work(name).next_due(db) for name in names]
            return min((instant for instant in found if instant is not None), default=None)

        every = settings.schedule.every
        out.print(
            f"syncing {', '.join(names)} every {every.total_seconds():.0f} s; Ctrl-C stops", markup=False
        )
        run_forever(run_all, next_due, every, stop)


def _reread(config: Path, settings: Settings) -> Settings:
    """The configuration as it is now; a broken one is told and the last good one used."""
    present = load(config)
    if not present.problems:
        return present
    print_problems(present.problems)
    err.print("the configuration cannot be used; going on with the last good one")
    return settings
