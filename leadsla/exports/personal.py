"""Personal data in an export: it never becomes a line, and is never printed.

Columns of names, e-mail addresses and telephone numbers are known by their names and by what they hold;
what stands inside other texts is masked (``sync.personal``). Not here: what a column is for otherwise
(``naming``).
"""

from __future__ import annotations

from collections.abc import Iterable

from leadsla.exports.naming import plain, words
from sync.personal import EMAIL_MASK, PHONE_MASK, masked

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
