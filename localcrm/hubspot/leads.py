"""Rules of the leads object: a lead lives on the contact or company it is about.

Reference: HubSpot's guide to leads. A lead needs a name and an existing contact, and goes with its last
primary association.
"""

from __future__ import annotations

from collections.abc import Collection

from localcrm.hubspot.errors import ApiError
from localcrm.hubspot.records import Record, Table

PRIMARY_CONTACT, PRIMARY_COMPANY = 578, 580
_CONTACT_TO_LEAD = 579
_PRIMARY = frozenset((PRIMARY_CONTACT, PRIMARY_COMPANY))
_NAMED_AFTER = {
    "email": "hs_associated_contact_email",
    "firstname": "hs_associated_contact_firstname",
    "lastname": "hs_associated_contact_lastname",
}


def check_anchor(kind: str, to_kinds: Collection[str]) -> None:
    """Raise ApiError (400) for a lead about to be made without a contact."""
    if kind == "leads" and "contacts" not in to_kinds:
        raise ApiError("A lead must be associated with an existing contact.")


def show_contact(lead: Record, contact: Record) -> None:
    """Tell the primary contact on its lead."""
    lead.values["hs_primary_contact_id"] = str(contact.number)
    for theirs, ours in _NAMED_AFTER.items():
        lead.values[ours] = contact.values.get(theirs, "")


def contact_changed(leads: Table, contact: Record, changed: Collection[str]) -> None:
    """Leads tell the new name or address; like other calculated values that does not move their stamp."""
    if not set(changed) & set(_NAMED_AFTER):
        return
    for number, type_ids in contact.links.get("leads", {}).items():
        if _CONTACT_TO_LEAD in type_ids and number in leads.records:
            show_contact(leads.records[number], contact)


def is_orphan(lead: Record, removed: Collection[int]) -> bool:
    """Whether a lead that lost the ``removed`` association types has just lost its last primary one."""
    left = {one for others in lead.links.values() for type_ids in others.values() for one in type_ids}
    return bool(_PRIMARY & set(removed)) and not _PRIMARY & left
