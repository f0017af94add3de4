"""Contacts as leads: what is asked of HubSpot for them, and how they become ``SeenLead``.

Everything a page needs of its contacts comes in one read per 50: values and history together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connectors.base import Page, Rejection, Removal, SeenLead
from connectors.hubspot import history
from connectors.hubspot.client import BATCH, HISTORY_BATCH, SEARCH_PAGE, Client, chunks
from connectors.hubspot.fields import LEAD_STAMP, OWNER, our_properties, shown
from connectors.hubspot.people import People
from connectors.hubspot.window import Step, Window
from connectors.mapping import NO_STAGE, ConnectionMapping, parse_instant, parse_value
from sla_engine.contact import kinds_of
from sla_engine.model import Lead, Value

MERGED_IDS = "hs_merged_object_ids"


class Unmappable(Exception):
    """One field of one contact cannot be read."""

    def __init__(self, field: str, value: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.value = value
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Asked:
    """The properties that are asked of a contact, and those asked with their history."""

    plain: tuple[str, ...]
    with_history: tuple[str, ...]

    @classmethod
    def by(cls, mapping: ConnectionMapping) -> Asked:
        mapped = [one.field for one in mapping.lead.values()]
        plain = [
            "createdate",
            LEAD_STAMP,
            MERGED_IDS,
            "email",
            OWNER,
            *mapping.stages,
            *mapped,
            *our_properties(),
        ]
        past = [*mapping.stages, OWNER]
        past += [one.history_of for one in mapping.activities.values() if one.history_of]
        opt_out = mapping.lead.get("email_opt_out")
        if opt_out is not None:
            past.append(opt_out.field)
        return cls(tuple(dict.fromkeys(plain)), tuple(dict.fromkeys(past)))


class Emails:
    """Which contact an address belongs to, as far as this process has seen; never stored."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ids: dict[str, str] = {}

    def note(self, address: str | None, contact_id: str) -> None:
        if address:
            self._ids[address.lower()] = contact_id

    def ids_of(self, addresses: Sequence[str]) -> Mapping[str, str]:
        """Contact ids by lower-case address; addresses of nobody are left out."""
        wanted = {one.lower() for one in addresses if one}
        unknown = sorted(wanted - self._ids.keys())
        for row in self._client.read("contacts", unknown, ["email", "hs_additional_emails"], by="email"):
            properties = row.get("properties") or {}
            for address in str(properties.get("hs_additional_emails") or "").split(";"):
                self.note(address.strip(), str(row["id"]))
            self.note(properties.get("email"), str(row["id"]))
        return {one: self._ids[one] for one in wanted if one in self._ids}


class Contacts:
    """Reads contacts of one account, by id or as they changed."""

    def __init__(self, client: Client, mapping: ConnectionMapping, people: People) -> None:
        self._client = client
        self._mapping = mapping
        self._people = people
        self._asked = Asked.by(mapping)
        self._delivered: dict[str, str] = {}
        self.emails = Emails(client)

    def forget(self) -> None:
        """Deliver everything again, also what was delivered unchanged before."""
        self._delivered.clear()

    def by_id(self, ids: Sequence[str]) -> list[SeenLead]:
        """These contacts as they are now; unreadable ones are left out."""
        seen = []
        for row in self._client.read("contacts", list(dict.fromkeys(ids)), self._asked.plain):
            try:
                seen.append(self._lead(row))
            except Unmappable:
                continue
        return seen

    def reread(self, ids: Sequence[str], now: datetime) -> Iterator[Page]:
        """See ``Crm.reread``. Asked for by an id that was merged away, HubSpot shows the survivor."""
        for part in chunks(list(dict.fromkeys(ids)), HISTORY_BATCH):
            rows = self._client.read("contacts", part, self._asked.plain, history=self._asked.with_history)
            page = self._page(rows, Window(None, now), None)
            told = {str(row["id"]) for row in rows} | {one.lead_id for one in page.removals}
            gone = tuple(Removal(one, now) for one in part if one not in told)
            yield replace(page, removals=(*page.removals, *gone))

    def census(self) -> Iterator[Mapping[str, datetime]]:
        """Every contact by id and stamp, from the list: it does not lag behind."""
        after = ""
        while True:
            reply = self._client.page_of("contacts", limit=BATCH, after=after, properties=[LEAD_STAMP])
            yield {str(row["id"]): parse_instant(str(row["properties"][LEAD_STAMP])) for row in reply.results}
            after = reply.after
            if not after:
                return

    def segment(self, window: Window, last: str) -> Iterator[Step]:
        """Contacts with stages, owners and the activities in their history, in steps."""
        yield from self._all(window, last) if window.since is None else self._changed(window, last)

    def _all(self, window: Window, last: str) -> Iterator[Step]:
        """The first load: the list is faster than the search, and does not lag."""
        total = self._client.search("contacts", window.filters("", LEAD_STAMP), ["email"]).body.get("total")
        after = last
        while True:
            reply = self._client.page_of(
                "contacts",
                limit=HISTORY_BATCH,
                after=after,
                properties=list(self._asked.plain),
                properties_with_history=list(self._asked.with_history),
            )
            after = reply.after
            page = self._page(reply.results, window, int(total) if total is not None else None)
            yield Step(page, after)
            if not after:
                return

    def _changed(self, window: Window, last: str) -> Iterator[Step]:
        while True:
            reply = self._client.search("contacts", window.filters(last, LEAD_STAMP), [LEAD_STAMP])
            found = reply.results
            news = [str(row["id"]) for row in found if self._is_news(row)]
            rows = self._client.read("contacts", news, self._asked.plain, history=self._asked.with_history)
            last = str(found[-1]["id"]) if len(found) == SEARCH_PAGE else ""
            yield Step(self._page(rows, window, None), last)
            if not last:
                return

    def _is_news(self, row: Mapping[str, Any]) -> bool:
        stamp = (row.get("properties") or {}).get(LEAD_STAMP)
        return not stamp or self._delivered.get(str(row["id"])) != stamp

    def _page(self, rows: Sequence[Mapping[str, Any]], window: Window, estimate: int | None) -> Page:
        leads, stages, owners, activities, rejections, removals = [], [], [], [], [], []
        for row in rows:
            contact_id = str(row["id"])
            try:
                seen = self._lead(row)
            except Unmappable as error:
                rejections.append(Rejection(contact_id, error.field, error.value, error.reason))
                continue
            if seen.modified_at > window.until:
                continue  # belongs to the next window, which will bring it
            stamp = str(row["properties"].get(LEAD_STAMP) or "")
            if window.comes_again(stamp):
                self._delivered[contact_id] = stamp
            past = history.past_of(row, window.until, self._people.actor_of)
            leads.append(seen)
            merged = str(row["properties"].get(MERGED_IDS) or "").split(";")
            removals += [Removal(one, seen.modified_at, contact_id) for one in merged if one]
            lost = self._mapping.without_stage(row["properties"])
            rejections += [Rejection(contact_id, *lost, NO_STAGE)] if lost else []
            stages += [(contact_id, one) for one in history.stage_changes(past, seen, self._mapping)]
            owners += [(contact_id, one) for one in history.owner_changes(past, seen, self._people.owner)]
            activities += [(contact_id, one) for one in history.activities(past, self._mapping)]
        return Page(
            leads=tuple(leads),
            stages=tuple(stages),
            owners=tuple(owners),
            activities=tuple(activities),
            rejections=tuple(rejections),
            removals=tuple(removals),
            records=len(rows),
            estimate=estimate,
        )

    def _lead(self, row: Mapping[str, Any]) -> SeenLead:
        """Raises Unmappable."""
        properties = row.get("properties") or {}
        contact_id = str(row["id"])
        self.emails.note(properties.get("email"), contact_id)
        created = _instant(properties, "createdate")
        modified = _instant(properties, LEAD_STAMP) if properties.get(LEAD_STAMP) else created
        fields = {name: _value(properties, one.field, one.as_) for name, one in self._mapping.lead.items()}
        lead = Lead(
            id=contact_id,
            created_at=created,
            stage=self._mapping.stage_from(properties),
            owner=self._people.owner(properties.get(OWNER)),
            fields=fields | kinds_of(fields),
            reason=str(fields.get("reason") or ""),
        )
        return SeenLead(lead, modified, shown(properties))


def _instant(properties: Mapping[str, Any], name: str) -> datetime:
    found = _value(properties, name, "datetime")
    if not isinstance(found, datetime):
        raise Unmappable(name, "", "is missing")
    return found


def _value(properties: Mapping[str, Any], name: str, converter: Any) -> Value:
    raw = properties.get(name)
    try:
        return parse_value(raw, converter)
    except ValueError as error:
        raise Unmappable(name, str(raw), str(error)) from None


def instant_or(properties: Mapping[str, Any], name: str, otherwise: datetime | None) -> datetime | None:
    """A property as an instant; ``otherwise`` when it is empty or unreadable."""
    try:
        return parse_instant(str(properties.get(name) or "")) if properties.get(name) else otherwise
    except (ValueError, OverflowError):
        return otherwise
