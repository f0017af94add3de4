"""How long work tells that it goes on."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told about each step of a run; ``total`` is None when unknown."""

    def step(self, name: str, done: int, total: int | None) -> None: ...


class Silent:
    """For those who do not want to be told."""

    def step(self, name: str, done: int, total: int | None) -> None:
        """Say nothing."""
