"""Rows of a stream as a page in our words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.base import Marks, Page, Rejection, Removal, SeenLead, no_marks
from connectors.mapping import parse_instant
from connectors.salesforce.carrier import LEADS
from connectors.salesforce.client import Client
from connectors.salesforce.converted import Converted
from connectors.salesforce.fields import KEY_FIELD
from connectors.salesforce.records import Records, Unreadable, mark_of, our_task
from connectors.salesforce.roles import Roles
from connectors.salesforce.streams import ROLE_STREAMS, Stream
from sla_engine.model import StageChange

_LONGEST_CHAIN = 10
Row = Mapping[str, Any]


class Pages:
    """Makes pages. ``marks``: what is known already is left out, so that the look-back costs nothing."""

    def __init__(
        self,
        client: Client,
        records: Records,
        lead_fields: Callable[[], Sequence[str]],
        marks: Marks = no_marks,
    ) -> None:
        self._client = client
        self._records = records
        self._marks = marks
        self._lead_fields = lead_fields
        self._converted = Converted(client)
        self._roles = Roles(client, records.mapping)

    def page(self, stream: Stream, rows: Sequence[Row]) -> Page:
        """What these rows say, without a cursor."""
        carrier = self._records.carrier
        if stream.object == carrier.object:
            return self._lead_page(rows)
        if stream.name in ROLE_STREAMS:
            found_leads = self._roles.behind(rows, self._lead_fields()) if rows else []
            return replace(self._lead_page(found_leads), records=len(rows))
        if stream.name == carrier.history:
            stages, owners = self._records.changes(rows)
            return Page(stages=tuple(stages), owners=tuple(owners), records=len(rows))
        found = [one for row in rows for one in self._records.activities(stream.sources, row)]
        if carrier.converts:
            found = self._converted.given(found)
        else:  # what is about leads is another connection's matter
            found = [one for one in found if not one[0].startswith(LEADS.prefix)]
        ours = tuple(our_task(row) for row in rows if row.get(KEY_FIELD)) if stream.name == "Task" else ()
        return Page(activities=tuple(found), tasks=ours, records=len(rows))

    def _lead_page(self, rows: Sequence[Row]) -> Page:
        known = self._marks([str(row["Id"]) for row in rows]) if rows else {}
        leads: list[SeenLead] = []
        stages: list[tuple[str, StageChange]] = []
        rejections: list[Rejection] = []
        for row in self._roles.put_on(rows):
            if row.get("IsDeleted") or known.get(str(row["Id"])) == mark_of(row):
                continue
            try:
                seen = self._records.seen(row)
            except Unreadable as trouble:
                rejections.append(trouble.rejection)
                continue
            leads.append(seen)
            since = self._records.role_change(row)
            stages += [(seen.lead.id, since)] if since else []
            rejections += self._records.without_stage(row)
        gone = [row for row in rows if row.get("IsDeleted")]
        return Page(
            leads=tuple(leads),
            stages=tuple(stages),
            rejections=tuple(rejections),
            removals=tuple(self._removals(gone)),
            records=len(rows),
        )

    def _removals(self, gone: Sequence[Row]) -> Iterator[Removal]:
        survivors = self._survivors({str(row["Id"]): _master(row) for row in gone if _master(row)})
        for row in gone:
            into = survivors.get(str(row["Id"]), "")
            yield Removal(str(row["Id"]), parse_instant(row["SystemModstamp"]), into)

    def _survivors(self, into: dict[str, str]) -> Mapping[str, str]:
        """Where each merged lead lives on: a survivor may have been merged or deleted itself since."""
        further = dict(into)
        for _ in range(_LONGEST_CHAIN):
            unknown = sorted({one for one in further.values() if one and one not in further})
            if not unknown:
                break
            further |= dict.fromkeys(unknown, "")  # alive, until told otherwise
            further |= {str(row["Id"]): _master(row) for row in self._gone(unknown)}
        return {lead_id: _last(lead_id, further) for lead_id in into}

    def _gone(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        listed = ", ".join(f"'{one}'" for one in ids)
        name = self._records.carrier.object
        soql = f"SELECT Id, MasterRecordId FROM {name} WHERE Id IN ({listed}) AND IsDeleted = true"
        return self._client.query_all(soql, deleted=True)


def _master(row: Row) -> str:
    return str(row.get("MasterRecordId") or "")


def _last(lead_id: str, further: Mapping[str, str]) -> str:
    seen = {lead_id}
    while (following := further.get(lead_id, "")) and following not in seen:
        seen.add(following)
        lead_id = following
    return lead_id
