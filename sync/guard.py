"""Brakes: a run that would change unusually much stops and says so before anything is written."""

from __future__ import annotations

from dataclasses import dataclass


class GuardStopped(Exception):
    """A brake held; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Brakes:
    """Stop when more than ``share`` of all leads would change, but never for ``floor`` leads or fewer."""

    share: float = 0.5
    floor: int = 500

    def check(self, changed: int, leads: int, *, consented: bool) -> None:
        """Raises GuardStopped. ``consented``: a first run, a new agreement, or a person's yes."""
        if not consented and changed > self.floor and changed > self.share * leads:
            raise GuardStopped(
                f"{changed} of {leads} leads would change, more than {self.share:.0%}: nothing was written"
            )
