"""``leadsla provision``: our fields in the CRM, made and taken away again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from connectors.base import Crm, ProvisionStep
from leadsla.cli.app import DEFAULT_CONFIG, ConfigOption, ConnectionOption, JsonOption, app
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.loading import chosen, usable
from leadsla.cli.output import out, print_json
from leadsla.cli.runs import TROUBLES, ended, tell, with_errors
from leadsla.settings import ConnectionSettings
from leadsla.wiring import fields_made_anew, opened_crm, salesforce_source

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what is missing, or what would go; change nothing.")
]
RemoveOption = Annotated[
    bool, typer.Option("--remove", help="Take our fields away again, with every value in them.")
]
SourceOption = Annotated[
    Path | None,
    typer.Option(
        "--write-source",
        metavar="DIR",
        help="Salesforce: write fields, permission sets and list views as a folder to deploy; call nothing.",
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Remove without asking.")]


@app.command()
def provision(  # noqa: PLR0913 - one parameter per option
    config: ConfigOption = DEFAULT_CONFIG,
    connection: ConnectionOption = None,
    dry_run: DryRunOption = False,
    remove: RemoveOption = False,
    yes: YesOption = False,
    write_source: SourceOption = None,
    as_json: JsonOption = False,
) -> None:
    r"""Create leadsla's own fields in the CRM. What exists is left alone, so it can be run again.

    With \[connections.NAME.provision_auth] it acts by those credentials, so that the ones `sync` runs with
    need no right to change the CRM's schema. `--remove` takes away what is ours, and nothing else.
    """
    if write_source is not None:
        _write_source(write_source, as_json=as_json)
        return
    settings, _ = usable(config)
    may_ask = sys.stdin.isatty() and not as_json
    if remove and not (dry_run or yes or may_ask):
        raise ConfigurationProblem(
            "removing our fields loses every value in them; see `leadsla provision --remove --dry-run`,"
            " then say --yes"
        )
    done: dict[str, list[ProvisionStep]] = {}
    failed: dict[str, Exception] = {}
    for name, one in chosen(settings, connection).items():
        try:
            with opened_crm(name, one, to_provision=True) as crm:
                if remove:
                    done[name] = _removed(crm, one, dry_run=dry_run, asks=not (yes or dry_run))
                else:
                    done[name] = crm.provision(dry_run=dry_run)
        except TROUBLES as error:
            failed[name] = error
            tell(error)
            continue
        if any(step.created or step.removed for step in done[name]):
            fields_made_anew(settings, name)
        if not as_json:
            _show(name, done[name], dry_run=dry_run, remove=remove)
    if as_json:
        steps = {name: [asdict(step) for step in steps] for name, steps in done.items()}
        print_json(with_errors(steps, failed))
    undone = [step for steps in done.values() for step in steps if _is_undone(step, remove=remove)]
    ended(failed, is_partial=bool(undone) and not dry_run)


def _write_source(folder: Path, *, as_json: bool) -> None:
    try:
        written = salesforce_source(folder)
    except OSError as error:
        raise ConfigurationProblem(f"{folder}: cannot be written ({error.strerror})") from None
    if as_json:
        print_json([str(path) for path in written])
    else:
        out.print(
            f"{len(written)} files in {folder}: `sf project deploy start` there deploys them", markup=False
        )


def _removed(crm: Crm, settings: ConnectionSettings, *, dry_run: bool, asks: bool) -> list[ProvisionStep]:
    """What went, or would go. Nothing goes without a yes."""
    if dry_run or not asks:
        return crm.unprovision(dry_run=dry_run)
    planned = crm.unprovision(dry_run=True)
    if not any(step.exists for step in planned):
        return planned
    _show(crm.name, planned, dry_run=True, remove=True)
    if settings.rollout.mode != "shadow":
        mode = f'mode is "{settings.rollout.mode}"'
        out.print(f'{crm.name}: {mode}: the next sync would be refused; set "shadow" first', markup=False)
    typer.confirm(f"{crm.name}: remove these with every value in them?", abort=True)
    return crm.unprovision(dry_run=False)


def _is_undone(step: ProvisionStep, *, remove: bool) -> bool:
    if remove:
        return step.exists and not step.removed
    return not (step.exists or step.created)


def _show(name: str, steps: Sequence[ProvisionStep], *, dry_run: bool, remove: bool) -> None:
    for step in steps:
        what = _told(step, dry_run=dry_run, remove=remove)
        if what:
            remark = f": {step.remark}" if step.remark else ""
            out.print(f"{name}: {what} {step.what}{remark}", markup=False)
    there = sum(step.exists for step in steps)
    if remove:
        gone = there if dry_run else sum(step.removed for step in steps)
        out.print(f"{name}: {gone} {'would be removed' if dry_run else 'removed'}", markup=False)
        return
    missing = [step for step in steps if not (step.exists or step.blocked)]
    made = len(missing) if dry_run else sum(step.created for step in steps)
    verb = "would be created" if dry_run else "created"
    out.print(f"{name}: {there} there already, {made} {verb}", markup=False)


def _told(step: ProvisionStep, *, dry_run: bool, remove: bool) -> str:
    """What became of a step; empty when there is nothing to tell."""
    if step.blocked:
        return "left alone"
    if remove and step.exists:
        return "would remove" if dry_run else "removed" if step.removed else "could not remove"
    if remove or step.exists:
        return "there already:" if step.remark and not remove else ""
    return "would create" if dry_run else "created" if step.created else "could not create"
