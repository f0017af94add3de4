"""E-mail addresses and telephone numbers inside other texts: found and masked.

Not here: which columns or fields hold them by their name (``field_columns``, ``leadsla.exports.personal``).
"""

from __future__ import annotations

import re

EMAIL_MASK, PHONE_MASK = "(e-mail)", "(phone)"
_EMAIL = re.compile(r"[^\s/?#&=<>\"'(),;:|]+(?:@|%40)[^\s/?#&=<>\"'(),;:|@%]+\.[^\W\d_]{2,}", re.IGNORECASE)
_PHONE = re.compile(
    r"(?<![\w+])(?:"
    r"(?:\+|%2B|00(?=[1-9]))(?:[\s()/.-]{0,2}\d){7,15}"
    r"|\(?0[1-9]\d{1,4}\)?[\s/.-]{1,3}\d(?:[\s/.-]?\d){4,9}"
    r"|0[1-9]\d{8,11}"
    r"|\(\d{3}\)\s?\d{3}-\d{4}|\d{3}-\d{3}-\d{4}"
    r")(?!\w)",
    re.IGNORECASE,
)
_FEWEST_DIGITS = 7


def masked(text: str) -> str:
    """A text without e-mail addresses and telephone numbers.

    >>> masked("/unsubscribe/p1@firma.de"), masked("call +49 171 2345678"), masked("/a/2026-01-31")
    ('/unsubscribe/(e-mail)', 'call (phone)', '/a/2026-01-31')
    """
    if "@" in text or "%40" in text:
        text = _EMAIL.sub(EMAIL_MASK, text)
    if sum(map(str.isdigit, text)) >= _FEWEST_DIGITS:
        text = _PHONE.sub(PHONE_MASK, text)
    return text


def could_name_somebody(text: str) -> bool:
    """Whether a text holds a mail address or a phone number.

    >>> [could_name_somebody(one) for one in ("/bye/eva@kontor.de", "/bye?to=eva%40kontor.de", "/pricing")]
    [True, True, False]
    """
    return masked(text) != text
