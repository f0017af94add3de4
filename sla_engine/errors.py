"""Errors of the engine: a fact or an instant that makes no sense, with the remedy.

Not here: mistakes in an agreement, which are pydantic's ``ValidationError`` (a ValueError) with a
sentence each, and ``lifecycle.ReasonLost``, which is caught inside the engine.
"""

from __future__ import annotations


class NaiveInstant(ValueError):
    """An instant without a time zone; attach one (``datetime.now(UTC)``) before asking.

    >>> str(NaiveInstant("effective_from"))
    'effective_from has no time zone; give an aware datetime, e.g. in UTC'
    """

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} has no time zone; give an aware datetime, e.g. in UTC")


class BadFact(ValueError):
    """A fact about one lead that cannot be judged: which lead, which field, and what to do.

    >>> str(BadFact("00Q1", "created_at", "has no time zone", "give an aware datetime"))
    'lead 00Q1, created_at: has no time zone; give an aware datetime'
    """

    def __init__(self, lead_id: str, field: str, what: str, remedy: str) -> None:
        super().__init__(f"lead {lead_id}, {field}: {what}; {remedy}")
        self.lead_id = lead_id
        self.field = field
        self.what = what
        self.remedy = remedy
