"""``leadsla plan`` and ``leadsla sync``: what would be written, and writing it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from connectors.errors import BudgetSpent, CrmError, Misconfigured
from leadsla.cli.app import DEFAULT_CONFIG, AsOfOption, ConfigOption, ConnectionOption, JsonOption, app
from leadsla.cli.exits import ConfigurationProblem, Exit
from leadsla.cli.loading import chosen, usable
from leadsla.cli.output import err, out, print_json, progress
from leadsla.secret_names import is_loopback
from leadsla.wiring import opened_crm, opened_store, run_settings
from sync.approval import Plan, from_json, to_json
from sync.report import RunReport
from sync.run import Run, plan_only, run_once


@app.command()
def plan(
    config: ConfigOption = DEFAULT_CONFIG,
    connection: ConnectionOption = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Write the plan to a file for `sync --approve`.")
    ] = None,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say in sentences what a sync would write and why. Writes nothing to the CRM."""
    settings, book = usable(config)
    plans: list[Plan] = []
    told: dict[str, list[str]] = {}
    with opened_store(settings) as store:
        for name, one in chosen(settings, connection).items():
            with opened_crm(name, one) as crm, progress(name) as shown:
                run = Run(crm, store, book, run_settings(settings, one), shown, as_of)
                _, decided, reasons = plan_only(run)
            plans.append(decided)
            told[name] = list(reasons)
    if to is not None:
        to.write_text(to_json(plans), encoding="utf-8")
        to.chmod(0o600)
    if as_json:
        print_json(told)
        return
    for name, sentences in told.items():
        for sentence in sentences:
            out.print(f"{name}: would {sentence}", markup=False)
        amount = f"{len(sentences)} changes" if sentences else "nothing"
        out.print(f"{name}: a sync would write {amount}", markup=False)
    if to is not None:
        out.print(f"wrote {to}; `leadsla sync --approve {to}` writes exactly this", markup=False)


@app.command()
def sync(  # noqa: PLR0913 - one parameter per option
    config: ConfigOption = DEFAULT_CONFIG,
    connection: ConnectionOption = None,
    approve: Annotated[Path | None, typer.Option(help="Write exactly this plan (from `plan --out`).")] = None,
    allow_mass_change: Annotated[
        bool,
        typer.Option("--allow-mass-change", help="Let one run through that changes unusually many leads."),
    ] = False,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run once: read, judge, write, report. Safe to stop and to repeat."""
    settings, book = usable(config)
    approved = {one.connection: one for one in plans_in(approve)} if approve else {}
    reports: list[RunReport] = []
    troubles: list[CrmError] = []
    with opened_store(settings) as store, stopping() as stop:
        for name, one in chosen(settings, connection).items():
            refuse_time_travel(as_of, one.base_url)
            if stop.is_set() or (approve and name not in approved):
                continue
            try:
                with opened_crm(name, one) as crm, progress(name) as shown:
                    limits = run_settings(settings, one)
                    run = Run(crm, store, book, limits, shown, as_of, allow_mass_change, stop)
                    reports.append(run_once(run, approved.get(name)))
            except CrmError as error:
                troubles.append(error)
                if len(settings.connections) == 1 or connection:
                    raise
                err.print(f"{error}", markup=False)
    _show(reports, as_json=as_json)
    if troubles:
        raise worst(troubles)
    if any(report.is_partial for report in reports):
        raise typer.Exit(Exit.PARTIAL)


def worst(troubles: list[CrmError]) -> CrmError:
    """The trouble that decides the exit code: what a person must act on before what passes by itself."""
    return min(troubles, key=lambda error: isinstance(error, BudgetSpent))


def refuse_time_travel(as_of: datetime | None, base_url: str) -> None:
    """``--as-of`` may write to a practice CRM only."""
    if as_of is not None and not is_loopback(base_url):
        raise ConfigurationProblem("--as-of writes to practice CRMs on this machine only; use `leadsla plan`")


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Set by Ctrl-C or SIGTERM: the batch in hand is finished, nothing new begun. Twice stops at once."""
    stop = threading.Event()

    def ask(_number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        err.print("stopping after the batch in hand ...")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def plans_in(path: Path) -> list[Plan]:
    """The plans in a file. Raises ConfigurationProblem naming the file."""
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationProblem(f"cannot read {path}: {error.strerror}") from None
    except (Misconfigured, UnicodeDecodeError):
        raise ConfigurationProblem(
            f"{path} is no plan file, or a broken one; make one with `leadsla plan --out FILE`"
        ) from None


def _show(reports: list[RunReport], *, as_json: bool) -> None:
    if as_json:
        print_json({report.connection: report.as_json() for report in reports})
        return
    for report in reports:
        show_report(report)


def show_report(report: RunReport) -> None:
    """One run in a few lines; what was left undone by name."""
    if report.mode == "shadow":
        out.print(f"{report.connection}: shadow mode, nothing is written; see `leadsla plan`", markup=False)
    out.print(
        f"{report.connection}: read {report.read} records, judged {report.evaluated} leads, "
        f"planned {report.planned} changes: {report.written} written, {report.unchanged} unchanged, "
        f"{report.rejected} rejected, {report.deferred} deferred; {report.quarantined} in quarantine "
        f"({report.calls} calls, {report.seconds:.1f} s)",
        markup=False,
    )
    if report.exempt:
        out.print(
            f"{report.connection}: {report.exempt} leads were handed over before effective_from", markup=False
        )
    if report.uncovered:
        out.print(
            f"{report.connection}: no target covers {report.uncovered} leads in a phase with targets",
            markup=False,
        )
    if report.left_alone:
        out.print(
            f"{report.connection}: {report.left_alone} leads that need an answer belong to somebody"
            " who has left; name a deputy or manager under [agreement.people]",
            markup=False,
        )
    for trouble in report.troubles:
        err.print(f"{report.connection}: {trouble}", markup=False)
    if report.rejected or report.quarantined:
        err.print(f"{report.connection}: `leadsla outbox` lists what was refused, and why", markup=False)
