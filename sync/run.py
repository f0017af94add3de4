"""One run: the ten steps, from the check to the report. Nothing else.

``run_once`` reads, judges and writes; ``plan_only`` reads and judges. What each step does lives in
its own module.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from connectors.base import Change, CreateTask, Crm, Receipt, ReceiptStatus
from connectors.errors import Misconfigured, Unavailable
from sla_engine.agreement import Agreement
from sla_engine.evaluate import evaluate
from sla_engine.model import LifecycleStage
from sla_engine.verdict import Verdict
from sync.approval import Plan, state_of
from sync.deliver import Desk, deliver, settle
from sync.guard import Brakes
from sync.lease import Lease, held
from sync.plan import Permissions, plan
from sync.progress import Progress, Silent
from sync.report import RunReport
from sync.store import Store
from sync.store.facts import Facts, KnownLead
from sync.store.work import Work, fingerprint

BATCH = 2000
Mode = Literal["shadow", "fields", "live"]


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How far this connection's runs may go. CRM changes younger than ``settle_seconds`` wait a run."""

    mode: Mode = "shadow"
    effective_from: datetime | None = None
    max_new_tasks_per_owner_per_day: int = 20
    max_new_tasks_per_run: int = 200
    stages_writable: frozenset[LifecycleStage] = frozenset()
    owner_writable: bool = False
    brakes: Brakes = field(default_factory=Brakes)
    settle_seconds: float = 2.0

    @property
    def permissions(self) -> Permissions:
        return Permissions(self.mode != "shadow", self.mode == "live", self.stages_writable)


@dataclass(frozen=True, slots=True)
class Run:
    """Everything one run needs. ``as_of`` replaces the CRM's now; ``stop`` asks to end early."""

    crm: Crm
    store: Store
    agreement: Agreement
    settings: RunSettings
    progress: Progress = field(default_factory=Silent)
    as_of: datetime | None = None
    allow_mass_change: bool = False
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        return self.crm.name

    @property
    def policy(self) -> str:
        """Names agreement and rollout together: under another one every lead is judged anew."""
        stages = ",".join(sorted(self.settings.stages_writable))
        return f"{self.agreement.version}|{self.settings.mode}|{self.settings.effective_from}|{stages}"


def run_once(run: Run, approved: Plan | None = None) -> RunReport:
    """One whole run. Raises Misconfigured, Unauthorised, BudgetSpent, Busy, GuardStopped.

    A CRM that cannot be reached ends the run early with the trouble in the report.
    """
    started = time.monotonic()
    check(run)
    with held(run.store, run.name) as lease:
        desk = Desk(run.crm, run.store, lease, Facts(run.name), Work(run.name))
        report = RunReport(run.name, run.settings.mode, run.crm.server_now())
        try:
            settle(desk)
            now = pull(run, desk.facts, report, lease)
            if approved is None:
                judge_and_post(run, desk, report, now)
            else:
                post_approved(run, desk, report, approved, now)
            deliver(desk, report, run.progress, run.stop)
        except Unavailable as error:
            if str(error) not in report.troubles:
                report.troubles.append(str(error))
        finally:
            finish(run, desk, report, started)
    return report


def plan_only(run: Run) -> tuple[RunReport, Plan, tuple[str, ...]]:
    """Read and judge; say what a live run would write. Neither CRM nor outbox is touched.

    Returns the report, the plan, and one sentence per change.
    """
    started = time.monotonic()
    check(run)
    facts, work = Facts(run.name), Work(run.name)
    with held(run.store, run.name) as lease:
        report = RunReport(run.name, run.settings.mode, run.crm.server_now())
        now = pull(run, facts, report, lease)
        allowed = replace(run.settings.permissions, fields=True, tasks=run.settings.mode != "fields")
        changes: list[Change] = []
        states: dict[str, str] = {}
        with run.store.begin() as db:
            work.use_agreement(db, run.agreement, run.policy, now)
            in_shadow = run.settings.mode == "shadow"  # nothing was written yet, so everything still differs
            for known in facts.known(db, work.working_set(db, now, everything=in_shadow)):
                verdict = judge(run, known, now)
                decided = plan(run.name, verdict, known, allowed)
                report.evaluated += 1
                changes += decided
                if decided:
                    states[known.seen.lead.id] = state_of(known)
    report.planned = len(changes)
    for change in changes:
        report.changes[type(change).__name__] += 1
    report.seconds, report.calls = round(time.monotonic() - started, 1), run.crm.calls().total
    return report, Plan(run.name, tuple(changes), states), tuple(sentence(change) for change in changes)


def check(run: Run) -> None:
    """Step 1. Every problem of mapping and rights at once; nothing touched."""
    run.progress.step("check", 0, None)
    serious = [problem for problem in run.crm.check() if not problem.is_warning]
    if serious:
        told = (f"connections.{run.name}.{p.where}: {p.what} - {p.remedy}" for p in serious)
        raise Misconfigured(*told)


def pull(run: Run, facts: Facts, report: RunReport, lease: Lease) -> datetime:
    """Steps 4 and 5. Pages into the store, each with its cursor; returns the instant to judge at."""
    server_now = run.crm.server_now()
    account = run.crm.account_id()
    with run.store.begin() as db:
        cursor, known_account = facts.cursor(db)
    if known_account and known_account != account:
        raise Misconfigured(
            f"connections.{run.name}: the credentials belong to another account than last time;"
            " use another store, or the right credentials"
        )
    until = server_now - timedelta(seconds=run.settings.settle_seconds)
    for page in run.crm.pull(cursor, until):
        with run.store.begin() as db:
            lease.confirm(db)
            facts.keep_page(db, page, account)
        report.read += page.records
        run.progress.step("read", report.read, page.estimate)
        if run.stop.is_set():
            break
    with run.store.begin() as db:
        report.quarantined = len(facts.rejections(db))
    return run.as_of or server_now


def judge(run: Run, known: KnownLead, now: datetime) -> Verdict:
    """Step 7, for one lead."""
    return evaluate(known.history, run.agreement, now, effective_from=run.settings.effective_from)


def judge_and_post(run: Run, desk: Desk, report: RunReport, now: datetime) -> None:
    """Steps 6 to 9. The working set in batches: judge, plan, commit verdicts and outbox together."""
    with run.store.begin() as db:
        expected = desk.work.use_agreement(db, run.agreement, run.policy, now)
        working_set = desk.work.working_set(db, now)
        total = desk.facts.count(db)
        refused = desk.work.rejected(db)
        caps = Caps(run.settings, desk.work.tasks_made(db, now - timedelta(days=1)))
    changed = 0
    for start in range(0, len(working_set), BATCH):
        ids = working_set[start : start + BATCH]
        with run.store.begin() as db:
            desk.lease.confirm(db)
            verdicts, post, held_back = [], [], []
            for known in desk.facts.known(db, ids):
                verdict = judge(run, known, now)
                verdicts.append(verdict)
                decided = plan(run.name, verdict, known, run.settings.permissions)
                changed += bool(decided)
                for change in decided:
                    note_planned(report, change)
                    if fingerprint(change) in refused:
                        report.rejected += 1
                    elif caps.allow(change):
                        post.append(change)
                    else:
                        held_back.append(change.lead_id)
            desk.work.keep_verdicts(db, verdicts, run.policy)
            desk.work.post(db, post, now)
            desk.facts.mark_dirty(db, held_back)
        report.evaluated += len(verdicts)
        report.deferred += len(held_back)
        report.uncovered += sum(verdict.uncovered for verdict in verdicts)
        report.exempt += sum(verdict.exempt for verdict in verdicts)
        run.progress.step("judge", report.evaluated, len(working_set))
    run.settings.brakes.check(changed, total, consented=expected or run.allow_mass_change)


def post_approved(run: Run, desk: Desk, report: RunReport, approved: Plan, now: datetime) -> None:
    """Steps 6 to 9 for a plan that a person read: exactly its changes, where the lead is unchanged."""
    with run.store.begin() as db:
        desk.lease.confirm(db)
        known = desk.facts.known(db, sorted(approved.states))
        unchanged = {one.seen.lead.id for one in known if state_of(one) == approved.states[one.seen.lead.id]}
        for change in approved.changes:
            note_planned(report, change)
        post = [change for change in approved.changes if change.lead_id in unchanged]
        for _ in range(len(approved.changes) - len(post)):
            report.count(Receipt(ReceiptStatus.UNCHANGED))
        desk.work.post(db, post, now)


def finish(run: Run, desk: Desk, report: RunReport, started: float) -> None:
    """Step 10's end: the numbers, kept with the run."""
    report.seconds, report.calls = round(time.monotonic() - started, 1), run.crm.calls().total
    with run.store.begin() as db:
        desk.work.keep_run(db, report.at, report.as_json())


def note_planned(report: RunReport, change: Change) -> None:
    report.planned += 1
    report.changes[type(change).__name__] += 1


class Caps:
    """How many new tasks are still allowed: per run, and per owner in 24 hours."""

    def __init__(self, settings: RunSettings, made: Mapping[str, int]) -> None:
        self._left = settings.max_new_tasks_per_run
        self._per_owner = settings.max_new_tasks_per_owner_per_day
        self._made = dict(made)

    def allow(self, change: Change) -> bool:
        """Whether this change may go; counts it if so. Only new tasks are capped."""
        if not isinstance(change, CreateTask):
            return True
        owner = change.owner_id or ""
        if self._left <= 0 or self._made.get(owner, 0) >= self._per_owner:
            return False
        self._left -= 1
        self._made[owner] = self._made.get(owner, 0) + 1
        return True


_VERBS = {
    "SetFields": "set {what} on lead {lead}",
    "CreateTask": 'create the task "{what}" on lead {lead}',
    "UpdateTask": 'change the task of lead {lead} to "{what}"',
    "CloseTask": "close the task of lead {lead}",
    "SetStage": "move lead {lead} to stage {what}",
    "AssignOwner": "give lead {lead} to owner {what}",
}


def sentence(change: Change) -> str:
    """A change in one sentence: what would be done to which lead, and why. No personal data."""
    what = getattr(change, "subject", "") or getattr(change, "stage", "") or getattr(change, "owner_id", "")
    values = getattr(change, "values", None)
    if values is not None:
        what = ", ".join(f"{name}={_short(value)}" for name, value in values.items() if name != "reasons")
        what = what or "reasons"
    text = _VERBS[type(change).__name__].format(what=what, lead=change.lead_id)
    return f"{text}, because {change.because}"


def _short(value: object) -> str:
    text = value.strftime("%Y-%m-%dT%H:%MZ") if isinstance(value, datetime) else str(value or '""')
    return text if len(text) <= 60 else f"{text[:57]}..."
