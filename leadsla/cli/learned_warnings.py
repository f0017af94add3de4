"""What makes the figures of an export weaker than they look, each in one line that begins with "Mind:".

Not here: what was counted and learned (``learned``), other sentences (``learned_words``).
"""

from __future__ import annotations

from collections.abc import Iterator

from leadsla.cli import learned_words as words
from leadsla.cli.card_shown import support
from leadsla.exports import naming
from leadsla.exports.assembling import is_personal
from leadsla.exports.learning import Learned

_FEW_WINS = 100
_FEW_LEADS = 30
_TOO_GOOD = 0.9
_SURELY_CREATED = tuple(one for one in naming.CREATED if one not in {"date", "datum", "timestamp"})


def warnings(learned: Learned) -> Iterator[str]:
    """Everything to mind."""
    yield from _of_the_card(learned)
    yield from _of_time(learned)
    yield from _of_rows(learned)
    yield from _of_activities(learned)


def _of_the_card(learned: Learned) -> Iterator[str]:
    """Too few wins, and what is too good to be true."""
    if learned.counting.wins < _FEW_WINS:
        yield f"only {learned.counting.wins} wins: figures of another time may be quite different."
    auc = learned.proposal.new.auc.value
    if auc > _TOO_GOOD:
        yield (
            f"an AUC of {auc:.2f} is better than leads can usually be told apart: look for a column that is"
            " filled or changed after the outcome, and leave it out with --exclude."
        )
    for line in learned.card.lines:
        leads, _ = support(line, learned.assembled.sample)
        if leads < _FEW_LEADS and line.when.activity is None:
            yield (
                f"the line {words.condition(line)} rests on {leads} leads; if sales fills that in for leads"
                " that go well, leave it out with --exclude."
            )


def _of_time(learned: Learned) -> Iterator[str]:
    """What dates do not tell, or tell wrongly."""
    leads, roles = learned.leads, learned.leads.roles
    if roles.ended is None:
        yield (
            "no column says when leads were won: young leads count as not won, and what was filled after"
            " the win cannot be told from what was known before. Name one with --outcome-date."
        )
    if roles.created is None:
        kinds = {one.name: one.kind for one in leads.columns}
        for name in naming.all_of(leads.export.names, _SURELY_CREATED):
            if kinds[name] not in {"date", "empty"}:
                yield f"{name} holds no dates that can be read: nobody knows when leads came in."
    else:
        instants = next(one.instants for one in leads.columns if one.name == roles.created)
        if instants is not None and instants.is_ambiguous:
            yield f"{roles.created} is read as month/day/year; no date in it tells for sure."
    for name, amount in leads.in_future.items():
        what = (
            "1 date lies in the future and counts"
            if amount == 1
            else f"{amount:,} dates lie in the future and count"
        )
        yield f"{name}: {what} as unknown."


def _of_rows(learned: Learned) -> Iterator[str]:
    """Rows and cells that were passed over, or should perhaps have been."""
    leads = learned.leads
    if leads.export.footers:
        yield f"{leads.export.footers} lines below or between the rows (notes, totals) were passed over."
    again = 0 if leads.copies is None else int(leads.copies.sum())
    if again and leads.ids is None and not leads.are_different:
        yield (
            f"{again:,} rows are the same as another in every cell; without an id nobody can tell whether"
            " they are the same lead, so they count. Name the id with --lead-id."
        )
    for one in leads.columns:
        if one.odd > max(5, one.filled // 100) and not is_personal(one):
            yield f"{one.name}: {one.odd:,} of {one.filled:,} values are no {one.kind}s and count as unknown."


def _of_activities(learned: Learned) -> Iterator[str]:
    """Activities that could not be used."""
    if learned.done is not None:
        counts = learned.done.counts
        if counts.of_no_lead > counts.read // 10:
            yield "more than a tenth of the activities belong to no lead of this export."
        if counts.without_time > counts.read // 10:
            yield (
                f"{counts.without_time:,} of {counts.read:,} activities have no time that can be read"
                f" ({learned.done.columns['time']}) and do not count."
            )
    if learned.assembled.seldom:
        yield f"{learned.assembled.seldom:,} pieces of content were too seldom to be compared."
