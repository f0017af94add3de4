"""Working hours that a CRM already keeps, to be taken over into the agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, runtime_checkable

from sla_engine.business_time import Day

Shifts = tuple[tuple[str, str], ...]
"""Wall times as the agreement writes them: ("09:00", "17:30"), ("00:00", "24:00")."""


@dataclass(frozen=True, slots=True)
class CrmHours:
    """One calendar of a CRM in the agreement's form; ``tz`` is an IANA zone.

    ``holidays``: days closed all day, with their names. ``overrides``: days open for a part only. Days that
    come back every year are written out up to ``known_until``. ``remarks``: what a person should look at.
    """

    name: str
    tz: str
    weekly: Mapping[Day, Shifts]
    known_until: date
    holidays: Mapping[date, str] = field(default_factory=dict)
    overrides: Mapping[date, Shifts] = field(default_factory=dict)
    is_default: bool = False
    remarks: tuple[str, ...] = ()


@runtime_checkable
class KeepsHours(Protocol):
    """What a CRM may be able to do besides."""

    def business_hours(self, since: date, until: date) -> Sequence[CrmHours]:
        """Every active calendar of the CRM, the default one first, with its holidays in [since, until].

        Raises Unauthorised, Unavailable.
        """
        ...
