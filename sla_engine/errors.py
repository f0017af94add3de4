"""Errors of the engine: a fact or an agreement that makes no sense, with the remedy."""

from __future__ import annotations


class NaiveInstant(ValueError):
    """An instant without a time zone; attach one (``datetime.now(UTC)``) before asking."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} has no time zone; give an aware datetime, e.g. in UTC")
