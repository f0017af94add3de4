"""Personal data in an export: it never becomes a line, and is never printed.

Columns of names, e-mail addresses and telephone numbers are known by their names and by what they hold;
inside other texts (a page's path, a campaign) addresses and numbers are masked. Not here: what a column is
for otherwise (``naming``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from leadsla.exports.naming import plain, words

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
_MOSTLY = 0.5
_ALWAYS = frozenset(
    {"vorname", "nachname", "familienname", "surname", "firstname", "lastname", "fullname", "ansprechpartner"}
    | {"ansprechpartners", "ansprechpartnerin", "telefon", "telefonnummer", "mobilnummer", "handynummer"}
)
_OF_A_PERSON = frozenset(
    {"first", "last", "full", "given", "family", "middle", "maiden", "contact", "person"}
)
_OF_A_PERSON |= frozenset({"lead", "prospect", "owner", "customer"})
_REACHED = frozenset(
    {"mail", "email", "phone", "mobile", "telephone", "handy", "mobil", "fax", "cell", "tel"}
)
_BESIDE = frozenset(
    {"e", "address", "adresse", "number", "nummer", "no", "nr", "work", "business", "private"}
)
_BESIDE |= frozenset(
    {"home", "primary", "secondary", "contact", "main", "direct", "office", "lead", "person"}
)
_BESIDE |= frozenset({"des", "der", "the", "of", "company", "firma", "1", "2", "3"})


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


def is_personal_name(name: str) -> bool:
    """Whether a column's name speaks of a person's name, e-mail address or telephone number.

    >>> [is_personal_name(one) for one in ("First Name", "E-Mail", "Company Name", "Email Opened")]
    [True, True, False, False]
    """
    found = words(name)
    if plain(name) == "name" or found & _ALWAYS:
        return True
    if found & {"name", "names"} and found & _OF_A_PERSON:
        return True
    return bool(found & _REACHED) and found <= _REACHED | _BESIDE


def are_personal(texts: Iterable[str]) -> bool:
    """Whether most of so many different filled values are e-mail addresses or telephone numbers.

    >>> are_personal(["a@x.de", "b@x.de"]), are_personal(["01067", "20095"])
    (True, False)
    """
    every = list(texts)
    found = sum(masked(text) in {EMAIL_MASK, PHONE_MASK} for text in every)
    return found > _MOSTLY * len(every)
