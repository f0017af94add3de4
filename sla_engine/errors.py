"""Errors of the engine: a fact or an agreement that makes no sense, with the remedy."""

from __future__ import annotations


class NaiveInstant(ValueError):
    """An instant without a time zone; attach one (``datetime.now(UTC)``) before asking."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} has no time zone; give an aware datetime, e.g. in UTC")


class BadFact(ValueError):
    """A fact about one lead that cannot be judged: which lead, which field, and what to do."""

    def __init__(self, lead_id: str, field: str, what: str, remedy: str) -> None:
        super().__init__(f"lead {lead_id}, {field}: {what}; {remedy}")
        self.lead_id = lead_id
        self.field = field
        self.what = what
        self.remedy = remedy
