"""The sweep: once a day everything that is there is counted, so that nothing is missed for long.

It finds leads that are gone without a word, and changes that no poll has shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from connectors.base import Page, Removal
from connectors.errors import Unavailable
from sync.guard import GuardStopped
from sync.orders import Run
from sync.report import RunReport
from sync.store.facts import Facts

TRY_AGAIN = timedelta(hours=1)
A_FEW = 20
"""So many leads may be gone at once before anybody is asked."""
_BATCH = 1000
_LEFT_TO_THE_POLL = timedelta(minutes=1)


def is_due(run: Run, facts: Facts) -> bool:
    """Whether the last sweep is long enough ago."""
    every = run.settings.sweep_every
    if every is None:
        return False
    with run.store.begin() as db:
        return not facts.visits.is_fresh(db, "sweep", datetime.now(UTC), every)


def swept(run: Run, facts: Facts, *, again_in: timedelta | None = None) -> None:
    """Everything was seen just now; ``again_in`` asks for a repeat sooner than usual."""
    at = datetime.now(UTC)
    if again_in is not None and run.settings.sweep_every is not None:
        at -= run.settings.sweep_every - again_in
    with run.store.begin() as db:
        facts.visits.note(db, "sweep", at)


def sweep(run: Run, facts: Facts, report: RunReport) -> Iterator[Page]:
    """Pages of what polls have missed. Raises GuardStopped when too many leads are gone.

    A CRM that cannot be counted now is tried again in an hour; the run goes on.
    """
    try:
        there = _counted(run)
        if there is None:
            return
        with run.store.begin() as db:
            kept = facts.leads.stamps(db)
            aside = {row.lead_id for row in facts.quarantine.rows(db)}
        missing = sorted(kept.keys() - there.keys())
        _refuse_emptiness(run, len(missing), len(kept))
        settled = run.crm.server_now() - _LEFT_TO_THE_POLL
        missed = [
            one for one, stamp in there.items() if stamp <= settled and _is_news(one, stamp, kept, aside)
        ]
        wanted = [*missing, *missed]
        for start in range(0, len(wanted), _BATCH):
            for page in run.crm.reread(wanted[start : start + _BATCH]):
                report.missed += sum(seen.lead.id in there for seen in page.leads)
                yield page
        if missing:
            yield from _still_missing(run, facts, missing)
    except Unavailable as error:
        report.troubles.append(f"the daily count of all leads is put off for an hour: {error}")
        swept(run, facts, again_in=TRY_AGAIN)
    else:
        swept(run, facts)


def _counted(run: Run) -> dict[str, datetime] | None:
    there: dict[str, datetime] = {}
    for page in run.crm.census():
        there |= page
        run.progress.step("count", len(there), None)
        if run.stop.is_set():
            return None
    return there


def _is_news(lead_id: str, stamp: datetime, kept: Mapping[str, datetime], aside: set[str]) -> bool:
    return stamp > kept[lead_id] if lead_id in kept else lead_id not in aside


def _still_missing(run: Run, facts: Facts, missing: list[str]) -> Iterator[Page]:
    """Leads that were neither counted nor told as gone when they were asked for: they are gone."""
    with run.store.begin() as db:
        left = facts.leads.stamps(db).keys() & set(missing)
    now = run.crm.server_now()
    found = {seen.lead.id for seen in run.crm.read_leads(sorted(left))} if left else set()
    yield Page(removals=tuple(Removal(one, now) for one in sorted(left - found)))


def _refuse_emptiness(run: Run, missing: int, kept: int) -> None:
    share = run.settings.brakes.share
    if run.allow_mass_change or missing <= A_FEW or missing <= share * kept:
        return
    raise GuardStopped(
        f"{run.name}: {missing} of {kept} leads are no longer there, more than [safety] max_changed_share ="
        f" {share:g} allows: nothing was forgotten; look whether the credentials still see all leads, and if"
        " they were really deleted, run `leadsla sync --allow-mass-change`"
    )
