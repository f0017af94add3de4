"""Reading: what changed since a cursor, page by page, in our words.

Each stream (leads, their history, every activity source, our tasks) is read by keyset on (stamp, Id)
up to a fixed instant, so equal stamps and late rows lose nothing. Streams of one poll share a cursor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.base import Page, Rejection, Removal, SeenLead
from connectors.mapping import ActivitySource, ConnectionMapping, parse_instant
from connectors.salesforce.client import Client
from connectors.salesforce.fields import KEY_FIELD, OUR_API_NAMES, instant
from connectors.salesforce.records import Records, Unreadable, our_task
from sla_engine.model import Owner

PAGE = 2000
LEAD_FIELDS = (
    "Id",
    "CreatedDate",
    "SystemModstamp",
    "OwnerId",
    "IsConverted",
    "IsDeleted",
    "MasterRecordId",
)
HISTORY_FIELDS = ("Id", "LeadId", "Field", "OldValue", "NewValue", "CreatedDate", "CreatedById")
_IDS_PER_QUERY = 200
TASK_FIELDS = (
    "Id",
    "WhoId",
    "OwnerId",
    "Subject",
    "IsClosed",
    "ReminderDateTime",
    KEY_FIELD,
    "SystemModstamp",
)


@dataclass(frozen=True, slots=True)
class Stream:
    """One query repeated with a moving key: object, fields, stamp field, extra condition."""

    name: str
    object: str
    fields: tuple[str, ...]
    stamp: str
    where: str = ""
    deleted: bool = False


@dataclass(slots=True)
class Cursor:
    """Where each stream stands: (stamp, id) last read, and the instant everything was read up to."""

    since: str = ""
    until: str = ""
    at: dict[str, list[str]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> Cursor:
        return cls(**json.loads(text)) if text else cls()

    def text(self) -> str:
        return json.dumps(
            {"since": self.since, "until": self.until, "at": self.at, "done": self.done}, sort_keys=True
        )


class Reader:
    """Turns an org's records into facts. ``owners`` and ``visible`` are what the org shows us."""

    def __init__(
        self,
        client: Client,
        mapping: ConnectionMapping,
        owners: Mapping[str, Owner],
        visible: Mapping[str, frozenset[str]],
    ) -> None:
        self._client = client
        self._mapping = mapping
        self.records = Records(mapping, owners)
        self._visible = visible

    def pull(self, cursor: str, until: datetime, look_back: timedelta) -> Iterator[Page]:
        """Pages of everything stamped in (cursor - look back, until]; resumes in the middle."""
        place = Cursor.parse(cursor)
        if not place.until or place.until == place.since:
            since = parse_instant(place.since) - look_back if place.since else None
            place = Cursor(since=instant(since) if since else "", until=instant(until))
        for stream in self._streams():
            if stream.name in place.done:
                continue
            yield from self._stream_pages(stream, place)
        finished = Cursor(since=place.until, until=place.until)
        yield Page(cursor=finished.text())

    def _stream_pages(self, stream: Stream, place: Cursor) -> Iterator[Page]:
        while True:
            rows = self._client.query(self._soql(stream, place), deleted=stream.deleted)["records"]
            is_last = len(rows) < PAGE
            if rows:
                place.at[stream.name] = [str(rows[-1][stream.stamp]), str(rows[-1]["Id"])]
            if is_last:
                place.done.append(stream.name)
                place.at.pop(stream.name, None)
            if rows:
                yield self._page(stream, rows, place.text())
            if is_last:
                return

    def _soql(self, stream: Stream, place: Cursor) -> str:
        conditions = [f"{stream.stamp} <= {place.until}"]
        if stream.where:
            conditions.append(stream.where)
        if stream.name in place.at:
            stamp, last = place.at[stream.name]
            moment = instant(parse_instant(stamp))
            conditions.append(f"({stream.stamp} > {moment} OR ({stream.stamp} = {moment} AND Id > '{last}'))")
        elif place.since:
            conditions.append(f"{stream.stamp} > {place.since}")
        fields = ", ".join(dict.fromkeys(stream.fields))
        where = " AND ".join(conditions)
        return f"SELECT {fields} FROM {stream.object} WHERE {where} ORDER BY {stream.stamp}, Id LIMIT {PAGE}"

    def lead_fields(self) -> tuple[str, ...]:
        """Every lead field we read that the org shows us."""
        mapped = [one.field for one in self._mapping.lead.values()]
        wanted = (*LEAD_FIELDS, *mapped, *self._mapping.stages, *OUR_API_NAMES.values())
        return tuple(dict.fromkeys(name for name in wanted if name in self._visible["Lead"]))

    def _streams(self) -> Iterator[Stream]:
        yield Stream("leads", "Lead", self.lead_fields(), "SystemModstamp", deleted=True)
        if "LeadHistory" in self._visible:
            yield Stream("history", "LeadHistory", HISTORY_FIELDS, "CreatedDate", self._tracked())
        for name, source in self._mapping.activities.items():
            if source.object in self._visible:
                yield Stream(name, source.object, self._source_fields(source), "SystemModstamp")
        if KEY_FIELD in self._visible.get("Task", ()):
            yield Stream("our tasks", "Task", TASK_FIELDS, "SystemModstamp", f"{KEY_FIELD} != null")

    def _tracked(self) -> str:
        tracked = ", ".join(f"'{name}'" for name in (*self._mapping.stages, "Owner", "leadConverted"))
        return f"Field IN ({tracked})"

    def census(self) -> Iterator[Mapping[str, datetime]]:
        """Every lead that is not deleted, by id and stamp."""
        last = ""
        while True:
            beyond = f" WHERE Id > '{last}'" if last else ""
            soql = f"SELECT Id, SystemModstamp FROM Lead{beyond} ORDER BY Id LIMIT {PAGE}"
            rows = self._client.query(soql)["records"]
            yield {str(row["Id"]): parse_instant(row["SystemModstamp"]) for row in rows}
            if len(rows) < PAGE:
                return
            last = str(rows[-1]["Id"])

    def reread(self, lead_ids: Sequence[str], now: datetime, *, whole: bool) -> Iterator[Page]:
        """See ``Crm.reread``."""
        ids = [one for one in dict.fromkeys(lead_ids) if one.isalnum()]
        for start in range(0, len(ids), _IDS_PER_QUERY):
            part = ids[start : start + _IDS_PER_QUERY]
            listed = ", ".join(f"'{one}'" for one in part)
            soql = f"SELECT {', '.join(self.lead_fields())} FROM Lead WHERE Id IN ({listed})"
            rows = self._client.query_all(soql, deleted=True)
            page = self._lead_page(rows, "")
            gone = set(part) - {str(row["Id"]) for row in rows}
            removals = (*page.removals, *(Removal(one, now) for one in sorted(gone)))
            yield replace(page, removals=removals)
            if "LeadHistory" in self._visible:
                where = f"LeadId IN ({listed}) AND {self._tracked()}"
                soql = f"SELECT {', '.join(HISTORY_FIELDS)} FROM LeadHistory WHERE {where}"
                stages, owners = self.records.changes(self._client.query_all(soql))
                yield Page(stages=tuple(stages), owners=tuple(owners))
            if whole:
                yield from self._everything_of(listed)

    def _everything_of(self, listed: str) -> Iterator[Page]:
        """Every activity and task of ours of the leads with these quoted ids."""
        for stream in self._streams():
            source = self._mapping.activities.get(stream.name)
            field = source.lead if source else "WhoId" if stream.name == "our tasks" else ""
            if field:
                where = f"{field} IN ({listed})" + (f" AND {stream.where}" if stream.where else "")
                soql = f"SELECT {', '.join(stream.fields)} FROM {stream.object} WHERE {where}"
                yield self._page(stream, self._client.query_all(soql), "")

    def _source_fields(self, source: ActivitySource) -> tuple[str, ...]:
        named = (source.lead, source.at, source.known_at, source.kind_from, source.actor)
        wanted = ["Id", "SystemModstamp", *named, source.content, source.outcome, *source.only]
        if source.object == "Task":
            wanted += ["IsClosed", "ActivityDate", KEY_FIELD]
        return tuple(name for name in wanted if name and name in self._visible[source.object])

    def _page(self, stream: Stream, rows: Sequence[Mapping[str, Any]], cursor: str) -> Page:
        count = len(rows)
        match stream.name:
            case "leads":
                return self._lead_page(rows, cursor)
            case "history":
                stages, owners = self.records.changes(rows)
                return Page(stages=tuple(stages), owners=tuple(owners), cursor=cursor, records=count)
            case "our tasks":
                return Page(tasks=tuple(our_task(row) for row in rows), cursor=cursor, records=count)
        source = self._mapping.activities[stream.name]
        return self._activity_page(source, rows, cursor)

    def _lead_page(self, rows: Sequence[Mapping[str, Any]], cursor: str) -> Page:
        leads: list[SeenLead] = []
        rejections: list[Rejection] = []
        removals: list[Removal] = []
        for row in rows:
            if row.get("IsDeleted"):
                into = str(row.get("MasterRecordId") or "")
                removals.append(Removal(str(row["Id"]), parse_instant(row["SystemModstamp"]), into))
                continue
            try:
                seen = self.records.seen(row)
            except Unreadable as trouble:
                rejections.append(trouble.rejection)
                continue
            leads.append(seen)
            rejections += self.records.without_stage(row)
        return Page(
            leads=tuple(leads),
            rejections=tuple(rejections),
            removals=tuple(removals),
            cursor=cursor,
            records=len(rows),
        )

    def _activity_page(self, source: ActivitySource, rows: Sequence[Mapping[str, Any]], cursor: str) -> Page:
        found = [
            (str(row[source.lead]), self.records.activity(source, row))
            for row in rows
            if row.get(source.lead)
        ]
        kept = tuple((lead_id, activity) for lead_id, activity in found if activity is not None)
        return Page(activities=kept, cursor=cursor, records=len(rows))
