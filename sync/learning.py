"""What sales answered, learned from: the store's leads counted honestly, and a card proposed.

Nothing is written into a CRM.

Not here: the counting itself (``sla_engine.learning``), or approving a card (``store.cards``).
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from multiprocessing import get_context
from zoneinfo import ZoneInfo

import numpy as np

from sla_engine.agreement import Agreement
from sla_engine.book import Book
from sla_engine.card import Scorecard
from sla_engine.learning.audit import Blocked, audit, without_blocked
from sla_engine.learning.cohort import Counted, Rules, count
from sla_engine.learning.lift import LiftReport, lifts
from sla_engine.learning.proposal import Proposal, propose
from sla_engine.learning.sample import Sample
from sync.observed import Observed
from sync.progress import Progress
from sync.store import Store
from sync.store.facts import Facts
from sync.store.runs import Runs
from sync.store.work import Work

_LEADS_AT_ONCE = 2_000
MANY = 20_000
"""From so many leads on all processors read together."""
_LEADS_A_PIECE = 5_000


class NothingToLearn(Exception):
    """Too little is known for any statement; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What was counted, what was left out and why, which signs mark good leads, and the proposed card.

    ``approved``: the card in force, if any. ``seen_later``: of the counted leads those whose landmark lies
    before the first sync, so that their fields are those of that sync. ``sample``: the counted leads.
    """

    as_of: datetime
    landmark: timedelta
    approved: Scorecard | None
    counted: Counted
    seen_later: int
    sample: Sample
    blocked: tuple[Blocked, ...]
    signs: LiftReport
    proposal: Proposal


def learn_from_store(  # noqa: PLR0913 - everything it may depend on is named
    store: Store,
    connection: str,
    book: Book,
    as_of: datetime,
    approved: Scorecard | None,
    progress: Progress,
) -> Learned:
    """Learn from what a connection's leads had become by ``as_of`` (aware). Raises NothingToLearn.

    The general agreement, the last of the book, says what a win is and when the landmark is.
    """
    agreement = book.chapters[-1].current
    observed = observe(store, connection, Observed(agreement, as_of), progress)
    if not observed.ids:
        raise NothingToLearn(f"{connection}: no lead is known yet; run `leadsla sync` first")
    settings = agreement.learning
    rules = Rules(as_of, settings.landmark, settings.horizon, _begin_of(settings.recorded_since, agreement))
    try:
        counted = count(observed.ends(), rules)
        counted = count(observed.ends(counted.horizon), replace(rules, horizon=counted.horizon))
    except ValueError as error:
        raise NothingToLearn(f"{connection}: {error}") from None
    if not 0 < counted.wins < counted.leads:
        raise NothingToLearn(
            f"{connection}: of {counted.leads} leads whose end is known {counted.wins} were won;"
            " learning needs both won and lost ones"
        )
    progress.step("learn", 0, None)
    sample = observed.sample(counted.mask, counted.won)
    blocked = audit(sample, observed.edited_after())
    with store.begin() as db:
        began = Runs(connection).first(db)
    seen_later = 0 if began is None else int((observed.looked_at_before(began) & counted.mask).sum())
    held_out = np.array([agreement.scoring.holds_out(one) for one in observed.ids])[counted.mask]
    apart = held_out if held_out.any() else None
    try:
        proposal = propose(without_blocked(sample, blocked), approved, as_of, apart)
    except ValueError as error:
        raise NothingToLearn(f"{connection}: {error}") from None
    return Learned(
        as_of, settings.landmark, approved, counted, seen_later, sample, blocked, lifts(sample), proposal
    )


def observe(store: Store, connection: str, observed: Observed, progress: Progress) -> Observed:
    """Write down every lead of the store: many of them with all processors, in the same order."""
    with store.begin() as db:
        everyone = Work(connection).everyone(db)
    if len(everyone) >= MANY:
        return _observe_together(store, connection, observed, everyone, progress)
    for first in range(0, len(everyone), _LEADS_AT_ONCE):
        _write_down(store, connection, observed, everyone[first : first + _LEADS_AT_ONCE])
        progress.step("count", min(first + _LEADS_AT_ONCE, len(everyone)), len(everyone))
    return observed


def _write_down(store: Store, connection: str, observed: Observed, lead_ids: Sequence[str]) -> None:
    with store.begin() as db:
        for known in Facts(connection).known(db, lead_ids):
            observed.add(known.history)


def _observe_together(
    store: Store, connection: str, observed: Observed, everyone: Sequence[str], progress: Progress
) -> Observed:
    url = store.engine.url.render_as_string(hide_password=False)
    said = observed.agreement.model_dump_json(by_alias=True)
    pieces = [everyone[first : first + _LEADS_A_PIECE] for first in range(0, len(everyone), _LEADS_A_PIECE)]
    done = 0
    context = get_context("spawn")
    with ProcessPoolExecutor(mp_context=context, initializer=_leave_interrupts_to_the_parent) as pool:
        try:
            tasks = [pool.submit(_piece, url, connection, said, observed.as_of, piece) for piece in pieces]
            for task, piece in zip(tasks, pieces, strict=True):
                observed.extend(task.result())
                done += len(piece)
                progress.step("count", done, len(everyone))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return observed


def _leave_interrupts_to_the_parent() -> None:
    """Ctrl-C reaches every process of a terminal; one answer to it is enough."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _piece(url: str, connection: str, said: str, as_of: datetime, lead_ids: Sequence[str]) -> Observed:
    """Some leads, in a process of its own; the agreement comes back as the text it was sent as."""
    observed = Observed(Agreement.model_validate_json(said), as_of)
    store = Store.open(url)
    try:
        _write_down(store, connection, observed, lead_ids)
    finally:
        store.close()
    return replace(observed, agreement=None)  # type: ignore[arg-type]  # what was compiled cannot travel


def _begin_of(day: date | None, agreement: Agreement) -> datetime | None:
    """The first instant of a day, in the zone of the agreement's default calendar."""
    if day is None:
        return None
    zone = ZoneInfo(agreement.hours[agreement.default_hours].tz)
    return datetime.combine(day, time(), zone).astimezone(UTC)
