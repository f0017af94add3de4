"""Brakes: a run that would change unusually much stops and says so before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.base import Change, CreateTask


class GuardStopped(Exception):
    """A brake held; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Brakes:
    """Stop when more than ``share`` of all leads would change, but never for ``floor`` leads or fewer."""

    share: float = 0.5
    floor: int = 500

    def may_hold(self, most: int, leads: int, *, consented: bool) -> bool:
        """Whether the brake could still hold when at most so many leads would change."""
        return not consented and most > self.floor and most > self.share * leads

    def check(self, changed: int, leads: int, *, consented: bool) -> None:
        """Raises GuardStopped. ``changed``: leads that show something of ours and would show another thing.

        ``consented``: another rollout was chosen, or a person said yes.
        """
        if self.may_hold(changed, leads, consented=consented):
            raise GuardStopped(
                f"{changed} of {leads} leads would change, more than [safety] max_changed_share ="
                f" {self.share:g} allows: nothing was written; read `leadsla plan`, and if that is"
                " what you want, run `leadsla sync --allow-mass-change`"
            )


class Caps:
    """How many new tasks are still allowed: per run, and per owner in 24 hours."""

    def __init__(self, per_run: int, per_owner: int, made: Mapping[str, int]) -> None:
        self._left = per_run
        self._per_owner = per_owner
        self._made = dict(made)  # new tasks by owner in the last 24 hours

    def allow(self, change: Change) -> bool:
        """Whether this change may go; counts it if so. Only new tasks are capped."""
        if not isinstance(change, CreateTask):
            return True
        owner = change.owner_id or ""
        if self._left <= 0 or self._made.get(owner, 0) >= self._per_owner:
            return False
        self._left -= 1
        self._made[owner] = self._made.get(owner, 0) + 1
        return True
