"""``replay``: every verdict a lead would have had under an agreement, one after the other.

Not here: judging one instant (``evaluate``), or counting over many leads.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sla_engine.agreement import Agreement
from sla_engine.book import Book
from sla_engine.errors import NaiveInstant
from sla_engine.evaluate import evaluate
from sla_engine.model import LeadHistory
from sla_engine.verdict import Verdict


def replay(
    history: LeadHistory,
    agreement: Agreement | Book,
    until: datetime,
    *,
    effective_from: datetime | None = None,
) -> Iterator[Verdict]:
    """Verdict after verdict from the lead's creation to ``until``, each where the last one ran out.

    Fields are as they were, as far as their changes are known. Instants are aware, the verdicts'
    in UTC. Raises NaiveInstant.

    >>> from itertools import groupby
    >>> from sla_engine.examples import agreed, handed_over, later
    >>> [state for state, _ in groupby(one.sla_status for one in replay(handed_over(), agreed(), later(9)))]
    ['none', 'running', 'at_risk', 'breached']
    """
    if until.tzinfo is None:
        raise NaiveInstant("the end of a replay")
    at: datetime | None = first_instant(history)
    while at is not None and at <= until:
        verdict = evaluate(history, agreement, at, effective_from=effective_from)
        yield verdict
        at = verdict.valid_until


def first_instant(history: LeadHistory) -> datetime:
    """When the lead's history begins: its creation, or an earlier fact.

    >>> from sla_engine.examples import done, handed_over, later
    >>> first_instant(handed_over(done("form", -200, by="lead"))) == later(-200)
    True
    """
    firsts = [history.lead.created_at]
    firsts += [one.at for one in history.activities[:1]]
    firsts += [one.at for one in history.stages[:1]]
    firsts += [one.at for one in history.owners[:1]]
    return min(firsts)
