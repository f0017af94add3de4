"""The contacts beside records of the Leads object: their values become the lead's, as ``contact.NAME``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.hubspot.asked import PRIMARY_CONTACT, Asked
from connectors.hubspot.carrier import CONTACTS, LEADS, OF_CONTACT
from connectors.hubspot.client import Client
from connectors.hubspot.finding import read_together
from connectors.hubspot.holders import TO_PRIMARY

Row = Mapping[str, Any]


class Beside:
    """Completes leads with what their primary contact shows."""

    def __init__(self, client: Client, asked: Asked) -> None:
        self._client = client
        self._asked = asked.contacts

    def complete(self, rows: Sequence[Row], *, with_past: bool = False) -> list[Row]:
        """These leads with the values of their contacts, as they are now, and the past of both if wanted."""
        contact_of = self._contacts_of(rows)
        asked = self._asked
        ids = list(dict.fromkeys(contact_of.values()))
        past = asked.with_history if with_past else ()
        found = read_together(self._client, CONTACTS.kind, ids, asked.plain, past)
        contacts = {str(row["id"]): row for row in found}
        return [_together(row, contacts.get(contact_of.get(str(row["id"]), ""), {})) for row in rows]

    def _contacts_of(self, rows: Sequence[Row]) -> Mapping[str, str]:
        """The primary contact by lead id, as the lead says itself; else by its associations."""
        told = {str(row["id"]): str((row.get("properties") or {}).get(PRIMARY_CONTACT) or "") for row in rows}
        silent = [lead_id for lead_id, contact_id in told.items() if not contact_id]
        ends = self._client.associations(LEADS.kind, CONTACTS.kind, silent) if silent else {}
        asked = {lead_id: _primary(contacts) for lead_id, contacts in ends.items() if contacts}
        return {lead_id: contact_id for lead_id, contact_id in (told | asked).items() if contact_id}


def _primary(contacts: Mapping[str, set[int]]) -> str:
    return next((one for one, types in contacts.items() if TO_PRIMARY in types), next(iter(contacts)))


def _together(lead: Row, contact: Row) -> Row:
    row: dict[str, Any] = {**lead}
    for part in ("properties", "propertiesWithHistory"):
        if part in lead:
            of_contact = {OF_CONTACT + name: value for name, value in (contact.get(part) or {}).items()}
            row[part] = {**(lead.get(part) or {}), **of_contact}
    return row
