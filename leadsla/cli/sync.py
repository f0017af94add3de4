"""``leadsla plan`` and ``leadsla sync``: what would be written, and writing it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from leadsla.cli.app import DEFAULT_CONFIG, AsOfOption, ConfigOption, ConnectionOption, JsonOption, app
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.loading import chosen, usable
from leadsla.cli.output import out, print_json, progress
from leadsla.cli.planfile import plans_in, refuse_unwritable, write_plans
from leadsla.cli.runs import TROUBLES, ended, kinds_told, show_report, stopping, tell, with_errors
from leadsla.secret_names import is_loopback
from leadsla.wiring import identity_of, opened_crm, opened_store, run_settings
from sync.approval import Plan
from sync.report import RunReport
from sync.run import Run, plan_only, run_once

OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write the plan to a file for `sync --approve`.")
]


@app.command()
def plan(
    config: ConfigOption = DEFAULT_CONFIG,
    connection: ConnectionOption = None,
    to: OutOption = None,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say in sentences what a sync would write and why. Writes nothing to the CRM."""
    settings, book = usable(config)
    if to is not None:
        refuse_unwritable(to)
    plans: list[Plan] = []
    told: dict[str, dict[str, object]] = {}
    failed: dict[str, Exception] = {}
    with opened_store(settings) as store:
        for name, one in chosen(settings, connection).items():
            try:
                with opened_crm(name, one) as crm, progress(name) as shown:
                    run = Run(crm, store, book, run_settings(settings, one), shown, as_of)
                    report, decided, sentences = plan_only(run)
            except TROUBLES as error:
                failed[name] = error
                tell(error)
                continue
            plans.append(decided)
            told[name] = _plain(report, sentences)
            if not as_json:
                _show_plan(report, sentences)
    if to is not None and plans:
        write_plans(to, plans)
    if as_json:
        print_json(with_errors(told, failed))
    elif to is not None and plans:
        out.print(f"wrote {to}; `leadsla sync --approve {to}` writes exactly this", markup=False)
    ended(failed)


def _plain(report: RunReport, sentences: tuple[str, ...]) -> dict[str, object]:
    across = {"ready_now": report.ready_now, "ready_no_more": report.ready_no_more}
    return {"changes": list(sentences), **across}


def _show_plan(report: RunReport, sentences: tuple[str, ...]) -> None:
    name = report.connection
    for sentence in sentences:
        out.print(f"{name}: would {sentence}", markup=False)
    amount = f"{len(sentences)} change{'' if len(sentences) == 1 else 's'}" if sentences else "nothing"
    kinds = f": {kinds_told(report.changes)}" if sentences else ""
    out.print(f"{name}: a sync would write {amount}{kinds}", markup=False)
    for remark in report.remarks():
        out.print(f"{name}: {remark}", markup=False)


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
    if approve:
        refuse_strangers(approved, settings.connections, chosen(settings, connection))
    reports: list[RunReport] = []
    failed: dict[str, Exception] = {}
    with opened_store(settings) as store, stopping() as stop:
        for name, one in chosen(settings, connection).items():
            refuse_time_travel(as_of, one.base_url)
            if stop.is_set() or (approve and name not in approved):
                continue
            try:
                with opened_crm(name, one, stop) as crm, progress(name) as shown:
                    limits = run_settings(settings, one, identity_of(name, one))
                    run = Run(crm, store, book, limits, shown, as_of, allow_mass_change, stop)
                    reports.append(run_once(run, approved.get(name)))
            except TROUBLES as error:
                failed[name] = error
                tell(error)
    if as_json:
        print_json(with_errors({report.connection: report.as_json() for report in reports}, failed))
    else:
        for report in reports:
            show_report(report)
    ended(failed, is_partial=any(report.is_partial for report in reports))


def refuse_strangers(approved: Iterable[str], connections: Iterable[str], asked: Iterable[str]) -> None:
    """A plan for a connection that is not there, or not asked for, would be passed over in silence."""
    again = "make it again with `leadsla plan --out FILE`"
    strangers = sorted(set(approved) - set(connections))
    if strangers:
        names = ", ".join(strangers)
        raise ConfigurationProblem(
            f"the plan is for {names}, which this configuration does not have; {again}"
        )
    if set(asked).isdisjoint(approved):
        raise ConfigurationProblem(f"the plan has nothing for {', '.join(asked)}; {again}")


def refuse_time_travel(as_of: datetime | None, base_url: str) -> None:
    """``--as-of`` may write to a practice CRM only."""
    if as_of is not None and not is_loopback(base_url):
        raise ConfigurationProblem("--as-of writes to practice CRMs on this machine only; use `leadsla plan`")
