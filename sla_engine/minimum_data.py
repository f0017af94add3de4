"""Minimum data: what must really be known of a lead before it is handed over.

Nothing, placeholders, addresses that cannot exist, private mail where business mail was agreed, and
addresses that bounced all count as not known. Not here: how an address or a number is judged
(``contact``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import phonenumbers
from pydantic import Field, model_validator

from sla_engine.contact import email_kind, phone_kind
from sla_engine.model import ActivityKind, LeadHistory, Value
from sla_engine.parts import AnyOf, Part
from sla_engine.verdict import Missing

_WORST_FIRST = ("bounced", "free_mail", "invalid", "empty")
_BOUNCE = ActivityKind.BOUNCE
_ANSWERS = frozenset({ActivityKind.EMAIL_REPLY, ActivityKind.EMAIL_CLICK})


class MinimumData(Part):
    """Groups of fields; each group needs one real value.

    ``must_be`` says which fields are judged: "email" (could exist), "business_email" (and is no
    private address) or "phone" (could be dialled; ``country``, two letters, reads numbers without a
    country code). ``free_mail`` adds domains of private mail to those known. Raises ValueError for an
    unknown country and for ``must_be`` on a field that is not required.

    >>> MinimumData(required=["company", ["email", "phone"]]).required
    (('company',), ('email', 'phone'))
    >>> asked = MinimumData(placeholders=["N/A"], free_mail=["Mail.example"])
    >>> sorted(asked.nothing), sorted(asked.private)
    (['', 'n/a'], ['mail.example'])
    """

    required: tuple[AnyOf, ...] = ()
    placeholders: tuple[str, ...] = ()
    must_be: Mapping[str, Literal["email", "business_email", "phone"]] = Field(default_factory=dict)
    free_mail: tuple[str, ...] = ()
    country: str = Field(default="", pattern="^([A-Za-z]{2})?$")

    @model_validator(mode="after")
    def _judged_fields_are_asked_for(self) -> MinimumData:
        asked = {name for group in self.required for name in group}
        idle = sorted(set(self.must_be) - asked)
        if self.country and self.country.upper() not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError(
                f"country: no phone numbers are known for {self.country}; write one like DE or GB"
            )
        if idle:
            raise ValueError(f"must_be judges what `required` does not ask for: {', '.join(idle)}")
        return self

    @cached_property
    def nothing(self) -> frozenset[str]:
        """Values that mean nothing, in small letters."""
        return frozenset(placeholder.strip().casefold() for placeholder in self.placeholders) | {""}

    @cached_property
    def private(self) -> frozenset[str]:
        """The further domains of private mail, in small letters."""
        return frozenset(domain.strip().casefold() for domain in self.free_mail)


def missing_data(history: LeadHistory, minimum: MinimumData) -> tuple[Missing, ...]:
    """The groups without a real value, each with why; of a group's reasons the worst.

    >>> from datetime import UTC, datetime
    >>> from sla_engine.model import Lead
    >>> fields = {"company": "n/a", "email": "a@b.example"}
    >>> lead = Lead("1", datetime(2026, 1, 5, tzinfo=UTC), None, fields=fields)
    >>> minimum = MinimumData(required=["company", ["email", "phone"]], placeholders=["n/a"])
    >>> missing_data(LeadHistory(lead), minimum)
    (Missing(names=('company',), why='empty'),)
    """
    found: list[Missing] = []
    for group in minimum.required:
        whys = []
        for name in group:
            why = _why_unknown(name, history, minimum)
            if not why:
                break
            whys.append(why)
        else:
            found.append(Missing(group, min(whys, key=_WORST_FIRST.index)))
    return tuple(found)


def _why_unknown(name: str, history: LeadHistory, minimum: MinimumData) -> str:
    """Why a field's value is worth nothing; "" if it is real."""
    fields = history.lead.fields
    value = fields.get(name)
    if (
        value is None
        or (value.strip().casefold() if isinstance(value, str) else str(value)) in minimum.nothing
    ):
        return "empty"
    wanted = minimum.must_be.get(name)
    if wanted is None:
        return "bounced" if name == "email" and _bounced(history) else ""
    if wanted == "phone":
        return _phone_problem(name, str(value), fields, minimum.country)
    return _mail_problem(name, str(value), history, minimum, business=wanted == "business_email")


def _phone_problem(name: str, value: str, fields: Mapping[str, Value], country: str) -> str:
    kind = fields.get(f"{name}_kind") or phone_kind(value, country)
    return "" if kind == "valid" else "invalid"


def _mail_problem(
    name: str, value: str, history: LeadHistory, minimum: MinimumData, *, business: bool
) -> str:
    kind = history.lead.fields.get(f"{name}_kind") or email_kind(value)
    if kind == "invalid":
        return "invalid"
    if _bounced(history):
        return "bounced"
    is_free = kind == "free" or value.strip().rpartition("@")[2].casefold() in minimum.private
    return "free_mail" if business and is_free else ""


def _bounced(history: LeadHistory) -> bool:
    """Whether the last sign from the mailbox is a bounce."""
    for activity in reversed(history.activities):
        if activity.kind is _BOUNCE:
            return True
        if activity.kind in _ANSWERS:
            return False
    return False
