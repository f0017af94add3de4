"""Pieces of content in an export of activities: pages, forms, campaigns, subjects, each as one text.

Not here: whose they were, and when (``activities``).
"""

from __future__ import annotations

import re

from leadsla.exports.columns import Coder
from leadsla.exports.values import is_empty
from sync.personal import masked

_REMEMBERED = 500_000


class Contents(Coder):
    """Numbers pieces of content; pages that differ only behind the question mark are one."""

    def __init__(self) -> None:
        super().__init__()
        self.short = Coder()

    def __missing__(self, text: str) -> int:
        if len(self) > _REMEMBERED:
            self.clear()
        found = self[text] = self.short[_short(text)]
        return found


def _short(text: str) -> str:
    """A page without what follows the question mark; nothing for empty words."""
    if is_empty(text):
        return ""
    plain = " ".join(text.split())
    return masked(re.split(r"[?#]", plain, maxsplit=1)[0] if "/" in plain else plain)
