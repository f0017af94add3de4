"""Salesforce record ids: 15 case-sensitive characters plus a 3-character case checksum."""

from __future__ import annotations

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ALLOWED = frozenset(_DIGITS)


def checksum(fifteen: str) -> str:
    """The three characters that make a 15-character id safe where case is lost."""
    found = []
    for start in (0, 5, 10):
        bits = sum(1 << place for place, char in enumerate(fifteen[start : start + 5]) if "A" <= char <= "Z")
        found.append(_CHECK[bits])
    return "".join(found)


def make_id(prefix: str, number: int) -> str:
    """The ``number``-th 18-character id of a prefix; ids of one prefix sort by number."""
    tail = []
    for _ in range(9):
        number, rest = divmod(number, 62)
        tail.append(_DIGITS[rest])
    fifteen = prefix + "Lc0" + "".join(reversed(tail))
    return fifteen + checksum(fifteen)


def normal_id(text: str) -> str | None:
    """The 18-character form of a 15- or 18-character id, or None when it is no id."""
    if len(text) not in (15, 18) or not _ALLOWED.issuperset(text):
        return None
    full = text[:15] + checksum(text[:15])
    return full if len(text) == 15 or text == full else None
