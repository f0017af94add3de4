"""What a CRM may be able to do besides, each as a small protocol that ``sync`` looks for."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class TakesMany(Protocol):
    """A CRM that writes many changes with less effort when they come together.

    ``changes_at_once``: as many as one ``apply`` should be given.
    """

    changes_at_once: int
