"""``leadsla learn``: what sales answered teaches the score; from the CRMs, or from an export of leads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connectors.base import Problem
from leadsla.cli import learn_cards
from leadsla.cli.app import DEFAULT_CONFIG, AsOfOption, ConfigOption, ConnectionOption, JsonOption, app
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.loading import refuse
from leadsla.cli.output import out, print_json, progress

if TYPE_CHECKING:  # numpy and scikit-learn are slow to import: only when something is learned
    from leadsla.exports.learning import Request

_EXPORT = "From an export of past leads"
_APPROVAL = "A proposed card"
_DEFAULT_HOLDOUT = 0.25


def _option(*names: str, about: str, panel: str | None = _EXPORT, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=about, rich_help_panel=panel, metavar=metavar, show_default=False)


@app.command()
def learn(  # noqa: PLR0913 - one argument an option
    config: ConfigOption = DEFAULT_CONFIG,
    connection: ConnectionOption = None,
    leads: Annotated[
        Path | None, _option("--leads", about="CSV of past leads, from any CRM.", metavar="FILE")
    ] = None,
    outcome: Annotated[
        str, _option("--outcome", about="The column that says how a lead ended.", metavar="COLUMN[=VALUE]")
    ] = "",
    activities: Annotated[
        Path | None, _option("--activities", about="CSV of what was done, and when.", metavar="FILE")
    ] = None,
    created: Annotated[
        str, _option("--created", about="When a lead came in, or a running number.", metavar="COLUMN")
    ] = "",
    outcome_date: Annotated[
        str, _option("--outcome-date", about="When a lead was won or lost.", metavar="COLUMN")
    ] = "",
    lead_id: Annotated[
        str, _option("--lead-id", about="The lead's id, in either file.", metavar="COLUMN")
    ] = "",
    kind: Annotated[str, _option("--kind", about="What was done (activities).", metavar="COLUMN")] = "",
    time: Annotated[str, _option("--time", about="When (activities).", metavar="COLUMN")] = "",
    content: Annotated[
        str, _option("--content", about="Page, form, campaign or subject (activities).", metavar="COLUMN")
    ] = "",
    exclude: Annotated[
        list[str] | None, _option("--exclude", about="Leave this column out; repeatable.", metavar="COLUMN")
    ] = None,
    keep: Annotated[
        list[str] | None,
        _option("--keep", about="Use this column although its name says it is set later.", metavar="COLUMN"),
    ] = None,
    still_open: Annotated[
        list[str] | None,
        _option("--open", about="This outcome means nobody has answered yet; repeatable.", metavar="VALUE"),
    ] = None,
    holdout: Annotated[
        float, _option("--holdout", about="The newest share, only measured on (0.25).", metavar="SHARE")
    ] = _DEFAULT_HOLDOUT,
    landmark: Annotated[
        int | None,
        _option("--landmark", about="Look at leads so many days after they came in.", metavar="DAYS"),
    ] = None,
    horizon: Annotated[
        int | None, _option("--horizon", about="Won within so many days after that.", metavar="DAYS")
    ] = None,
    as_of: AsOfOption = None,
    svg: Annotated[Path | None, _option("--svg", about="Write a chart of the lifts.", metavar="FILE")] = None,
    csv: Annotated[Path | None, _option("--csv", about="Write the lift table.", metavar="FILE")] = None,
    approve: Annotated[
        str,
        _option("--approve", about="Put this proposed card into force.", panel=_APPROVAL, metavar="VERSION"),
    ] = "",
    by: Annotated[
        list[str] | None,
        _option("--by", about="Who approves; twice, both sides sign.", panel=_APPROVAL, metavar="NAME"),
    ] = None,
    rollback: Annotated[
        bool, _option("--rollback", about="Back to the card before this one.", panel=_APPROVAL)
    ] = False,
    cards: Annotated[bool, _option("--cards", about="List what was proposed.", panel=_APPROVAL)] = False,
    note: Annotated[
        bool, _option("--note", about="Put the five clearest lines into the CRM as a note.", panel=None)
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Learn from what sales answered which leads are good: propose a card, or read one from an export."""
    files = _Files(svg, csv)
    asked = [
        name
        for name, given in (
            ("--leads", leads),
            ("--approve", approve),
            ("--rollback", rollback),
            ("--cards", cards),
        )
        if given
    ]
    if len(asked) > 1:
        raise ConfigurationProblem(f"{' and '.join(asked)} do not go together; use one of them")
    if note and asked:
        raise ConfigurationProblem(f"--note and {asked[0]} do not go together")
    if by and not approve:
        raise ConfigurationProblem("--by belongs to --approve VERSION")
    if leads is None:
        if outcome or activities:
            raise ConfigurationProblem("name the export of past leads: --leads FILE")
        _from_connections(
            config,
            connection,
            _Decision(approve, tuple(by or ()), rollback, cards, note, as_of),
            files,
            as_json=as_json,
        )
        return
    typed = _Typed(leads, outcome, activities, holdout, landmark, horizon, as_of)
    refuse([*_typing_problems(typed), *files.problems(leads, activities)])
    from leadsla.exports.activities import ActivityWishes  # noqa: PLC0415 - brings numpy
    from leadsla.exports.leads import Wishes  # noqa: PLC0415 - brings numpy

    wishes = Wishes(
        outcome,
        created,
        outcome_date,
        lead_id,
        tuple(exclude or ()),
        tuple(keep or ()),
        tuple(still_open or ()),
    )
    request = _request(typed, wishes, ActivityWishes(lead_id, kind, time, content))
    _from_export(request, files, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Typed:
    """What was typed about an export, not yet checked."""

    leads: Path
    outcome: str
    activities: Path | None
    holdout: float
    landmark: int | None
    horizon: int | None
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class _Decision:
    """What two people decided about a proposed card."""

    approve: str
    by: tuple[str, ...]
    rollback: bool
    cards: bool
    note: bool
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class _Files:
    """Where the chart and the table go."""

    svg: Path | None
    csv: Path | None

    def problems(self, leads: Path | None = None, activities: Path | None = None) -> list[Problem]:
        """Why they cannot be written, or must not be: over what is read, or over each other."""
        from leadsla.cli.learned_files import overwritten, unwritable  # noqa: PLC0415 - brings numpy

        given = [
            (option, path) for option, path in (("--svg", self.svg), ("--csv", self.csv)) if path is not None
        ]
        read = [(option, path) for option, path in (("--leads", leads), ("--activities", activities)) if path]
        problems = [one for option, path in given for one in unwritable(path, option)]
        return [*problems, *overwritten(read, given)]

    def write(self, report: Any) -> list[Path]:
        """Both files; what was written."""
        from leadsla.cli.learned_files import csv_table, svg_chart, write  # noqa: PLC0415 - brings numpy

        texts = [(self.svg, svg_chart), (self.csv, csv_table)]
        made = [(path, text(report)) for path, text in texts if path is not None]
        for path, text in made:
            write(path, text)
        return [path for path, _ in made]


def _typing_problems(typed: _Typed) -> list[Problem]:
    problems = []
    if not typed.outcome:
        what = "is missing: nobody knows which leads were won"
        problems.append(Problem("--outcome", what, "write --outcome COLUMN, or --outcome COLUMN=VALUE"))
    if not 0.05 <= typed.holdout <= 0.5:
        problems.append(Problem("--holdout", f"{typed.holdout:g} is no share to measure on", "0.05 to 0.5"))
    for option, days in (("--landmark", typed.landmark), ("--horizon", typed.horizon)):
        if days is not None and not 0 <= days <= 3650:
            problems.append(Problem(option, f"{days} days cannot be meant", "0 to 3650"))
    if typed.as_of is not None and typed.as_of > datetime.now(UTC):
        problems.append(
            Problem("--as-of", f"{typed.as_of:%Y-%m-%d} lies in the future", "name a day that is over")
        )
    paths = [path for path in (typed.leads, typed.activities) if path is not None]
    for path in paths:
        if not path.is_file():
            why = "is a folder" if path.is_dir() else "no such file or directory"
            problems.append(Problem(str(path), f"cannot be read: {why}"))
    return problems


def _request(typed: _Typed, wishes: Any, activity_wishes: Any) -> Request:
    from leadsla.exports.counting import Times  # noqa: PLC0415 - brings numpy
    from leadsla.exports.learning import Request  # noqa: PLC0415 - brings numpy

    lengths = [None if days is None else timedelta(days=days) for days in (typed.landmark, typed.horizon)]
    times = Times(lengths[0], lengths[1], typed.as_of)
    return Request(typed.leads, wishes, typed.activities, activity_wishes, times, typed.holdout)


def _from_export(request: Request, files: _Files, *, as_json: bool) -> None:
    from leadsla.cli.learned import show  # noqa: PLC0415 - brings numpy
    from leadsla.cli.learned_json import as_json as plain  # noqa: PLC0415 - brings numpy
    from leadsla.exports.learning import learn as learned_from  # noqa: PLC0415 - brings numpy
    from leadsla.exports.reading import BadExport  # noqa: PLC0415 - with the rest

    try:
        with progress("learn") as bars:
            learned = learned_from(request, bars.step)
    except BadExport as bad:
        refuse(list(bad.problems))
        raise
    written = files.write(learned.lifts)
    if as_json:
        print_json({**plain(learned), "written": [str(path) for path in written]})
        return
    show(learned)
    for path in written:
        out.print(f"Written: {path}", markup=False)


def _from_connections(
    config: Path, connection: str | None, decision: _Decision, files: _Files, *, as_json: bool
) -> None:
    """Proposals out of what was synced, and what people decide about them."""
    if decision.approve:
        learn_cards.approve(config, connection, decision.approve, decision.by, as_json=as_json)
        return
    if decision.rollback:
        learn_cards.rollback(config, connection, as_json=as_json)
        return
    if decision.cards:
        learn_cards.list_cards(config, connection, as_json=as_json)
        return
    refuse(files.problems())
    from leadsla.cli.learn_store import propose  # noqa: PLC0415 - brings numpy

    propose(config, connection, decision.as_of, files.write, note=decision.note, as_json=as_json)
