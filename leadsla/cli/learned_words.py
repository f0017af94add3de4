"""The sentences of what was learned from an export, as a sales manager reads them.

Not here: the figures themselves (``sla_engine.learning``), tables and JSON (``learned``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from leadsla.exports.assembling import Dropped
from leadsla.exports.outcome import End
from sla_engine.card import CardLine
from sla_engine.conditions import Condition
from sla_engine.learning.audit import Blocked
from sla_engine.learning.lift import Lift
from sla_engine.learning.measure import Figure
from sla_engine.learning.proposal import Note

EXCLUDED: Mapping[str, str] = {
    "no_outcome": "have no outcome",
    "no_date": "have no date on which they came in",
    "won_without_date": "were won, nobody knows when",
    "duplicate": "are listed more than once",
    "too_young": "are too young for their end to be known",
    "before_recording": "came before the first win was recorded",
    "data_quality": "are duplicates, spam or wrong data",
    "closed_before_landmark": "ended before the day they are looked at",
    "unworked": "nobody has answered yet",
}
TAKEN_FOR: Mapping[End, str] = {
    End.UNKNOWN: "unknown",
    End.NOT_WON: "not won",
    End.WON: "won",
    End.OPEN: "not answered yet",
    End.BAD_DATA: "wrong data",
}
ROLES: Mapping[str, str] = {
    "outcome": "the outcome",
    "ended": "the date of the outcome",
    "created": "when a lead came in",
    "sequence": "the order in which leads came in",
    "lead_id": "the lead's id",
    "account": "the lead's company",
}
VERDICTS: Mapping[str, str] = {
    "good_sign": "good sign",
    "bad_sign": "bad sign",
    "no_clear_difference": "no clear difference",
    "not_enough_data": "not enough data",
}
HELD_UP: Mapping[str, str] = {"yes": "yes", "no": "no", "too_few": "too few leads"}


def percent(share: float) -> str:
    """A share in per cent; a dash if nobody knows.

    >>> percent(0.284), percent(0.0042), percent(float("nan"))
    ('28 %', '0.4 %', '-')
    """
    if math.isnan(share):
        return "-"
    return (
        f"{share:.1%}".replace("%", " %")
        if 0 < share < 0.1 or 0.995 < share < 1
        else f"{share:.0%}".replace("%", " %")
    )


def figure(found: Figure, form: str = ".3f") -> str:
    """A figure and its interval."""
    if math.isnan(found.value):
        return "cannot be told"
    if math.isnan(found.low) or math.isnan(found.high):
        return format(found.value, form)
    return f"{found.value:{form}} (95 % interval {found.low:{form}} to {found.high:{form}})"


def plain_number(value: float) -> str:
    """A number as people write it.

    >>> plain_number(1200.0), plain_number(0.5)
    ('1,200', '0.5')
    """
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1_000 else f"{value:.4g}"


def condition(line: CardLine) -> str:
    """What a line asks, in words."""
    asked = _asked(line.when)
    return f"{asked} within {line.within.days} days" if line.within is not None else asked


def _asked(when: Condition) -> str:
    if when.any_ is not None:
        return " or ".join(map(_asked, when.any_))
    if when.all_ is not None:
        return " and ".join(map(_asked, when.all_))
    if when.not_ is not None:
        return f"not ({_asked(when.not_)})"
    if when.activity is not None:
        content = f' "{_content(when.content.pattern)}"' if when.content is not None else ""
        return f"{when.activity.replace('_', ' ')}{content}"
    return f"{when.field} {_test(when)}"


def _content(pattern: str) -> str:
    """The content that a learned line asks for, plainly; an expression that somebody wrote, as it is."""
    plain = re.sub(r"\\(.)", r"\1", pattern.removeprefix(r"\A").removesuffix(r"\Z"), flags=re.DOTALL)
    return plain if re.escape(plain) == pattern.removeprefix(r"\A").removesuffix(r"\Z") else pattern


def _test(when: Condition) -> str:
    if when.in_ is not None:
        return f"is {' or '.join(when.in_)}"
    if when.at_least is not None:
        return f"is at least {plain_number(when.at_least)}"
    if when.at_most is not None:
        return f"is at most {plain_number(when.at_most)}"
    if when.missing is not None:
        return "is empty" if when.missing else "is filled"
    if isinstance(when.is_, bool):
        return "is yes" if when.is_ else "is no"
    return f"is {plain_number(when.is_) if isinstance(when.is_, float) else when.is_}"


def blocked_sentence(one: Blocked) -> str:
    """Why a field may not become a line."""
    values = dict(one.values)

    def share(key: str) -> str:
        return percent(float(values.get(key, math.nan)))

    def count(key: str) -> str:
        return plain_number(float(values.get(key, math.nan)))

    if one.code == "constant":
        return f"is always {values.get('value', 'the same')}"
    if one.code == "identifier":
        return f"is different for nearly every lead ({count('distinct')} values for {count('leads')} leads)"
    if one.code == "filled_by_outcome":
        return (
            f"seems to be filled because of the outcome: where it is filled {share('rate_filled')} of"
            f" {count('leads_filled')} leads were won, where it is empty {share('rate_empty')}"
            f" of {count('leads_empty')}"
        )
    if one.code == "edited_after_outcome":
        return f"is changed after the outcome ({share('won')} of won leads, {share('others')} of the others)"
    return _too_good(values)


def _too_good(values: Mapping[str, str | float]) -> str:
    if "rate" not in values:
        return f"tells won from lost nearly without error (AUC {float(values.get('auc', math.nan)):.3f})"
    where = f'"{values["level"]}"' if "level" in values else ""
    if "threshold" in values:
        where = f"{plain_number(float(values['threshold']))} and more"
    return (
        f"is too good to be true: with {where} {percent(float(values['rate']))} of"
        f" {plain_number(float(values.get('leads', math.nan)))} leads were won,"
        f" without {percent(float(values.get('rate_rest', math.nan)))}; such a value is set after the outcome"
    )


def dropped_sentence(one: Dropped) -> str:
    """Why a column was not looked at."""
    if one.why == "role":
        return f"is {ROLES[one.role]}"
    if one.why == "text":
        amount = f"{one.distinct:,}" if one.distinct else "very many"
        return f"is text with {amount} different values"
    return {
        "excluded": "left out as you asked",
        "personal": "left out: personal data",
        "empty": "is empty",
        "date": "is a date",
        "set_later": "seems, by its name, to be filled while or after a lead is worked",
    }[one.why]


def note_sentence(note: Note) -> str:
    """What to know about the card."""
    values = {
        key: plain_number(value) if isinstance(value, float | int) else value for key, value in note.values
    }
    texts = {
        "only_intercept": "Too few outcomes to change lines; only the chance at zero points was set.",
        "from_nothing": "There is no card yet: this one is learned from these leads alone.",
        "slope_fitted": "How much one point is worth was measured on these leads.",
        "slope_kept": "Too few outcomes to measure what one point is worth; it stays at odds times 1.25.",
        "no_time_order": "No column tells the order of leads: the measured part is not the newest,"
        " and figures may flatter.",
        "no_better": "On the measured part it is not clearly better than the card before.",
        "line_not_in_data": f"A line asks for something these leads do not have: {values.get('line', '')}.",
        "few_outcomes": "There are few outcomes: lines and figures may look different next time.",
    }
    told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items())
    return texts.get(note.code, f"{note.code.replace('_', ' ')}{': ' if told else ''}{told}")


def lift_sentence(row: Lift) -> str:
    """One row in a sentence."""
    return (
        f"{row.name}: {VERDICTS[row.verdict]}; {percent(row.rate)} of {row.leads:,} leads with it"
        f" were won, {percent(row.rate_without)} of {row.leads_without:,} without"
    )
