"""What carries the clocks in an org: its leads, or its contacts. One connection reads one of the two.

A company that wants both configures two connections to the same org.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.mapping import ConnectionMapping


@dataclass(frozen=True, slots=True)
class Carrier:
    """How Salesforce spells the records that we call leads.

    ``prefix``: what every id of one begins with. ``history``: the object that keeps their changes,
    ``history_of`` its reference to them. ``own``: fields that only this object has and we always read.
    ``converts``: whether a conversion can end one. ``columns``: what list views show beside our fields, in
    Salesforce's own words.
    """

    object: str
    prefix: str
    history: str
    history_of: str
    own: tuple[str, ...]
    converts: bool
    plural: str
    columns: tuple[str, ...]


LEADS = Carrier(
    object="Lead",
    prefix="00Q",
    history="LeadHistory",
    history_of="LeadId",
    own=("IsConverted", "ConvertedContactId"),
    converts=True,
    plural="leads",
    columns=("FULL_NAME", "LEAD.COMPANY", "LEAD.STATUS", "CORE.USERS.ALIAS"),
)
CONTACTS = Carrier(
    object="Contact",
    prefix="003",
    history="ContactHistory",
    history_of="ContactId",
    own=(),
    converts=False,
    plural="contacts",
    columns=("FULL_NAME", "ACCOUNT.NAME", "CONTACT.TITLE", "CORE.USERS.ALIAS"),
)


def carrier_of(mapping: ConnectionMapping) -> Carrier:
    """The one that this connection's mapping names; leads, if it names none."""
    return CONTACTS if mapping.lead_object == "contacts" else LEADS


def other_than(carrier: Carrier) -> Carrier:
    """The one that a second connection to the same org may read."""
    return LEADS if carrier is CONTACTS else CONTACTS
