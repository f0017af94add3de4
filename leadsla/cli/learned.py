"""What was learned from an export, as a text for people.

Not here: sentences (``learned_words``), JSON (``learned_json``), the chart and the table as files
(``learned_files``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from leadsla.cli import learned_words as words
from leadsla.cli.output import out, print_table
from leadsla.exports.learning import Learned, days
from sla_engine.card import CardLine
from sla_engine.learning.lift import Lift
from sla_engine.learning.measure import Figures
from sla_engine.learning.points import truth_of
from sla_engine.learning.sample import Sample

SHOWN_LIFTS = 15
_FEW_WINS = 100


def show(learned: Learned) -> None:
    """Everything, as a person asks: what was counted, the card, how good it is, what to distrust."""
    for line in (*_counted(learned), "", *_card(learned)):
        out.print(line, markup=False)
    if learned.card.lines:
        rows = list(_card_rows(learned))
        print_table("", ("points", "group", "when", "leads", "won"), rows)
    for line in (*_meaning(learned), "", *_figures(learned), "", *_fields(learned), ""):
        out.print(line, markup=False)
    _lifts(learned)
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


def _card_rows(learned: Learned) -> Iterator[tuple[str, ...]]:
    for line in sorted(learned.card.lines, key=_place):
        leads, rate = support(line, learned.assembled.sample)
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


def _meaning(learned: Learned) -> Iterator[str]:
    card = learned.card
    yield f"  At 0 points the chance of winning is {words.percent(card.chance(0))}" + "".join(
        f", at {points:+} {words.percent(card.chance(points))}"
        for points in ((-5, 5, 10) if card.lines else ())
    )
    if card.high is not None and card.medium is not None:
        best, better = f"{card.high} or more (the best fifth)", f"{card.medium} or more (the better half)"
        yield f"  High: a score of {best}; medium: {better}"
    for note in learned.proposal.notes:
        yield f"  {words.note_sentence(note)}"


def _figures(learned: Learned) -> Iterator[str]:
    found = learned.proposal.new
    roles = learned.leads.roles
    part = "the newest " if roles.created or roles.sequence else ""
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
    yield from _price(learned)


def _price(learned: Learned) -> Iterator[str]:
    other, difference = learned.proposal.challenger, learned.proposal.new_to_challenger
    if other is not None and difference is not None:
        told = words.figure(difference.auc, "+.3f")
        trees = f"boosted trees reach AUC {other.auc.value:.3f}"
        yield f"  price of readability  {trees}; the card minus that: {told}"


def _shares(found: Figures) -> str:
    one = found.precision_top_fifth
    if math.isnan(one.low):
        return words.percent(one.value)
    return f"{words.percent(one.value)} (95 % interval {words.percent(one.low)} to {words.percent(one.high)})"


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


def _lifts(learned: Learned) -> None:
    report = learned.lifts
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


def warnings(learned: Learned) -> Iterator[str]:
    """What makes these figures weaker than they look."""
    leads, counting = learned.leads, learned.counting
    if counting.wins < _FEW_WINS:
        yield f"only {counting.wins} wins: figures of another time may be quite different."
    if leads.roles.ended is None:
        yield (
            "no column says when leads were won: young leads count as not won, and what was filled after"
            " the win cannot be told from what was known before. Name one with --outcome-date."
        )
    if leads.roles.created is not None:
        instants = next(one.instants for one in leads.columns if one.name == leads.roles.created)
        if instants is not None and instants.is_ambiguous:
            yield f"{leads.roles.created} is read as month/day/year; no date in it tells for sure."
    if leads.export.footers:
        yield f"{leads.export.footers} lines with one cell were passed over."
    odd = [one for one in leads.columns if one.odd > max(5, one.filled // 100)]
    for one in odd:
        yield f"{one.name}: {one.odd:,} of {one.filled:,} values are no {one.kind}s and count as unknown."
    if learned.done is not None and learned.done.counts.of_no_lead > learned.done.counts.read // 10:
        yield "more than a tenth of the activities belong to no lead of this export."
    if learned.assembled.seldom:
        yield f"{learned.assembled.seldom:,} pieces of content were too seldom to be compared."
