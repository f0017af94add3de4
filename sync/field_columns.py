"""The values of one lead field over many leads, small enough for a million of them.

Values that could name a person make the whole column unfit. Not here: which leads, or what they teach.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from sla_engine.learning.sample import Bools, Feature
from sla_engine.model import Value
from sync.personal import could_name_somebody

NEVER = -1
_MOST_LEVELS = 1_000
_PERSONAL_WORDS = frozenset({"mail", "email", "phone", "mobile", "telephone", "fax"})
_NAMES = frozenset({"name", "first_name", "last_name", "full_name", "contact_name"})


def names_people(name: str) -> bool:
    """Whether a field of this name holds names, addresses or numbers of people."""
    if name.endswith("_kind"):
        return False
    return name in _NAMES or not _PERSONAL_WORDS.isdisjoint(name.split("_"))


@dataclass(slots=True)
class FieldColumn:
    """One field's values, lead by lead: texts as codes, numbers as they are."""

    codes: array[int] = field(default_factory=lambda: array("q"))
    numbers: array[float] = field(default_factory=lambda: array("d"))
    levels: dict[str, int] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    late_won: int = 0
    late_others: int = 0

    def add(self, value: Value) -> None:
        code, number = NEVER, float("nan")
        if isinstance(value, bool):
            self.kinds.add("yes_no")
            code = int(value)
        elif isinstance(value, int | float):
            self.kinds.add("number")
            number = float(value)
        elif isinstance(value, datetime):
            self.kinds.add("date")
        elif value:
            self.kinds.add("personal" if could_name_somebody(value) else "category")
            code = self.levels.setdefault(value.strip(), len(self.levels)) if self.has_few_levels else NEVER
        self.codes.append(code)
        self.numbers.append(number)

    def extend(self, other: FieldColumn) -> None:
        """The values of other leads after these."""
        texts = list(other.levels)
        codes = [self.levels.setdefault(text, len(self.levels)) for text in texts]
        is_text = bool(texts)
        self.codes.extend(codes[code] if is_text and code != NEVER else code for code in other.codes)
        self.numbers.extend(other.numbers)
        self.kinds |= other.kinds
        self.late_won += other.late_won
        self.late_others += other.late_others

    @property
    def has_few_levels(self) -> bool:
        return len(self.levels) <= _MOST_LEVELS

    def feature(self, name: str, rows: Bools) -> Feature | None:
        """The column of the counted leads; None for dates, mixtures and texts that are all different."""
        if len(self.kinds) != 1 or not self.has_few_levels:
            return None
        (kind,) = self.kinds
        if kind == "number":
            return Feature(name, "fit", "number", np.frombuffer(self.numbers, np.float64)[rows])
        codes = np.frombuffer(self.codes, np.int64)[rows]
        if kind == "yes_no":
            return Feature(name, "fit", "yes_no", codes)
        return Feature(name, "fit", "category", codes, tuple(self.levels)) if kind == "category" else None


def nothing_known(leads: int) -> FieldColumn:
    """A column of which nobody knows anything yet."""
    return FieldColumn(array("q", [NEVER]) * leads, array("d", [float("nan")]) * leads)
