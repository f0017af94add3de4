"""One run: the ten steps, from the check to the report. Nothing else.

``run_once`` reads, judges and writes; ``plan_only`` reads and judges. What each step does lives in
its own module.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connectors.base import Change
from connectors.errors import Misconfigured, Unavailable
from sync.approval import GONE, Plan, state_of
from sync.decide import Judge, caps_of, judge_and_post, post_approved
from sync.deliver import Courier, Desk, settle
from sync.fights import WITHIN, deeds_of, without_fights
from sync.guard import GuardStopped
from sync.lease import held
from sync.orders import Mode, Run, RunSettings
from sync.plan import closing_for_the_gone
from sync.pull import pull
from sync.report import RunReport
from sync.store.agreements import Agreements
from sync.store.cards import Cards
from sync.store.facts import Facts
from sync.store.leads import Leads
from sync.store.runs import Runs
from sync.store.visits import Visits
from sync.store.work import TRY_AGAIN_AFTER, Work
from sync.wording import sentence

__all__ = ["Mode", "Run", "RunSettings", "plan_only", "run_once"]

CHECK_STANDS = timedelta(hours=1)


def run_once(run: Run, approved: Plan | None = None) -> RunReport:
    """One whole run. Raises Misconfigured, Unauthorised, BudgetSpent, Busy, GuardStopped.

    A CRM that cannot be reached ends the run early with the trouble in the report.
    """
    started = time.monotonic()
    run = under_cards(run)
    if approved is not None and run.settings.mode == "shadow":
        raise Misconfigured(
            f"connections.{run.name}.rollout: in shadow mode nothing is written, not even an approved plan;"
            ' set mode to "fields" or "live" first'
        )
    if approved is not None and approved.policy != run.policy.name:
        raise Misconfigured(
            f"connections.{run.name}: the plan was made under another agreement, card or [rollout];"
            " make it again with `leadsla plan --out FILE`"
        )
    check(run)
    with held(run.store, run.name) as lease, checked_again_if_refused(run) as report:
        desk = Desk(run.crm, run.store, lease, Facts(run.name), Work(run.name))
        try:
            now = pull(run, desk.facts, report, lease)
            if now is not None:
                report.at = run.crm.server_now()
                settle(desk, report.at)
                with Courier(desk, report, run.progress, run.stop) as courier:
                    if approved is None:
                        judge_and_post(run, desk, report, now, courier)
                    else:
                        post_approved(run, desk, report, approved, now)
                    courier.finish()
        except Unavailable as error:
            if str(error) not in report.troubles:
                report.troubles.append(str(error))
        finally:
            finish(run, desk, report, started)
    return report


def plan_only(run: Run) -> tuple[RunReport, Plan, tuple[str, ...]]:
    """Read and judge; say what a run would write, or in shadow mode what it would if it were live.

    Neither CRM nor outbox is touched. Returns the report, the plan, and one sentence per change.
    """
    started = time.monotonic()
    run = under_cards(run)
    check(run, anew=True)
    facts, work = Facts(run.name), Work(run.name)
    with held(run.store, run.name) as lease:
        report = _opened(run)
        now = pull(run, facts, report, lease) or report.at
        report.at = now
        changes: list[Change] = []
        states: dict[str, str] = {}
        with run.store.begin() as db:
            work.use_policy(db, run.policy)
            judge = Judge(run, Agreements(run.name).with_past(db, run.book, now))
            caps = caps_of(run, work, db, now)
            nothing_written_yet = run.settings.mode == "shadow"
            open_leads = {*work.working_set(db, now), *work.unfinished(db, now - TRY_AGAIN_AFTER)}
            ids = work.everyone(db) if nothing_written_yet else sorted(open_leads)
            were_ready = work.were_ready(db, ids)
            lately = deeds_of(work.written_since(db, now - WITHIN, ids))
            for known in facts.known(db, ids):
                facts.keep_learned(db, [known])
                verdict = judge.judge(known, now)
                report.note_verdict(verdict, was_ready=judge.was_ready(known, were_ready))
                planned, fought = without_fights(judge.plan(verdict, known), lately)
                report.note_fights(verdict.lead_id, fought)
                decided = tuple(change for change in planned if caps.allow(change))
                if len(decided) < len(planned):
                    report.held_back.append(verdict.lead_id)
                changes += decided
                if decided:
                    states[known.seen.lead.id] = state_of(known)
            report.quarantined = len(facts.quarantine.rows(db))
            if run.settings.permissions.tasks:
                left = closing_for_the_gone(facts.removals.open_tasks(db))
                changes += left
                states |= {change.lead_id: GONE for change in left}
    for change in changes:
        report.note_planned(change)
    report.seconds, report.calls = round(time.monotonic() - started, 1), run.crm.calls().total
    return (
        report,
        Plan(run.name, run.policy.name, tuple(changes), states),
        tuple(sentence(change) for change in changes),
    )


def _opened(run: Run) -> RunReport:
    """A report that says from the start what is wrong with the card in force.

    Its instant is this machine's until the CRM's clock is heard: asking for that alone would be a call.
    """
    with run.store.begin() as db:
        unreadable = Cards(run.name).unreadable(db)
    return RunReport(run.name, run.settings.mode, datetime.now(UTC), unreadable_card=unreadable)


def under_cards(run: Run) -> Run:
    """The run by the cards that both sides of its connection approved."""
    with run.store.begin() as db:
        book = Agreements(run.name).with_cards(db, run.book)
    return replace(run, book=book)


def check(run: Run, *, anew: bool = False) -> None:
    """Step 1. Every problem of mapping and rights at once; nothing touched.

    In shadow mode what only writing needs (our own fields, say) is no obstacle. What was found good stands
    for an hour under the same mapping and credentials, until the CRM refuses something; not if ``anew``.
    """
    run.progress.step("check", 0, None)
    reads_only = run.settings.mode == "shadow"
    visits, now, under = Visits(run.name), datetime.now(UTC), run.settings.checked_under
    with run.store.begin() as db:
        if under and not anew and visits.is_fresh(db, "check", now, CHECK_STANDS, under):
            return
    reads_only = run.settings.mode == "shadow"
    found = [problem for problem in run.crm.check() if not problem.is_warning]
    serious = [one for one in found if not (reads_only and one.is_about_writing)]
    with run.store.begin() as db:
        if any(one.is_about_writing for one in found):
            visits.note(db, "gap", now)  # what is made to close it will be empty
        elif visits.last(db, "gap"):
            visits.forget(db, "gap")
            Leads(run.name).forget_shown(db)
        if not serious:
            visits.note(db, "check", now, under)
    if serious:
        told = (f"connections.{run.name}.{p.where}: {p.what} - {p.remedy}" for p in serious)
        raise Misconfigured(*told)


@contextmanager
def checked_again_if_refused(run: Run) -> Iterator[RunReport]:
    """A run's report. If the CRM refuses something in it, the next run looks at schema and owners first."""
    report = _opened(run)
    is_refused = True
    try:
        yield report
        ours = len(report.held_back) + len(report.overtaken)
        is_refused = bool(report.rejected) or report.deferred > ours  # put off, say for a field that is gone
    except (Unavailable, GuardStopped):
        is_refused = False
        raise
    finally:
        if is_refused:
            with run.store.begin() as db:
                for what in ("check", "owners"):
                    Visits(run.name).forget(db, what)


def finish(run: Run, desk: Desk, report: RunReport, started: float) -> None:
    """Step 10's end: the numbers, kept with the run."""
    report.seconds, report.calls = round(time.monotonic() - started, 1), run.crm.calls().total
    with run.store.begin() as db:
        report.refused = len(desk.work.refused(db))
        report.quarantined = len(desk.facts.quarantine.rows(db))
        Runs(run.name).keep(db, report.at, report.as_json())
