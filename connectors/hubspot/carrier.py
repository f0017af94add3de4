"""What carries the clocks in an account: its contacts, or the records of the Leads object. Never both.

The Leads object (0-136) needs Sales seats; a lead there is about its primary contact, whose properties the
mapping calls ``contact.NAME``.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.mapping import ConnectionMapping

OF_CONTACT = "contact."


@dataclass(frozen=True, slots=True)
class Carrier:
    """How HubSpot spells the records that we call leads.

    ``task_type``: the association type from a task to one; ``scopes``: to read, to write, to add properties.
    """

    kind: str
    type_id: str
    created: str
    stamp: str
    task_type: int
    scopes: tuple[str, str, str]
    owner: str = "hubspot_owner_id"

    def link(self, account: str, lead_id: str) -> str:
        """The address of the record's page.

        >>> CONTACTS.link("77", "5")
        'https://app.hubspot.com/contacts/77/record/0-1/5'
        """
        return f"https://app.hubspot.com/contacts/{account}/record/{self.type_id}/{lead_id}"


CONTACTS = Carrier(
    kind="contacts",
    type_id="0-1",
    created="createdate",
    stamp="lastmodifieddate",
    task_type=204,
    scopes=("crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.write"),
)
LEADS = Carrier(
    kind="leads",
    type_id="0-136",
    created="hs_createdate",
    stamp="hs_lastmodifieddate",
    task_type=647,
    scopes=("crm.objects.leads.read", "crm.objects.leads.write", "crm.schemas.leads.write"),
)


def carrier_of(mapping: ConnectionMapping) -> Carrier:
    """The one that this connection's mapping names."""
    return LEADS if mapping.lead_object == "leads" else CONTACTS


def of_contact(name: str) -> str:
    """The contact's property behind a mapped name; empty for a property of the lead itself.

    >>> of_contact("contact.email"), of_contact("hs_lead_name")
    ('email', '')
    """
    return name.removeprefix(OF_CONTACT) if name.startswith(OF_CONTACT) else ""
