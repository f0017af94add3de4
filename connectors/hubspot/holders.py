"""Whose an activity is: the contact's own, or that of one of the leads which are about the contact.

With the Leads object an activity belongs to the lead it is associated with. One that is only the contact's
belongs to the contact's newest lead that was there when it happened, as leads follow each other; what
happened before the first, to the first. Creation dates decide, because they never change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from connectors.hubspot.carrier import CONTACTS, LEADS, Carrier
from connectors.hubspot.client import BATCH, Client, chunks
from connectors.hubspot.fields import EPOCH
from connectors.hubspot.flight import in_flight
from connectors.hubspot.lead_rows import instant_or
from connectors.hubspot.refusals import Refused
from sla_engine.model import Activity

FROM_PRIMARY = 579  # from a contact to a lead that is first of all about it
TO_PRIMARY = 578  # the way back


@dataclass(frozen=True, slots=True)
class Holder:
    """The leads of one contact, oldest first, with the instants of their creation."""

    leads: tuple[tuple[datetime, str], ...] = ()

    def at(self, instant: datetime) -> str:
        """The lead that what happened then belongs to; empty when the contact has none."""
        there = [lead_id for created, lead_id in self.leads if created <= instant]
        first = self.leads[0][1] if self.leads else ""
        return there[-1] if there else first


class Holders:
    """Finds the leads of contacts. Safe between threads."""

    def __init__(self, client: Client, carrier: Carrier) -> None:
        self._client = client
        self._carrier = carrier
        self._never: set[str] = set()

    def of(self, contact_ids: Iterable[str]) -> Mapping[str, Holder]:
        """The leads of each contact; contacts without any are left out."""
        wanted = list(dict.fromkeys(contact_ids))
        if self._carrier is CONTACTS:
            return {one: Holder(((EPOCH, one),)) for one in wanted}
        about = {one: _first_of_all(ends) for one, ends in self._associations(wanted).items() if ends}
        several = sorted({lead_id for leads in about.values() if len(leads) > 1 for lead_id in leads})
        made = self._made(several)
        return {
            one: Holder(tuple(sorted((made.get(lead_id, EPOCH), lead_id) for lead_id in leads)))
            for one, leads in about.items()
        }

    def engaged(
        self, kind: str, facts: Mapping[str, Activity | datetime], told: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Sequence[str]]:
        """The leads of engagements: of activities, or of tasks as they are at an instant.

        ``told``: contacts that are known already. Engagements of nobody are left out.
        """
        direct = self._leads_engaged(kind, list(facts))
        silent = [one for one in facts if one not in told and one not in direct]
        asked = self._client.associated(kind, CONTACTS.kind, silent) if silent else {}
        contacts = {**told, **asked}
        holders = self.of(end for one in facts if one not in direct for end in contacts.get(one, ()))
        found: dict[str, Sequence[str]] = {one: tuple(leads) for one, leads in direct.items()}
        for one, fact in facts.items():
            if one not in direct:
                at = fact.at if isinstance(fact, Activity) else fact
                leads = (holders[end].at(at) for end in contacts.get(one, ()) if end in holders)
                found[one] = tuple(dict.fromkeys(lead for lead in leads if lead))
        return found

    def engagements_of(self, kind: str, lead_ids: Sequence[str]) -> Sequence[str]:
        """The engagements of one kind that may belong to these leads, through their contacts too."""
        if self._carrier is CONTACTS:
            ends = [self._client.associated(CONTACTS.kind, kind, lead_ids)]
        else:
            contacts = self._client.associated(LEADS.kind, CONTACTS.kind, lead_ids)
            contact_ids = list(dict.fromkeys(end for some in contacts.values() for end in some))
            ends = [self._client.associated(CONTACTS.kind, kind, contact_ids)]
            with suppress(Refused):  # HubSpot knows no such association
                ends.append(self._client.associated(LEADS.kind, kind, lead_ids))
        return list(dict.fromkeys(end for one in ends for some in one.values() for end in some))

    def _leads_engaged(self, kind: str, ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """The leads with which engagements are associated themselves."""
        if self._carrier is CONTACTS or kind in self._never or not ids:
            return {}
        try:
            return self._client.associated(kind, LEADS.kind, ids)
        except Refused:
            self._never.add(kind)  # HubSpot knows no such association: only those of the contact count
            return {}

    def _associations(self, contact_ids: Sequence[str]) -> Mapping[str, Mapping[str, set[int]]]:
        return self._client.associations(CONTACTS.kind, LEADS.kind, contact_ids) if contact_ids else {}

    def _made(self, lead_ids: Sequence[str]) -> Mapping[str, datetime]:
        read = partial(self._client.read, LEADS.kind)
        jobs = [partial(read, part, [LEADS.created]) for part in chunks(lead_ids, BATCH)]
        rows = [row for found in in_flight(jobs) for row in found]
        return {
            str(row["id"]): instant_or(row.get("properties") or {}, LEADS.created, EPOCH) or EPOCH
            for row in rows
        }


def _first_of_all(ends: Mapping[str, set[int]]) -> Sequence[str]:
    """The leads for which the contact is the primary one, else all it has a part in."""
    return [lead_id for lead_id, types in ends.items() if FROM_PRIMARY in types] or list(ends)
