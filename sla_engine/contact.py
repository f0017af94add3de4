"""Whether contact data is real: which e-mail addresses could exist, which phone numbers could be dialled.

Syntax only, nothing is asked of any server. Slow enough (a phone number takes some 50 microseconds)
that a connector judges each value once, when a record is mapped, and keeps the answer beside it. Not
here: placeholders, and which data an agreement asks for (``minimum_data``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from sla_engine.model import Value

EmailKind = Literal["business", "free", "invalid"]
PhoneKind = Literal["valid", "invalid"]

FREE_MAIL = frozenset(
    """
    aol.com arcor.de freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com
    hotmail.com hotmail.de icloud.com live.com live.de mac.com mail.com mail.ru me.com msn.com
    outlook.com outlook.de posteo.de proton.me protonmail.com qq.com t-online.de web.de yahoo.com
    yahoo.de yandex.ru zoho.com
    """.split()  # noqa: SIM905 - one list to read and to add to
)
"""Domains where private people have their mail. The agreement may name more."""

CHECKED: Mapping[str, Literal["email", "phone"]] = {"email": "email", "phone": "phone", "mobile": "phone"}
"""Our lead fields whose values are judged, and as what."""


@lru_cache(maxsize=4096)
def email_kind(address: str) -> EmailKind:
    """Whether an address could exist, and whether it is a private one.

    >>> email_kind("eva@kontor.de"), email_kind("eva@gmx.de"), email_kind("eva@kontor")
    ('business', 'free', 'invalid')
    """
    try:
        checked = validate_email(address.strip(), check_deliverability=False)
    except EmailNotValidError:
        return "invalid"
    return "free" if checked.domain in FREE_MAIL else "business"


@lru_cache(maxsize=4096)
def phone_kind(number: str, country: str) -> PhoneKind:
    """Whether a number could be dialled. ``country``: two letters, for numbers without a country code.

    >>> phone_kind("+49 30 901820", ""), phone_kind("030 901820", "DE"), phone_kind("12", "DE")
    ('valid', 'valid', 'invalid')
    """
    number = number.strip()
    if number.startswith("00"):
        number = f"+{number[2:]}"
    try:
        parsed = phonenumbers.parse(number, country.upper() or None)
    except phonenumbers.NumberParseException:
        return "invalid"
    if _is_made_up(str(parsed.national_number)):
        return "invalid"
    possible = phonenumbers.is_possible_number_with_reason(parsed)
    return "valid" if possible == phonenumbers.ValidationResult.IS_POSSIBLE else "invalid"


def kinds_of(fields: Mapping[str, Value]) -> dict[str, Value]:
    """What can be said once and for all of a record's contact data, as fields named ``..._kind``.

    A number without a country code is left out: how to read it is for the agreement to say.

    >>> kinds_of({"email": "eva@gmx.de", "phone": "030 901820", "company": "Kontor"})
    {'email_kind': 'free'}
    """
    found: dict[str, Value] = {}
    for name, kind in CHECKED.items():
        value = str(fields.get(name) or "").strip()
        if value and kind == "email":
            found[f"{name}_kind"] = email_kind(value)
        elif value.startswith(("+", "00")):
            found[f"{name}_kind"] = phone_kind(value, "")
    return found


def _is_made_up(digits: str) -> bool:
    """One digit over and over, or counting up: what people type to get past a form."""
    return len(set(digits)) == 1 or digits in "01234567890123456789"
