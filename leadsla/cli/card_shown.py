"""A learned card and its signs as people read them: lines, figures, tables.

Shared by what was learned from an export (``learned``) and from the CRMs (``learn_store``). Not here:
sentences (``learned_words``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from leadsla.cli import learned_words as words
from leadsla.cli.output import out, print_table
from sla_engine.card import CardLine, Scorecard
from sla_engine.learning.lift import Lift, LiftReport
from sla_engine.learning.measure import Figures
from sla_engine.learning.points import truth_of
from sla_engine.learning.proposal import Note, Proposal
from sla_engine.learning.sample import Sample

SHOWN_LIFTS = 15


CARD_COLUMNS = ("points", "group", "when", "leads", "won")


def card_rows(card: Scorecard, sample: Sample) -> Iterator[tuple[str, ...]]:
    """Each line of a card with the leads it holds for, and how many of them were won."""
    for line in sorted(card.lines, key=_place):
        leads, rate = support(line, sample)
        yield f"{line.points:+}", line.group, words.condition(line), f"{leads:,}", words.percent(rate)


def _place(line: CardLine) -> tuple[str, str, float, str]:
    """Lines about one field stand together, smaller thresholds first."""
    low = line.when.at_least if line.when.at_least is not None else line.when.at_most
    return line.group, line.when.field, low or 0.0, line.name


def support(line: CardLine, sample: Sample) -> tuple[int, float]:
    """How many leads a line holds for, and how many of those were won."""
    holds = truth_of(line, sample)
    leads = int(holds.sum())
    return leads, float(sample.won[holds].mean()) if leads else math.nan


def meaning(card: Scorecard, notes: Sequence[Note]) -> Iterator[str]:
    """What totals of a card mean, and what is to be said about it."""
    yield f"  At 0 points the chance of winning is {words.percent(card.chance(0))}" + "".join(
        f", at {points:+} {words.percent(card.chance(points))}"
        for points in ((-5, 5, 10) if card.lines else ())
    )
    if card.high is not None and card.medium is not None:
        best, better = f"{card.high} or more (the best fifth)", f"{card.medium} or more (the better half)"
        yield f"  High: a score of {best}; medium: {better}"
    for note in notes:
        yield f"  {words.note_sentence(note)}"


def figures(proposal: Proposal, *, in_order: bool) -> Iterator[str]:
    """How good a card is on leads it was not learned from. ``in_order``: those are the newest."""
    found = proposal.new
    part = "the newest " if in_order else ""
    measured = f"{found.leads:,} leads ({found.wins:,} won)"
    yield f"How good the card is: learned without {part}{measured}, measured on them"
    base, ratio = found.brier_of_base, words.figure(found.observed_to_expected, ".2f")
    for name, told, meaning in (
        ("AUC", words.figure(found.auc), "0.5: says nothing, 1: tells all"),
        ("Brier score", words.figure(found.brier), f"less is better; the average says {base:.3f}"),
        ("lift in the top 10 %", words.figure(found.lift_top_tenth, ".2f"), "times the average"),
        ("won in the top 20 %", _shares(found), ""),
        ("calibration slope", words.figure(found.slope, ".2f"), "1 is right; less: too sure"),
        ("won to expected", ratio, "1 is right"),
    ):
        yield f"  {name:<21} {told}{'; ' * bool(meaning)}{meaning}"
    for one in found.bins:
        said, came = words.percent(one.expected), words.percent(one.rate)
        told = f"{words.percent(one.low)} to {words.percent(one.high)}"
        yield f"    said {said:>6}, came {came:>6} ({told}) of {one.leads:,} leads"
    yield from _price(proposal)


def _price(proposal: Proposal) -> Iterator[str]:
    other, difference = proposal.challenger, proposal.new_to_challenger
    if other is not None and difference is not None:
        told = words.figure(difference.auc, "+.3f")
        trees = f"boosted trees reach AUC {other.auc.value:.3f}"
        yield f"  price of readability  {trees}; the card minus that: {told}"


def _shares(found: Figures) -> str:
    one = found.precision_top_fifth
    if math.isnan(one.low):
        return words.percent(one.value)
    return f"{words.percent(one.value)} (95 % interval {words.percent(one.low)} to {words.percent(one.high)})"


def print_lifts(report: LiftReport) -> None:
    """Which activities and content mark good leads, and how sure that is."""
    if not report.rows:
        out.print("No activities and no content to compare.", markup=False)
        return
    for family, title in (
        ("activity", "Which activities mark good leads"),
        ("content", "Which content marks good leads"),
    ):
        rows = [row for row in report.rows if row.family == family]
        if rows:
            columns = (family, "verdict", "with", "won", "without", "won", "lift", "95 % interval", "held up")
            print_table(title, columns, [_lift_cells(row) for row in rows[:SHOWN_LIFTS]])
        if len(rows) > SHOWN_LIFTS:
            out.print(f"  and {len(rows) - SHOWN_LIFTS:,} more with --json or --csv FILE", markup=False)
    told = f"{report.tested:,} rows were tested together, {report.not_tested:,} have too few leads or wins"
    out.print(f"  {told}; of rows called a sign, one in twenty may be chance.", markup=False)
    if report.units == "accounts":
        effect = f"{report.design_effect:.2f}"
        told = f"Leads of one company are no independent witnesses: intervals are wider for it ({effect})."
        out.print(f"  {told}", markup=False)
    out.print("  A sign goes along with winning; it need not be the reason for it.", markup=False)


def _lift_cells(row: Lift) -> tuple[str, ...]:
    tested = row.verdict != "not_enough_data"
    return (
        row.name,
        words.VERDICTS[row.verdict],
        f"{row.leads:,}",
        words.percent(row.rate),
        f"{row.leads_without:,}",
        words.percent(row.rate_without),
        f"{row.lift:.2f}" if tested else "",
        f"{row.low:.2f} to {row.high:.2f}" if tested else "",
        words.HELD_UP[row.held_up] if tested else "",
    )
