"""Steps 4 and 5: pages from the CRM into the store, each with the cursor after it. Nothing is judged."""

from __future__ import annotations

from datetime import datetime

from connectors.errors import Misconfigured
from sync.lease import Lease
from sync.orders import Run
from sync.report import RunReport
from sync.store.facts import Bookmark, Facts


def pull(run: Run, facts: Facts, report: RunReport, lease: Lease) -> datetime | None:
    """Steps 4 and 5. Pages into the store, each with its cursor; returns the instant to judge at.

    None: asked to stop before everything was read, so nothing can be judged yet.
    """
    server_now = run.crm.server_now()
    account = run.crm.account_id()
    with run.store.begin() as db:
        known = facts.bookmark(db)
    if known.account and known.account != account:
        raise Misconfigured(
            f"connections.{run.name}: the credentials belong to another account than last time;"
            " use another store, or the right credentials"
        )
    mapping = run.settings.mapping
    if known.cursor and known.mapping != mapping:
        known = Bookmark("", account, mapping)
        with run.store.begin() as db:
            lease.confirm(db)
            facts.read_anew(db, known)
    for page in run.crm.pull(known.cursor):
        with run.store.begin() as db:
            lease.confirm(db)
            facts.keep_page(db, page, account, mapping)
        report.read += page.records
        run.progress.step("read", report.read, page.estimate)
        if run.stop.is_set():
            report.troubles.append("stopped while reading; the next run goes on from here")
            return None
    with run.store.begin() as db:
        facts.people.keep(db, run.crm.owners().values())
    return run.as_of or server_now
