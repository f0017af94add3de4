"""Faults to order: which calls go wrong, how, and how often. Not the faces' own refusals.

A rule is a JSON object::

    {"method": "POST", "path": "regex", "after": 0, "times": 1, "do": "...", ...}

``path`` is searched in the path and in the path with its decoded query. ``after`` matching calls pass
first, then ``times`` calls go wrong (null: until the rules are deleted). The first rule that applies wins.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from localcrm.face import Refused

# What a rule may do, and the further keys it may carry.
KINDS: Mapping[str, frozenset[str]] = {
    "status": frozenset({"status", "body", "headers"}),
    "cut_before": frozenset(),
    "cut_after": frozenset(),
    "hang": frozenset({"seconds", "apply"}),
    "truncate": frozenset(),
    "html": frozenset({"body"}),
    "latency": frozenset({"seconds"}),
    "hide": frozenset(),
    "twice": frozenset(),
    "answer": frozenset({"name"}),
}
Named = Mapping[str, Mapping[str, Any]]
_COMMON = frozenset({"method", "path", "after", "times", "do"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One ordered fault; ``method`` empty means any, ``times`` None means for ever."""

    do: str
    path: re.Pattern[str]
    method: str = ""
    after: int = 0
    times: int | None = 1
    details: Mapping[str, Any] = field(default_factory=dict)

    def matches(self, method: str, targets: Sequence[str]) -> bool:
        """Whether a call of ``method`` to one of these spellings of its path is meant."""
        return self.method in ("", method) and any(self.path.search(target) for target in targets)


def parse(row: object, named: Named | None = None) -> Rule:
    """A rule from JSON; ``answer`` orders one of the ``named``. Raises Refused saying which key is wrong."""
    if not isinstance(row, dict):
        raise Refused("a fault is a JSON object")
    do = row.get("do")
    if not isinstance(do, str) or do not in KINDS:
        raise Refused(f"'do' must be one of {', '.join(KINDS)}")
    unknown = sorted(set(row) - _COMMON - KINDS[do])
    if unknown:
        raise Refused(f"'{do}' does not know {', '.join(unknown)}")
    method = row.get("method") or ""
    if not isinstance(method, str):
        raise Refused("'method' must be text")
    times = row.get("times", 1)
    details = _details(do, row) if do != "answer" else _named(row.get("name"), named or {})
    return Rule(
        do="status" if do == "answer" else do,
        path=_pattern(row.get("path", "")),
        method="" if method == "*" else method.upper(),
        after=_count(row, "after", 0, least=0),
        times=None if times is None else _count(row, "times", 1, least=1),
        details=details,
    )


def _pattern(text: object) -> re.Pattern[str]:
    if not isinstance(text, str):
        raise Refused("'path' must be a regular expression")
    try:
        return re.compile(text)
    except re.error as problem:
        raise Refused(f"'path' is no regular expression: {problem}") from problem


def _count(row: Mapping[str, Any], name: str, default: int, *, least: int) -> int:
    value = row.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise Refused(f"'{name}' must be a whole number, at least {least}")
    return value


def _named(name: object, named: Named) -> dict[str, Any]:
    """What a named answer says; this CRM's face tells them."""
    if name not in named:
        raise Refused(f"'name' must be one of {', '.join(named)}" if named else "this CRM names no answers")
    return dict(named[str(name)])


def _details(do: str, row: Mapping[str, Any]) -> dict[str, Any]:
    details = {name: row[name] for name in KINDS[do] if name in row}
    seconds = details.get("seconds", 0 if do != "latency" else None)
    if seconds is not None and (not isinstance(seconds, int | float) or seconds < 0):
        raise Refused("'seconds' must be a number, at least 0")
    if do == "latency" and seconds is None:
        raise Refused("'latency' needs 'seconds'")
    if do == "status":
        status = details.get("status")
        if not isinstance(status, int) or not 200 <= status <= 599:
            raise Refused("'status' needs a 'status' from 200 to 599")
        if not isinstance(details.get("headers", {}), dict):
            raise Refused("'headers' must be an object")
    return details


class Faults:
    """The rules ordered at one door, with what is left of each. Safe between threads.

    ``named`` are the answers that may be ordered by name: ``status``, ``body``, ``headers``.
    """

    def __init__(self, named: Named | None = None) -> None:
        self._lock = threading.Lock()
        self._named = named or {}
        self._rules: list[list[Any]] = []

    def order(self, rows: object) -> int:
        """Add rules (a list of objects, or one); answers how many stand. Refused: none was added."""
        rules = [parse(row, self._named) for row in (rows if isinstance(rows, list) else [rows])]
        with self._lock:
            self._rules += [[rule, rule.after, rule.times] for rule in rules]
            return len(self._rules)

    def clear(self) -> None:
        """Forget every rule."""
        with self._lock:
            self._rules.clear()

    def standing(self) -> list[dict[str, Any]]:
        """What is still ordered, for people to read."""
        with self._lock:
            return [
                {"method": rule.method or "*", "path": rule.path.pattern, "after": after, "times": times}
                | {"do": rule.do, **rule.details}
                for rule, after, times in self._rules
            ]

    def draw(self, method: str, targets: Sequence[str]) -> Rule | None:
        """The rule this call falls under, if any; counts the call."""
        with self._lock:
            for standing in self._rules:
                rule, after, times = standing
                if not rule.matches(method, targets):
                    continue
                if after:
                    standing[1] -= 1
                    continue
                if times is not None:
                    standing[2] -= 1
                    if standing[2] == 0:
                        self._rules.remove(standing)
                return rule  # type: ignore[no-any-return]
        return None
