"""Salesforce ids: 15 characters whose case counts, or 18 of which the last three keep the case."""

from __future__ import annotations

_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def full_id(raw: str) -> str:
    """The 18 characters of an id, so that ids can be compared; what is no id comes back as it is.

    >>> full_id("00D000000000062")
    '00D000000000062EAA'
    """
    if len(raw) != 15 or not raw.isalnum():
        return raw
    upper = [sum(1 << place for place in range(5) if raw[start + place].isupper()) for start in (0, 5, 10)]
    return raw + "".join(_CHECK[bits] for bits in upper)
