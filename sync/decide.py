"""Steps 6 to 9: the working set judged, planned, and committed together with its outbox rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from connectors.base import Change, CreateTask, Receipt, ReceiptStatus
from sla_engine.book import Book
from sla_engine.evaluate import evaluate
from sla_engine.model import LeadHistory
from sla_engine.verdict import Verdict
from sla_engine.wording import Wording
from sync.approval import GONE, Plan, state_of
from sync.deliver import Courier, Desk
from sync.fights import WITHIN, Deeds, deeds_of, without_fights
from sync.guard import Caps, GuardStopped
from sync.orders import Run, RunSettings
from sync.plan import READY, Permissions, closing_for_the_gone, is_shown, plan
from sync.report import RunReport
from sync.store.agreements import Agreements
from sync.store.known import KnownLead
from sync.store.packing import fingerprint
from sync.store.work import UNSENT, Work

BATCH = 2000
OVERTAKEN = Receipt(ReceiptStatus.DEFERRED, message="the lead changed after the plan was made")


@dataclass(slots=True)
class _Decided:
    """What one batch came to.

    ``held_back``: leads whose new task a cap keeps for a later run; ``again``: leads with a fight, looked at
    in every run until it is over.
    """

    leads: list[KnownLead] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    post: list[Change] = field(default_factory=list)
    held_back: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    changed: int = 0
    were_ready: Mapping[str, bool] = field(default_factory=dict)
    lately: Deeds = field(default_factory=dict)


class Decider:
    """Decides for one run at one instant. ``refused``: fingerprints the CRM would not take before."""

    def __init__(  # noqa: PLR0913 - one per thing it decides by
        self, run: Run, book: Book, report: RunReport, now: datetime, refused: set[str], caps: Caps
    ) -> None:
        self._run = run
        self._judge = Judge(run, book)
        self._report = report
        self._now = now
        self._refused = refused
        self._caps = caps

    def decide(self, known: KnownLead, batch: _Decided) -> None:
        """Judge and plan one lead."""
        verdict = self._judge.judge(known, self._now)
        batch.leads.append(known)
        batch.verdicts.append(verdict)
        self._report.note_verdict(verdict, was_ready=self._judge.was_ready(known, batch.were_ready))
        planned = self._judge.plan(verdict, known)
        decided, fought = without_fights(planned, batch.lately)
        self._report.note_fights(verdict.lead_id, fought)
        batch.again += [verdict.lead_id] if fought else []
        if self._run.settings.mode == "shadow":
            self._report.note_would(decided)
            return
        posted = len(batch.post)
        for change in decided:
            self._report.note_planned(change)
            if self._refused and fingerprint(change) in self._refused:
                self._report.rejected += 1
            elif self._caps.allow(change):
                batch.post.append(change)
            else:
                batch.held_back.append(change.lead_id)
        is_other = any(not isinstance(change, CreateTask) for change in batch.post[posted:])
        batch.changed += is_other and any(known.seen.ours.values())


class Judge:
    """Steps 7 and 8 for one lead at a time: the verdict, and what is to be written for it."""

    def __init__(self, run: Run, book: Book) -> None:
        self._run = run
        self._book = book
        self._allowed = would_be(run)
        self._wordings = {one.version: Wording.for_agreement(one) for one in book.agreements}

    def judge(self, known: KnownLead, now: datetime) -> Verdict:
        """What the agreement says of the lead at ``now``."""
        return judged(known.history, self._book, now, self._run.settings)

    def was_ready(self, known: KnownLead, judged_last: Mapping[str, bool]) -> bool | None:
        """Whether the lead is ready for sales as far as anybody knows; None: nobody was told yet.

        That is what the CRM shows: a verdict that a brake held back reached nobody. Where nothing is
        written, what was judged last (``Work.were_ready``).
        """
        lead = known.seen.lead
        shown = known.seen.ours.get("qualification", "")
        if shown and self._run.settings.mode != "shadow" and not lead.closed_elsewhere:
            return shown == READY
        return judged_last.get(lead.id)

    def plan(self, verdict: Verdict, known: KnownLead) -> tuple[Change, ...]:
        """What has to be written so that the CRM shows it."""
        wording = self._wordings[verdict.agreement_version]
        return plan(self._run.name, verdict, known, self._allowed, wording)


def judged(history: LeadHistory, book: Book, now: datetime, settings: RunSettings) -> Verdict:
    """Judge one lead as a run with these settings does."""
    if not settings.behaviour_readable:
        history = replace(history, behaviour_readable=False)
    return evaluate(history, book, now, effective_from=settings.effective_from)


def would_be(run: Run) -> Permissions:
    """What may be touched, or in shadow mode what could be if it were live."""
    allowed = run.settings.permissions
    return replace(allowed, fields=True, tasks=True) if run.settings.mode == "shadow" else allowed


def caps_of(run: Run, work: Work, db: Connection, now: datetime) -> Caps:
    """The caps on new tasks, with what was made in the last 24 hours."""
    settings = run.settings
    made = work.tasks_made(db, now - timedelta(days=1))
    return Caps(settings.max_new_tasks_per_run, settings.max_new_tasks_per_owner_per_day, made)


def judge_and_post(run: Run, desk: Desk, report: RunReport, now: datetime, courier: Courier) -> None:
    """The working set in batches; each commits its verdicts and outbox rows at once. Raises GuardStopped.

    Agreements and cards come into force only when the brakes let the run write. If they cannot hold any
    more, however the rest is judged, writing begins while judging goes on.
    """
    with run.store.begin() as db:
        expected = desk.work.use_policy(db, run.policy)
        agreements = Agreements(run.name)
        book = agreements.with_past(db, run.book, now)
        working_set = desk.work.working_set(db, now)
        total = desk.facts.leads.count(db)
        caps = caps_of(run, desk.work, db, now)
        decider = Decider(run, book, report, now, desk.work.refused(db), caps)
        _close_for_the_gone(run, desk, db, report, now)
    brakes, consented = run.settings.brakes, expected or run.allow_mass_change
    is_free = not brakes.may_hold(len(working_set), total, consented=consented)
    if is_free:
        _put_in_force(run, desk, agreements, now)
    changed = 0
    for start in range(0, len(working_set), BATCH):
        with run.store.begin() as db:
            desk.lease.confirm(db)
            ids = working_set[start : start + BATCH]
            lately = deeds_of(desk.work.written_since(db, now - WITHIN, ids))
            batch = _Decided(were_ready=desk.work.were_ready(db, ids), lately=lately)
            for known in desk.facts.known(db, ids):
                decider.decide(known, batch)
            _commit(run, desk, db, batch, now)
        changed += batch.changed
        report.deferred += len(batch.held_back)
        report.held_back += batch.held_back
        run.progress.step("judge", report.evaluated, len(working_set))
        if is_free:
            courier.go_on()
    try:
        brakes.check(changed, total, consented=consented)
    except GuardStopped as stopped:
        _take_back(run, desk)
        raise GuardStopped(f"{run.name}: {stopped}") from None
    if not is_free:
        _put_in_force(run, desk, agreements, now)


def _put_in_force(run: Run, desk: Desk, agreements: Agreements, now: datetime) -> None:
    if run.settings.mode != "shadow":
        with run.store.begin() as db:
            desk.lease.confirm(db)
            agreements.put_in_force(db, run.book, now)


def _close_for_the_gone(run: Run, desk: Desk, db: Connection, report: RunReport, now: datetime) -> None:
    """Open tasks on deleted leads are closed; where tasks may not be touched they are just forgotten."""
    tasks = desk.facts.removals.open_tasks(db)
    if not tasks:
        return
    desk.lease.confirm(db)
    if not run.settings.permissions.tasks:
        desk.facts.removals.forget_tasks(db, [task.id for task in tasks])
        return
    for change in closing_for_the_gone(tasks):
        report.note_planned(change)
        desk.work.post(db, [change], now)


def _take_back(run: Run, desk: Desk) -> None:
    """What the brake held is decided anew, so that a plan shows it."""
    with run.store.begin() as db:
        desk.lease.confirm(db)
        rows = desk.work.rows(db, UNSENT)
        desk.work.forget(db, [row.id for row in rows])
        desk.facts.leads.mark_dirty(db, sorted({row.lead_id for row in rows}))


def _commit(run: Run, desk: Desk, db: Connection, batch: _Decided, now: datetime) -> None:
    desk.facts.keep_learned(db, batch.leads)
    desk.work.keep_verdicts(db, batch.verdicts, run.policy.name)
    desk.work.post(db, batch.post, now)
    desk.facts.leads.mark_dirty(db, [*batch.held_back, *batch.again])


def post_approved(run: Run, desk: Desk, report: RunReport, approved: Plan, now: datetime) -> None:
    """A plan that a person read: exactly its changes, where the lead is as it was then and caps allow.

    Agreements and cards come into force as in any run that writes, and verdicts are kept.
    """
    with run.store.begin() as db:
        desk.lease.confirm(db)
        known = {one.seen.lead.id: one for one in desk.facts.known(db, sorted(approved.states))}
        desk.facts.keep_learned(db, known.values())  # our own writing moves the stamp a sight goes by
        unchanged = {lead for lead, one in known.items() if state_of(one) == approved.states[lead]}
        _judge_approved(run, desk, db, report, approved, [known[lead] for lead in sorted(unchanged)], now)
        left = {task.lead_id for task in desk.facts.removals.open_tasks(db)}
        unchanged |= {lead for lead in left if approved.states.get(lead) == GONE}
        caps = caps_of(run, desk.work, db, now)
        for change in approved.changes:
            report.note_planned(change)
            if change.lead_id in known and is_shown(change, known[change.lead_id]):
                report.unchanged += 1
            elif change.lead_id not in unchanged:
                report.count(OVERTAKEN)
                report.overtaken.append(change.lead_id)
            elif caps.allow(change):
                desk.work.post(db, [change], now)
            else:
                report.deferred += 1
                report.held_back.append(change.lead_id)
        desk.facts.leads.mark_dirty(db, sorted({*report.overtaken, *report.held_back}))
    report.overtaken = sorted(set(report.overtaken))


def _judge_approved(  # noqa: PLR0913 - the run, where it is kept, and what was approved
    run: Run,
    desk: Desk,
    db: Connection,
    report: RunReport,
    approved: Plan,
    leads: Sequence[KnownLead],
    now: datetime,
) -> None:
    """Keep the verdicts of leads that are as they were; who would get something else by now is due again."""
    book = Agreements(run.name).put_in_force(db, run.book, now)
    judge = Judge(run, book)
    were_ready = desk.work.were_ready(db, [one.seen.lead.id for one in leads])
    wanted: dict[str, set[str]] = {}
    for change in approved.changes:
        wanted.setdefault(change.lead_id, set()).add(fingerprint(change))
    verdicts, others = [], []
    for known in leads:
        verdict = judge.judge(known, now)
        verdicts.append(verdict)
        report.note_verdict(verdict, was_ready=judge.was_ready(known, were_ready))
        decided = {fingerprint(change) for change in judge.plan(verdict, known)}
        if decided != wanted.get(verdict.lead_id, set()):
            others.append(verdict.lead_id)
    desk.work.keep_verdicts(db, verdicts, run.policy.name)
    desk.facts.leads.mark_dirty(db, others)
