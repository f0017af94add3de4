"""What is learned from: leads whose end is known, what was known of each at its landmark, as columns.

Numbers in, numbers out: nothing here knows a CRM, a file or a clock. Rows are leads, in any order. Not here:
which leads may be counted (``cohort``), or where the columns come from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sla_engine.card import Group
from sla_engine.model import ActivityKind

Sign = Literal["good", "bad", "any"]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """One column a card may ask about, as it was at each lead's landmark.

    ``kind`` "number": ``values`` float64, nan where nobody knows; "category": int64 codes into ``levels``,
    -1 where nobody knows; "yes_no": int64 1, 0, or -1 where nobody knows. ``activity``, ``content`` and
    ``window`` are set where the column says that something was done in that time before the landmark.

    >>> Feature("country", "fit", "category", np.array([0, 1, -1]), ("DE", "AT")).levels[0]
    'DE'
    >>> form = Feature("f", "interest", "yes_no", np.array([1]), activity=ActivityKind.FORM, content="Demo")
    >>> [re.search(form.asked_content, text) is not None for text in ("Demo", "Demo booked")]
    [True, False]
    """

    name: str
    group: Group
    kind: Literal["number", "category", "yes_no"]
    values: Ints | Floats
    levels: tuple[str, ...] = ()
    sign: Sign = "any"
    activity: ActivityKind | None = None
    content: str = ""
    window: timedelta | None = None

    @property
    def asked_content(self) -> str:
        """The regular expression by which a line asks for just this content, "" for any.

        Conditions find an expression anywhere in a content, and "/pricing" is not "/pricing/terms".
        """
        return rf"\A{re.escape(self.content)}\Z" if self.content else ""


@dataclass(frozen=True, slots=True, eq=False)
class Presence:
    """An activity or a piece of content, and the rows of the leads that had it by their landmark.

    ``rows`` are sorted, each once.

    >>> Presence("form", "activity", np.array([0, 3])).rows.size
    2
    """

    name: str
    family: Literal["activity", "content"]
    rows: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Leads with a known end. ``won``: the outcome came within the horizon.

    ``order``: when each began (microseconds since 1970 UTC, or a running number), None where nobody knows.
    ``account``: a code for the company, -1 where nobody knows, None where nothing is known at all.

    >>> Sample(np.array([True, False]), np.array([1, 2])).size
    2
    """

    won: Bools
    order: Ints | None = None
    features: tuple[Feature, ...] = ()
    presences: tuple[Presence, ...] = ()
    account: Ints | None = None

    @property
    def size(self) -> int:
        """How many leads."""
        return int(self.won.size)
