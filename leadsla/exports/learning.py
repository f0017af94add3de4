"""From files to what was learned: the one way through reading, counting, auditing, learning and measuring.

Not here: the words and figures a person is shown (``leadsla.cli.learned``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from connectors.base import Problem
from leadsla.exports import naming
from leadsla.exports.activities import ActivityWishes, Done, read_activities
from leadsla.exports.assembling import Assembled, assembled
from leadsla.exports.counting import LANDMARK, Counting, Times, counted
from leadsla.exports.leads import Leads, Wishes, read_leads, stop_at, without_future
from leadsla.exports.reading import BadExport, Report
from sla_engine.card import Scorecard
from sla_engine.learning.audit import Blocked, audit, without_blocked
from sla_engine.learning.lift import LiftReport, lifts
from sla_engine.learning.proposal import HOLDOUT, Proposal, propose
from sla_engine.learning.sample import Sample


@dataclass(frozen=True, slots=True)
class Request:
    """What to learn from, and what a person said. ``holdout``: the newest share, only measured on."""

    leads: Path
    wishes: Wishes
    activities: Path | None = None
    activity_wishes: ActivityWishes = field(default_factory=ActivityWishes)
    times: Times = field(default_factory=Times)
    holdout: float = HOLDOUT


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """Everything there is to show."""

    request: Request
    leads: Leads
    done: Done | None
    counting: Counting
    assembled: Assembled
    blocked: tuple[Blocked, ...]
    lifts: LiftReport
    proposal: Proposal

    @property
    def card(self) -> Scorecard:
        """The card, with the date it was learned at if any column says."""
        return self.proposal.card


def learn(request: Request, report: Report | None = None, problems: list[Problem] | None = None) -> Learned:
    """Raises BadExport with everything that is wrong with the files, or with what was asked."""
    problems = [] if problems is None else problems
    leads, done, request = _read(request, report, problems)
    counting = counted(leads, request.times, problems)
    found = assembled(leads, counting, done, excluded=request.wishes.exclude, kept=request.wishes.keep)
    if report is not None:
        report("looking for leaks", 0, None)
    blocked = audit(found.sample)
    sample = _without_content_of(blocked, without_blocked(found.sample, blocked))
    if report is not None:
        report("learning", 0, None)
    proposal = _proposal(sample, counting.as_of, request, problems)
    if report is not None:
        report("comparing activities and content", 0, None)
    return Learned(request, leads, done, counting, found, blocked, lifts(sample), proposal)


def _read(
    request: Request, report: Report | None, problems: list[Problem]
) -> tuple[Leads, Done | None, Request]:
    """Both files; what is wrong with the path of the second is told together with the first."""
    if request.activities is not None and not request.activities.is_file():
        problems.append(_unreadable(request.activities))
    leads = read_leads(request.leads, request.wishes, problems, report)
    leads = without_future(leads, request.times.latest)
    wanted = request.wishes.lead_id
    if wanted and request.activities is None:
        naming.named(leads.export.names, wanted, leads.export.path.name, problems)
        stop_at(problems)
    if request.activities is None:
        return leads, None, request
    if leads.began is None:
        what = "has no column of dates that says when a lead came in: activities cannot be put in time"
        problems.append(Problem(leads.export.path.name, what, "name it with --created"))
        stop_at(problems)
    window = request.times.landmark or LANDMARK
    request = replace(request, times=replace(request.times, landmark=window))
    assert request.activities is not None  # noqa: S101 - asked above
    done = read_activities(request.activities, leads, window, request.activity_wishes, problems, report)
    return leads, done, request


def _unreadable(path: Path) -> Problem:
    why = "is a folder" if path.is_dir() else "no such file or directory"
    return Problem(path.name, f"cannot be read: {why}")


def _without_content_of(blocked: tuple[Blocked, ...], sample: Sample) -> Sample:
    """A field that knows the outcome beforehand shows nothing as content either."""
    fields = tuple(f"{one.field}: " for one in blocked)
    kept = tuple(one for one in sample.presences if not one.name.startswith(fields) or not fields)
    return replace(sample, presences=kept)


def _proposal(sample: Sample, as_of: datetime | None, request: Request, problems: list[Problem]) -> Proposal:
    """The card of all leads; its figures are those of one learned from the older leads only."""
    try:
        return propose(sample, None, as_of, holdout=request.holdout)
    except ValueError as error:
        what = f"{request.holdout:g} cannot be held out: {error}"
        problems.append(Problem("--holdout", what, "another share, 0.05 to 0.5, or an export of more leads"))
        raise BadExport(problems) from None


def days(length: timedelta | None) -> float | None:
    """A length in days."""
    return None if length is None else length / timedelta(days=1)
