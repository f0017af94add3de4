"""Somebody else writes what we write: a workflow that sets our field back is not answered for ever.

A value that was written three times within a day, and still has to be written, is left alone for the rest of
that day and told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from connectors.base import AssignOwner, Change, SetFields, SetStage
from connectors.canonical import canonical

WITHIN = timedelta(days=1)
ENOUGH = 3

Deeds = Mapping[str, Counter[str]]
"""How often which value was written where, by lead id."""


def deeds_of(written: Iterable[Change]) -> Deeds:
    """What was written lately, counted.

    >>> change = SetFields("7", {"status": "running"}, "due")
    >>> deeds_of([change, change])["7"]["status=running"]
    2
    """
    counted: dict[str, Counter[str]] = {}
    for change in written:
        counted.setdefault(change.lead_id, Counter()).update(deed for deed, _ in _deeds(change))
    return counted


def without_fights(changes: Iterable[Change], lately: Deeds) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """The changes that are no fight, and the names of what is fought over.

    >>> lately = deeds_of([SetFields("7", {"status": "running"}, "due")] * 3)
    >>> kept, fought = without_fights([SetFields("7", {"status": "running", "score": 40}, "due")], lately)
    >>> kept[0].values, fought
    ({'score': 40}, ('status',))
    """
    kept: list[Change] = []
    fought: list[str] = []
    for change in changes:
        counts = lately.get(change.lead_id, Counter[str]())
        names = [name for deed, name in _deeds(change) if counts[deed] >= ENOUGH]
        fought += names
        if not names:
            kept.append(change)
        elif isinstance(change, SetFields) and len(names) < len(change.values):
            left = {name: value for name, value in change.values.items() if name not in names}
            kept.append(replace(change, values=left))
    return tuple(kept), tuple(fought)


def _deeds(change: Change) -> Iterator[tuple[str, str]]:
    """What a change does, and the name of what it does it to."""
    match change:
        case SetFields():
            for name, value in change.values.items():
                yield f"{name}={canonical(value)}", name
        case SetStage():
            yield f"stage={change.stage}", "stage"
        case AssignOwner():
            yield f"owner={change.owner_id}", "owner"
