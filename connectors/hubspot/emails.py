"""Which contact an address belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from connectors.hubspot.client import BATCH, Client, chunks
from connectors.hubspot.flight import in_flight
from connectors.hubspot.holders import Holders
from sla_engine.model import Activity

_ADDRESSES = ("email", "hs_additional_emails")


class Emails:
    """The addresses of contacts, as far as this process has seen them; never stored."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ids: dict[str, str] = {}

    def note(self, row: Mapping[str, Any]) -> None:
        """Remember the addresses that a contact shows."""
        properties = row.get("properties") or {}
        told = (properties.get("email"), *str(properties.get("hs_additional_emails") or "").split(";"))
        self._ids.update({one.strip().lower(): str(row["id"]) for one in told if one})

    def ids_of(self, addresses: Sequence[str]) -> Mapping[str, str]:
        """Contact ids by lower-case address; addresses of nobody are left out."""
        wanted = {one.lower() for one in addresses if one}
        unknown = chunks(sorted(wanted - self._ids.keys()), BATCH)
        jobs = [partial(self._client.read, "contacts", part, _ADDRESSES, by="email") for part in unknown]
        for rows in in_flight(jobs):
            for row in rows:
                self.note(row)
        return {one: self._ids[one] for one in wanted if one in self._ids}


def by_address(
    wanted: Sequence[tuple[str, Activity]], emails: Emails, holders: Holders
) -> tuple[tuple[str, Activity], ...]:
    """Activities of addresses as activities of leads; those of nobody are left out."""
    ids = emails.ids_of([address for address, _ in wanted])
    leads = holders.of(ids.values())
    found = (
        (leads[ids[address.lower()]].at(activity.at), activity)
        for address, activity in wanted
        if ids.get(address.lower()) in leads
    )
    return tuple((lead_id, activity) for lead_id, activity in found if lead_id)
