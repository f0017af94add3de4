"""Which leads were won: a column, and the value of it that means won, named or unmistakable.

Not here: when they were won, and whether they may be counted at all (``counting``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from connectors.base import Problem
from leadsla.exports.columns import Codes, kind_of, typed
from leadsla.exports.dates import NEVER
from leadsla.exports.values import NO, YES, is_empty
from leadsla.mistakes import closest
from sync.personal import masked

_WON = frozenset({"won", "closed won", "win", "customer", "converted", "closed - won", "closed/won"})
_WON |= {"success", "successful", "gewonnen", "kunde", "deal won", "sold", "closedwon"}
_OPEN = frozenset({"new", "open", "open - not contacted", "not contacted", "unworked", "untouched"})
_OPEN |= {"neu", "offen", "uncontacted", "not started", "nicht kontaktiert"}
_BAD = frozenset({"duplicate", "duplicate lead", "spam", "test", "junk", "junk lead", "fake", "invalid"})
_BAD |= {"invalid number", "wrong number", "wrong number given", "bad data", "wrong contact data", "dublette"}
_BAD |= {"wrong data", "falsche daten", "invalid data"}
_SHOWN = 12


class End(IntEnum):
    """How a lead ended, as far as the column says."""

    UNKNOWN = -1
    NOT_WON = 0
    WON = 1
    OPEN = 2
    BAD_DATA = 3


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Per row how it ended (``ends``), when it was won if the column holds dates (``won_at``), and in words.

    ``meaning``: what counts as won. ``counts``: every value seen, with what it was taken for.
    """

    ends: NDArray[np.int8]
    meaning: str
    counts: tuple[tuple[str, int, End], ...]
    won_at: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person named: the column, the values that mean won, the values that mean nobody answered yet."""

    column: str
    won: str = ""
    still_open: tuple[str, ...] = ()


def parted(spec: str, names: Sequence[str]) -> tuple[str, str]:
    """The column and the value of "COLUMN=VALUE"; a column's own name may hold an equals sign.

    >>> parted("Status=Won", ["Status"]), parted("a=b", ["a=b"])
    (('Status', 'Won'), ('a=b', ''))
    """
    if spec.casefold() in {name.casefold() for name in names}:
        return spec, ""
    column, _, value = spec.partition("=")
    return column.strip(), value.strip()


def outcome_of(
    asked: Asked, texts: Sequence[str], codes: Codes, where: str, problems: list[Problem]
) -> Outcome | None:
    """How each row ended; None with a problem that names the values seen when nobody can tell."""
    counts = np.bincount(codes, minlength=len(texts))
    folded = [" ".join(text.split()).casefold() for text in texts]
    kind = kind_of(texts, counts)
    won_at = None
    if asked.won:
        ends, meaning = _named(asked, folded, texts)
    elif kind == "date":
        column = typed(asked.column, texts, codes)
        won_at = np.asarray(column.values, np.int64)
        ends, meaning = [0 if is_empty(text) else 1 for text in texts], "has a date"
    elif kind == "number":
        values = typed(asked.column, texts, np.arange(len(texts), dtype=np.int32)).values
        ends, meaning = [int(value > 0) for value in values], "is more than 0"
    elif kind == "yes_no":
        ends, meaning = _yes_or_no(folded)
    else:
        ends, meaning = _unmistakable(folded, texts)
    if not meaning:
        problems.append(_nobody_knows(asked, where, texts, counts))
        return None
    ends = _apart(asked, folded, ends, is_word=kind == "category" or bool(asked.won))
    rows = np.array(ends, np.int8)[codes]
    if won_at is not None:
        rows = np.where((rows == End.WON) & (won_at == NEVER), End.UNKNOWN, rows).astype(np.int8)
    seen = sorted(zip(counts.tolist(), texts, ends, strict=True), key=lambda one: (-one[0], one[1]))
    shown = tuple((masked(text.strip()) or "(empty)", count, End(end)) for count, text, end in seen[:_SHOWN])
    return Outcome(rows, meaning, () if kind in {"date", "number"} else shown, won_at)


def _named(asked: Asked, folded: Sequence[str], texts: Sequence[str]) -> tuple[list[int], str]:
    whole = " ".join(asked.won.split()).casefold()
    wanted = {whole} if whole in folded else {one.strip() for one in whole.split(",")}
    if not wanted <= set(folded):
        return [], ""
    ends = [
        1 if one in wanted else (-1 if is_empty(text) else 0) for one, text in zip(folded, texts, strict=True)
    ]
    return ends, f"is {asked.won}"


def _yes_or_no(folded: Sequence[str]) -> tuple[list[int], str]:
    """Where only yes is ever written, an empty cell is a no."""
    empty = -1 if any(one in NO for one in folded) else 0
    yes = next(one for one in folded if one in YES)
    return [1 if one in YES else 0 if one in NO else empty for one in folded], f"is {yes}"


def _unmistakable(folded: Sequence[str], texts: Sequence[str]) -> tuple[list[int], str]:
    wins = [one for one in folded if one in _WON]
    if len(wins) != 1:
        return [], ""
    ends = [1 if one in _WON else (-1 if is_empty(one) else 0) for one in folded]
    return ends, f"is {texts[folded.index(wins[0])].strip()}"


def _apart(asked: Asked, folded: Sequence[str], ends: Iterable[int], *, is_word: bool) -> list[int]:
    """Leads nobody answered yet are not lost, and wrong data says nothing about a buyer."""
    still_open = {" ".join(one.split()).casefold() for one in asked.still_open} | (
        _OPEN if is_word else set()
    )
    bad = _BAD if is_word else frozenset()
    return [
        end if end == End.WON else (End.OPEN if one in still_open else End.BAD_DATA if one in bad else end)
        for one, end in zip(folded, ends, strict=True)
    ]


def _nobody_knows(asked: Asked, where: str, texts: Sequence[str], counts: NDArray[np.int64]) -> Problem:
    seen = sorted(zip(counts.tolist(), texts, strict=True), key=lambda one: (-one[0], one[1]))
    told = ", ".join(
        f"{masked(text.strip()) or '(empty)'} ({count:,})" for count, text in seen[:_SHOWN] if count
    )
    more = f" and {len(seen) - _SHOWN:,} more" if len(seen) > _SHOWN else ""
    if asked.won:
        near = closest(asked.won, [text.strip() for text in texts if text.strip()])
        what = f'no lead has {asked.column} = "{asked.won}"'
    else:
        near = ""
        what = f"nobody can tell which value of {asked.column} means won"
    example = near or next((text.strip() for _, text in seen if _level(text) in _WON), "")
    remedy = f'write --outcome "{asked.column}={masked(example) or "VALUE"}"'
    remedy += " or another of these" if example else " with the value that means won"
    return Problem(where, f"{what}; it holds: {told}{more}", remedy)


def _level(text: str) -> str:
    return " ".join(text.split()).casefold()
