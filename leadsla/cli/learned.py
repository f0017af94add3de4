"""What was learned from an export, as a text for people.

Not here: sentences (``learned_words``), JSON (``learned_json``), the chart and the table as files
(``learned_files``).
"""

from __future__ import annotations

from collections.abc import Iterator

from leadsla.cli import learned_words as words
from leadsla.cli.card_shown import CARD_COLUMNS, card_rows, figures, meaning, print_lifts
from leadsla.cli.learned_warnings import warnings
from leadsla.cli.output import out, print_table
from leadsla.exports.learning import Learned, days


def show(learned: Learned) -> None:
    """Everything, as a person asks: what was counted, the card, how good it is, what to distrust."""
    for line in (*_counted(learned), "", *_card(learned)):
        out.print(line, markup=False)
    if learned.card.lines:
        print_table("", CARD_COLUMNS, list(card_rows(learned.card, learned.assembled.sample)))
    roles = learned.leads.roles
    is_in_order = bool(roles.created or roles.sequence)
    told = meaning(learned.card, learned.proposal.notes), figures(learned.proposal, in_order=is_in_order)
    for line in (*told[0], "", *told[1], "", *_fields(learned), ""):
        out.print(line, markup=False)
    print_lifts(learned.lifts)
    for line in warnings(learned):
        out.print(f"Mind: {line}", markup=False)


def _counted(learned: Learned) -> Iterator[str]:
    counting, leads = learned.counting, learned.leads
    yield f"What was counted ({leads.export.path.name}: {leads.size:,} rows)"
    for code, amount in counting.excluded:
        if amount:
            yield f"  - {amount:>10,} {words.EXCLUDED[code]}"
    share = words.percent(counting.wins / counting.leads)
    yield f"  = {counting.leads:>10,} leads count, {counting.wins:,} of them were won ({share})"
    yield f"  Won: {leads.roles.outcome} {leads.outcome.meaning}.{_values(learned)}"
    yield f"  {_time(learned)}"
    if learned.done is not None:
        counts = learned.done.counts
        yield (
            f"  Activities: {counts.read:,} rows, {counts.within:,} within {days(counting.landmark):g} days"
            f" after the lead came in; left out: {counts.outside:,} at other times,"
            f" {counts.of_no_lead:,} of no lead in this export, {counts.without_time:,} without a time"
        )


def _values(learned: Learned) -> str:
    counts = learned.leads.outcome.counts
    told = ", ".join(f"{text} {amount:,} ({words.TAKEN_FOR[end]})" for text, amount, end in counts)
    return f" Values: {told}" if told else ""


def _time(learned: Learned) -> str:
    roles, counting = learned.leads.roles, learned.counting
    if roles.created is not None and counting.as_of is not None:
        begin = f"Leads in order of {roles.created}, as of {counting.as_of:%Y-%m-%d}"
        if roles.ended is None:
            return f"{begin}; no column says when they ended."
        assert counting.horizon is not None  # noqa: S101 - dates of both ends give one
        start = f"day {days(counting.landmark):g}" if counting.landmark else "it came in"
        horizon = f"{days(counting.horizon):g} days after {start}"
        return f"{begin}; won means within {horizon} ({roles.ended})."
    if roles.sequence is not None:
        return f"Leads in order of {roles.sequence} (a running number)."
    return "No column says in which order leads came in."


def _card(learned: Learned) -> Iterator[str]:
    card = learned.card
    if not card.lines:
        yield "The card: no line. Nothing in these columns tells won leads from others clearly enough."
        return
    yield f"The card ({card.version}): one point multiplies the odds of winning by 1.25"


def _fields(learned: Learned) -> Iterator[str]:
    if learned.blocked:
        yield "Blocked fields: they may not become lines"
        for one in learned.blocked:
            yield f"  {one.field}: {words.blocked_sentence(one)}"
    later = [one for one in learned.assembled.dropped if one.why == "set_later"]
    if later:
        yield "Left out by their names, since they are usually filled while or after a lead is worked"
        yield f"  {', '.join(one.field for one in later)} (--keep NAME brings one back)"
    others = [one for one in learned.assembled.dropped if one.why != "set_later"]
    if others:
        yield "Not looked at"
        for dropped in others:
            yield f"  {dropped.field}: {words.dropped_sentence(dropped)}"
    if not learned.blocked and not learned.assembled.dropped:
        yield "Every column was looked at; none seems to know the outcome beforehand."
