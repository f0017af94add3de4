"""What a column of an export is: numbers, yes or no, a choice of few values, dates, or just text.

Each different text is understood once; a column with very many different texts is understood while it is
read, so that a million leads fit into memory. Not here: what a column is for (``naming``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leadsla.exports.dates import NEVER, Instants, evidence, exchanged, is_compact_day
from leadsla.exports.personal import are_personal
from leadsla.exports.reading import Cells
from leadsla.exports.values import NO, YES, decimal_sign, is_empty, number
from sync.personal import masked

Kind = Literal["number", "yes_no", "category", "date", "text", "empty"]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
WIDE = 50_000
"""From so many different texts on a column is understood while it is read."""
MOST_LEVELS = 1_000
_MOSTLY = 0.95
_SAMPLE = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column as read.

    ``values``: float64 (number), int64 (yes_no 1, 0, -1; category codes into ``levels``, -1 unknown; date
    microseconds, -1 unknown), nothing for text and empty. ``odd``: filled cells that are not what the column
    is. ``distinct``: different filled values, None: more than anybody counted. ``is_personal``: most are
    e-mail addresses or telephone numbers.
    """

    name: str
    kind: Kind
    values: NDArray[np.float64] | Ints
    levels: tuple[str, ...] = ()
    filled: int = 0
    distinct: int | None = None
    odd: int = 0
    instants: Instants | None = None
    is_personal: bool = False


class Coder(dict[str, int]):
    """Gives each different text a running number."""

    def __missing__(self, text: str) -> int:
        found = self[text] = len(self)
        return found


def coded(coder: Coder, cells: Cells) -> Codes:
    """The running numbers of so many cells."""
    return np.fromiter(map(coder.__getitem__, cells), np.int32, len(cells))


@dataclass(slots=True)
class Gathering:
    """One column while it is read. ``keep``: every text is kept, however many there are."""

    name: str
    comma: bool = False
    keep: bool = False
    coder: Coder = field(default_factory=Coder)
    parts: list[NDArray[np.float64] | Ints | Codes] = field(default_factory=list)
    _reader: _Reader | None = None

    def add(self, cells: Cells) -> None:
        """The next rows."""
        if self._reader is not None:
            was_day_first = self._reader.instants.day_first
            self.parts.append(self._reader.read(cells))
            if self._reader.instants.day_first != was_day_first:
                self.parts[:-1] = [exchanged(np.asarray(part, np.int64)) for part in self.parts[:-1]]
            return
        self.parts.append(coded(self.coder, cells))
        if len(self.coder) > WIDE and not self.keep:
            self._widen()

    def _widen(self) -> None:
        codes = np.concatenate(self.parts)
        counts = np.bincount(codes, minlength=len(self.coder))
        texts = list(self.coder)
        self._reader = _Reader(kind_of(texts, counts, comma=self.comma), texts, comma=self.comma)
        self.parts = [self._reader.read(texts, counts)[codes]] if self._reader.kind != "text" else []
        self.coder = Coder()

    @property
    def codes(self) -> Codes:
        """The running number of each row's text (only while every text is kept)."""
        return np.concatenate([np.asarray(part, np.int32) for part in self.parts] or [np.empty(0, np.int32)])

    def column(self) -> Column:
        """What was read, understood."""
        if self._reader is not None:
            return self._reader.column(self.name, self.parts)
        return typed(self.name, list(self.coder), self.codes, comma=self.comma)


class _Reader:
    """Understands a column of very many different texts as it goes."""

    def __init__(self, kind: Kind, texts: Sequence[str], *, comma: bool) -> None:
        self.kind: Kind = kind if kind in {"number", "date"} else "text"
        self._decimal = decimal_sign(texts[:_SAMPLE], "," if comma else ".")
        self.instants = Instants(texts)
        self.filled = self.odd = 0
        self.is_personal = are_personal(text for text in texts[:_SAMPLE] if not is_empty(text))

    def read(
        self, cells: Sequence[str], counts: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64] | Ints:
        """The values of so many cells; ``counts``: how often each stands for itself."""
        weight = np.ones(len(cells), np.int64) if counts is None else counts
        if self.kind == "text":
            self.filled += int(weight[np.fromiter(map(bool, cells), np.bool_, len(cells))].sum())
            return np.empty(0, np.int64)
        found = _numbers(cells, self._decimal) if self.kind == "number" else self._dates(cells)
        known = ~np.isnan(found) if self.kind == "number" else found != NEVER
        odd = [at for at in np.flatnonzero(~known).tolist() if not is_empty(cells[at])]
        amount = int(weight[odd].sum())
        self.odd += amount
        self.filled += int(weight[known].sum()) + amount
        return found

    def _dates(self, cells: Sequence[str]) -> Ints:
        """The first dates that tell whether days come first decide, for the rows before them as well."""
        told = evidence(cells) if self.instants.is_undecided else 0
        if told:
            self.instants.turn(day_first=told > 0)
        return self.instants.all_of(cells)

    def column(self, name: str, parts: Sequence[NDArray[np.float64] | Ints | Codes]) -> Column:
        if self.kind == "text":
            nothing = np.empty(0, np.int64)
            return Column(name, "text", nothing, filled=self.filled, is_personal=self.is_personal)
        dtype = np.float64 if self.kind == "number" else np.int64
        values = np.concatenate([np.asarray(part, dtype) for part in parts])
        distinct = len(np.unique(values[~np.isnan(values)])) if self.kind == "number" else None
        instants = self.instants if self.kind == "date" else None
        return Column(
            name, self.kind, values, (), self.filled, distinct, self.odd, instants, self.is_personal
        )


def typed(name: str, texts: Sequence[str], codes: Codes, *, comma: bool = False) -> Column:
    """A column out of its different texts and which of them each row has.

    >>> typed("size", ["10", "Select", "2.5"], np.array([0, 1, 2, 0], np.int32)).values
    array([10. ,  nan,  2.5, 10. ])
    """
    counts = np.bincount(codes, minlength=len(texts))
    full = np.array([not is_empty(text) for text in texts], bool)
    kind = kind_of(texts, counts, comma=comma)
    filled = int(counts[full].sum())
    values, levels, instants = _understood(kind, texts, full, comma=comma)
    known = ~np.isnan(values) if kind == "number" else values != NEVER
    odd = int(counts[full & ~known].sum()) if kind in {"number", "date"} else 0
    different = {text.strip().casefold() for text, one in zip(texts, full, strict=True) if one}
    distinct, is_personal = len(different), are_personal(different)
    if kind in {"text", "empty"}:
        return Column(name, kind, np.empty(0, np.int64), (), filled, distinct, is_personal=is_personal)
    return Column(name, kind, values[codes], levels, filled, distinct, odd, instants, is_personal)


def _understood(
    kind: Kind, texts: Sequence[str], full: NDArray[np.bool_], *, comma: bool
) -> tuple[NDArray[np.float64] | Ints, tuple[str, ...], Instants | None]:
    if kind == "number":
        chosen = [text for text, one in zip(texts, full, strict=True) if one]
        return _numbers(texts, decimal_sign(chosen, "," if comma else ".")), (), None
    if kind == "yes_no":
        return _yes_or_no(texts), (), None
    if kind == "date":
        instants = Instants(text for text, one in zip(texts, full, strict=True) if one)
        return instants.all_of(texts), (), instants
    values, levels = _levels(texts, full) if kind == "category" else (np.full(len(texts), -1), ())
    return values, levels, None


def _yes_or_no(texts: Sequence[str]) -> Ints:
    """Where no is never written, as where things are ticked, an empty cell is a no."""
    folded = [text.strip().casefold() for text in texts]
    empty = -1 if any(one in NO for one in folded) else 0
    values = [1 if one in YES else 0 if one in NO else -1 if one else empty for one in folded]
    return np.array(values, np.int64)


def _levels(texts: Sequence[str], full: NDArray[np.bool_]) -> tuple[Ints, tuple[str, ...]]:
    """Levels in alphabetical order; capital and small letters are the same, as in a card."""
    shown: dict[str, str] = {}
    for text, one in zip(texts, full, strict=True):
        if one:
            plain = _level(text)
            folded = plain.casefold()
            shown[folded] = min(shown.get(folded, plain), plain)
    place = {folded: at for at, folded in enumerate(sorted(shown))}
    values = [place[_level(text).casefold()] if one else -1 for text, one in zip(texts, full, strict=True)]
    return np.array(values, np.int64), tuple(shown[folded] for folded in sorted(shown))


def _level(text: str) -> str:
    return masked(" ".join(text.split()))


def kind_of(texts: Sequence[str], counts: NDArray[np.int64], *, comma: bool = False) -> Kind:
    """What most of the filled rows say the column is.

    >>> kind_of(["yes", "no", ""], np.array([5, 5, 1])), kind_of(["01067", "20095"], np.array([1, 1]))
    ('yes_no', 'category')
    """
    chosen = {
        text.strip(): int(count)
        for text, count in zip(texts, counts, strict=True)
        if count and not is_empty(text)
    }
    if not chosen:
        return "empty"
    folded = {text.casefold() for text in chosen}
    if folded <= (YES | NO) and folded & YES:
        return "yes_no"
    tested = dict(list(chosen.items())[:_SAMPLE])
    total = sum(tested.values())
    instants = Instants(tested)
    if not all(text.isdigit() for text in tested) or _is_epoch(tested) or all(map(is_compact_day, tested)):
        dates = sum(count for text, count in tested.items() if instants(text) != NEVER)
        if dates >= _MOSTLY * total:
            return "date"
    decimal = decimal_sign(tested, "," if comma else ".")
    numbers = sum(count for text, count in tested.items() if number(text, decimal) == number(text, decimal))
    if numbers >= _MOSTLY * total and not _are_codes(tested):
        return "number"
    return "category" if _is_choice(len(folded), sum(chosen.values())) else "text"


def _is_choice(distinct: int, filled: int) -> bool:
    return distinct <= MOST_LEVELS and (distinct <= 20 or distinct <= filled / 2)


def _is_epoch(texts: Iterable[str]) -> bool:
    return all(len(text) == 13 and text[0] in "12" for text in texts)


def _are_codes(texts: Mapping[str, int]) -> bool:
    """Postal codes and telephone numbers are no quantities: zeros or a plus in front."""
    marked = sum(
        text[0] == "+" or (text[0] == "0" and text.isdigit() and len(text) > 1) for text in texts if text
    )
    return marked > 0.02 * len(texts)


def _numbers(texts: Sequence[str], decimal: str) -> NDArray[np.float64]:
    return np.fromiter((number(text, decimal) for text in texts), np.float64, len(texts))
