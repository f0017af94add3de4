"""Steps 4 and 5: pages from the CRM into the store, each with the cursor after it. Nothing is judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from connectors.base import Page
from connectors.errors import Misconfigured
from sync.lease import Lease
from sync.orders import Run
from sync.report import RunReport
from sync.store.facts import Bookmark, Facts
from sync.store.hints import Hints
from sync.sweep import is_due, sweep, swept

ACCOUNT_STANDS = timedelta(hours=1)
OWNERS_STAND = timedelta(hours=1)
AN_HOUR = timedelta(hours=1)


def pull(run: Run, facts: Facts, report: RunReport, lease: Lease) -> datetime | None:
    """Steps 4 and 5. Pages into the store, each with its cursor; returns the instant to judge at.

    None: asked to stop before everything was read, so nothing can be judged yet. Raises GuardStopped when
    more leads are gone than may be by accident.
    """
    place = _place(run, facts, lease)
    reading = Reading(run, facts, report, lease, place)
    are_fresh = _remember_owners(run, facts)
    if not reading.keep(run.crm.pull(place.cursor, marks=reading.marks)):
        return None
    if not _follow_hints(run, reading):
        return None
    if reading.came_back and not reading.keep(run.crm.reread(sorted(reading.came_back), whole=True)):
        return None
    if not place.cursor:
        swept(run, facts)  # a first load has seen everything
    elif is_due(run, facts):
        reading.keep(sweep(run, facts, report))
    _keep_owners(run, facts, reading, are_fresh=are_fresh)
    now = run.crm.server_now()
    with run.store.begin() as db:
        facts.visits.note(db, "poll", now)
    return run.as_of or now


class Reading:
    """One run's pages on their way into the store."""

    def __init__(self, run: Run, facts: Facts, report: RunReport, lease: Lease, place: Bookmark) -> None:
        self._run = run
        self._facts = facts
        self._report = report
        self._lease = lease
        self._place = place
        self.owners: set[str] = set()
        self.came_back: set[str] = set()
        with run.store.begin() as db:
            polled = facts.visits.last(db, "poll") if place.cursor else None
        self._known_since = polled - AN_HOUR if polled else None

    def marks(self, lead_ids: Sequence[str]) -> Mapping[str, str]:
        """See ``connectors.base.Marks``."""
        with self._run.store.engine.connect() as db:
            return self._facts.leads.marks(db, lead_ids)

    def keep(self, pages: Iterable[Page]) -> bool:
        """Each page in a transaction of its own; False when asked to stop before the last."""
        run, report = self._run, self._report
        for page in pages:
            with run.store.begin() as db:
                self._lease.confirm(db)
                self.came_back |= self._older_than_known(db, page)
                gone = self._facts.keep_page(db, page, self._place.account, self._place.mapping)
            self.owners |= {seen.lead.owner.id for seen in page.leads if seen.lead.owner}
            report.note_page(page, gone)
            run.progress.step("read", report.read, page.estimate)
            if run.stop.is_set():
                report.troubles.append("stopped while reading; the next run goes on from here")
                return False
        return True

    def _older_than_known(self, db: Connection, page: Page) -> set[str]:
        """Leads that were there before the last poll, and are read for the first time: brought back, say.

        What happened to them before is in no window of a poll any more.
        """
        if self._known_since is None:
            return set()
        old = [seen.lead.id for seen in page.leads if seen.lead.created_at < self._known_since]
        return self._facts.leads.unknown(db, old)


def _place(run: Run, facts: Facts, lease: Lease) -> Bookmark:
    """Where to go on reading: in the same account as ever, from the start under another mapping."""
    now, under = datetime.now(UTC), run.settings.identity
    with run.store.begin() as db:
        known = facts.bookmark(db)
        _refuse_another_object(run, facts, db)
        is_same = bool(known.account and under) and facts.visits.is_fresh(
            db, "account", now, ACCOUNT_STANDS, under
        )
    account = known.account if is_same else run.crm.account_id()
    if known.account and known.account != account:
        raise Misconfigured(
            f"connections.{run.name}: the credentials belong to another account than last time;"
            " use another store, or the right credentials"
        )
    mapping = run.settings.mapping
    anew = bool(known.cursor) and known.mapping != mapping
    place = Bookmark("" if anew else known.cursor, account, mapping)
    with run.store.begin() as db:
        lease.confirm(db)
        if not is_same:
            facts.visits.note(db, "account", now, under)
        if anew:
            facts.read_anew(db, place)
    return place


def _refuse_another_object(run: Run, facts: Facts, db: Connection) -> None:
    """Leads of another object are other leads: those that are kept would all seem to be gone."""
    now, before = run.settings.lead_object, facts.visits.under(db, "object")
    if now and before and now != before:
        raise Misconfigured(
            f'connections.{run.name}.lead_object: until now it was "{before}", and its leads are kept under'
            f' this name; for "{now}" give the connection another name, or use another store'
        )
    if now and not before:
        facts.visits.note(db, "object", datetime.now(UTC), now)


def _follow_hints(run: Run, reading: Reading) -> bool:
    """Records that the CRM named are read by id: a search may not show them yet. False when asked to stop."""
    hints = Hints(run.name)
    with run.store.begin() as db:
        taken = hints.take(db)
    if taken and not reading.keep(run.crm.reread(list(taken))):
        return False
    with run.store.begin() as db:
        hints.clear(db, taken)
    return True


def _remember_owners(run: Run, facts: Facts) -> bool:
    """Tell the connector who owns leads, if that was read an hour ago or less."""
    with run.store.begin() as db:
        is_fresh = facts.visits.is_fresh(db, "owners", datetime.now(UTC), OWNERS_STAND)
        if is_fresh:
            run.crm.remember(facts.people.everyone(db))
    return is_fresh


def _keep_owners(run: Run, facts: Facts, reading: Reading, *, are_fresh: bool) -> None:
    """Who may own leads, when that was read too long ago or a lead's owner is none of them."""
    with run.store.begin() as db:
        if are_fresh and reading.owners <= facts.people.everyone(db).keys():
            return
    owners = run.crm.owners().values()
    with run.store.begin() as db:
        facts.people.keep(db, owners)
        facts.visits.note(db, "owners", datetime.now(UTC))
