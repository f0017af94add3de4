"""Reading what is there by now, whatever polls have shown: single leads again, and a count of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from connectors.base import Page, Removal, SeenLead
from connectors.errors import CrmError
from connectors.mapping import parse_instant
from connectors.salesforce.bulk import BulkFailed, BulkQuery
from connectors.salesforce.client import Ask, Client, UnknownName
from connectors.salesforce.converted import CONVERTED_INTO
from connectors.salesforce.opening import QUERIES_PER_CALL, Opener
from connectors.salesforce.pages import Pages
from connectors.salesforce.records import Records, Unreadable
from connectors.salesforce.roles import Roles
from connectors.salesforce.streams import PAGE, Stream
from connectors.salesforce.walk import MUCH

_LEADS_OR_CONTACTS = frozenset({"WhoId", "RelationId"})  # what refers to either
Row = Mapping[str, Any]
Found = TypeVar("Found")


class Again:
    """Reads leads of one org by id, and counts them."""

    def __init__(self, client: Client, opener: Opener, records: Records) -> None:
        self._client = client
        self._opener = opener
        self._records = records
        self._object = opener.carrier.object
        # living leads only: who is in the recycle bin is gone
        self._all = Stream(self._object, self._object, ("Id", "SystemModstamp"), "SystemModstamp")

    def leads(self, lead_ids: Sequence[str]) -> list[SeenLead]:
        """These leads now; who is gone, or means nothing to us, is left out."""
        found: list[SeenLead] = []
        rows = self._shown(lambda fields: list(self._now(lead_ids, fields)))
        for row in Roles(self._client, self._records.mapping).put_on(rows):
            with suppress(Unreadable):
                found.append(self._records.seen(row))
        return found

    def _now(self, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """These leads by id; by query where a parent's field is wanted, which no other way shows."""
        if not any("." in one for one in fields):
            yield from self._client.retrieve(self._object, ids, fields)
            return
        known = [one for one in ids if one.isalnum()]
        for start in range(0, len(known), PAGE):
            yield from self._leads(known[start : start + PAGE], fields, deleted=False)

    def reread(self, lead_ids: Sequence[str], now: datetime, *, whole: bool) -> Iterator[Page]:
        """See ``Crm.reread``."""
        ids = [one for one in dict.fromkeys(lead_ids) if one.isalnum()]
        pages = Pages(self._client, self._records, self._opener.lead_fields)
        for start in range(0, len(ids), PAGE):
            part = ids[start : start + PAGE]
            rows = self._shown(partial(self._leads, part))
            page = pages.page(self._all, rows)
            gone = set(part) - {str(row["Id"]) for row in rows}
            yield replace(page, removals=(*page.removals, *(Removal(one, now) for one in sorted(gone))))
            living = [row for row in rows if not row.get("IsDeleted")]
            if living:  # of who is gone nothing is to be learnt any more
                yield from self._past_of([str(row["Id"]) for row in living], self._about(whole=whole), pages)
            contacts = sorted({str(row[CONVERTED_INTO]) for row in living if row.get(CONVERTED_INTO)})
            if whole and contacts:
                yield from self._past_of(contacts, self._about_people(), pages)

    def _leads(
        self, ids: Sequence[str], fields: Sequence[str], *, deleted: bool = True
    ) -> list[dict[str, Any]]:
        """These leads; if ``deleted`` those in the recycle bin too."""
        soql = f"SELECT {', '.join(fields)} FROM {self._object} WHERE Id IN ({_listed(ids)})"
        return self._client.query_all(soql, deleted=deleted)

    def _about(self, *, whole: bool) -> list[Stream]:
        """Where their history stands; if ``whole`` also every activity and task of ours."""
        history = self._opener.carrier.history
        return [one for one in self._opener.streams() if one.leads_by and (whole or one.name == history)]

    def _about_people(self) -> list[Stream]:
        """Where activities stand that may be about contacts as well."""
        return [one for one in self._about(whole=True) if set(one.leads_by) <= _LEADS_OR_CONTACTS]

    def _past_of(self, ids: Sequence[str], about: Sequence[Stream], pages: Pages) -> Iterator[Page]:
        """What these streams tell of them."""
        for start in range(0, len(about), QUERIES_PER_CALL):
            part = [(one, one.among(_listed(ids))) for one in about[start : start + QUERIES_PER_CALL]]
            answers = self._client.ask([Ask.query(soql) for _, soql in part])
            for (stream, soql), found in zip(part, answers, strict=True):
                if isinstance(found, CrmError):
                    raise found
                yield pages.page(stream, self._client.all_of(found, soql))

    def _shown(self, read: Callable[[Sequence[str]], Found]) -> Found:
        """Read with every field that the org shows; which those are is found out by being refused."""
        try:
            return read(self._opener.lead_fields())
        except UnknownName:
            self._opener.look_at_leads()
            return read(self._opener.lead_fields())

    def census(self) -> Iterator[Mapping[str, datetime]]:
        """See ``Crm.census``. Page by page in the order of ids; in bulk where there are many."""
        last, number = "", 0
        while True:
            page = self._client.query(self._after(last, f" ORDER BY Id LIMIT {PAGE + 1}"))
            yield _stamps(page["records"])
            if page["done"]:
                return
            last, number = str(page["records"][-1]["Id"]), number + 1
            if number * PAGE == max(MUCH, PAGE) and self._left(last) > MUCH:
                with suppress(BulkFailed):  # the ordinary way is only slower
                    yield from self._in_bulk(last)
                    return

    def _left(self, last: str) -> int:
        soql = self._after(last, "").replace("Id, SystemModstamp", "COUNT()", 1)
        return int(self._client.query(soql)["totalSize"])

    def _in_bulk(self, last: str) -> Iterator[Mapping[str, datetime]]:
        bulk = BulkQuery(self._client, self._all)
        job = bulk.begin(self._after(last, ""))
        bulk.wait(job)
        for rows, _, _ in bulk.pages(job, ""):
            yield _stamps(rows)

    def _after(self, last: str, order: str) -> str:
        beyond = f" WHERE Id > '{last}'" if last else ""
        return f"SELECT Id, SystemModstamp FROM {self._object}{beyond}{order}"


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(f"'{one}'" for one in ids)


def _stamps(rows: Sequence[Row]) -> Mapping[str, datetime]:
    return {str(row["Id"]): parse_instant(row["SystemModstamp"]) for row in rows}
