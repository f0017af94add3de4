"""Reading: what changed since a cursor, page by page, in our words.

Each stream (leads, their history, every activity source, our tasks) is read by keyset on (stamp, Id)
up to a fixed instant, so equal stamps and late rows lose nothing. Streams of one poll share a cursor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.base import OurTask, Page, Rejection, SeenLead
from connectors.canonical import canonical
from connectors.mapping import ActivitySource, ConnectionMapping, parse_instant, parse_value
from connectors.salesforce.client import Client
from connectors.salesforce.fields import KEY_FIELD, OUR_API_NAMES, instant
from sla_engine.model import (
    Activity,
    ActivityKind,
    ActorKind,
    Lead,
    LifecycleStage,
    Owner,
    OwnerChange,
    StageChange,
    Value,
)

PAGE = 2000
LEAD_FIELDS = ("Id", "CreatedDate", "SystemModstamp", "OwnerId", "IsConverted", "IsDeleted")
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
        self._owners = owners
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
            rows = self._client.query(self._soql(stream, place))["records"]
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
        yield Stream("leads", "Lead", self.lead_fields(), "SystemModstamp")
        if "LeadHistory" in self._visible:
            fields = ("Id", "LeadId", "Field", "OldValue", "NewValue", "CreatedDate", "CreatedById")
            tracked = ", ".join(f"'{name}'" for name in (*self._mapping.stages, "Owner", "leadConverted"))
            yield Stream("history", "LeadHistory", fields, "CreatedDate", f"Field IN ({tracked})")
        for name, source in self._mapping.activities.items():
            if source.object in self._visible:
                yield Stream(name, source.object, self._source_fields(source), "SystemModstamp")
        if KEY_FIELD in self._visible.get("Task", ()):
            yield Stream("our tasks", "Task", TASK_FIELDS, "SystemModstamp", f"{KEY_FIELD} != null")

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
                stages, owners = self._changes(rows)
                return Page(stages=tuple(stages), owners=tuple(owners), cursor=cursor, records=count)
            case "our tasks":
                return Page(tasks=tuple(our_task(row) for row in rows), cursor=cursor, records=count)
        source = self._mapping.activities[stream.name]
        return self._activity_page(source, rows, cursor)

    def _lead_page(self, rows: Sequence[Mapping[str, Any]], cursor: str) -> Page:
        leads: list[SeenLead] = []
        rejections: list[Rejection] = []
        first_stages = []
        for row in rows:
            try:
                seen = self.seen(row)
            except Unreadable as trouble:
                rejections.append(trouble.rejection)
                continue
            leads.append(seen)
            first_stages += self._first_stage(seen)
        return Page(
            leads=tuple(leads),
            stages=tuple(first_stages),
            rejections=tuple(rejections),
            cursor=cursor,
            records=len(rows),
        )

    def _first_stage(self, seen: SeenLead) -> list[tuple[str, StageChange]]:
        """Every lead began somewhere: an inquiry when it was created (its history tells the rest)."""
        kind = ActorKind.UNKNOWN
        start = StageChange(seen.lead.created_at, LifecycleStage.INQUIRY, actor_kind=kind, id="created")
        return [(seen.lead.id, start)]

    def seen(self, row: Mapping[str, Any]) -> SeenLead:
        """One lead record in our words. Raises Unreadable naming field and reason."""
        lead_id = str(row["Id"])
        fields: dict[str, Value] = {}
        for name, mapped in self._mapping.lead.items():
            raw = row.get(mapped.field)
            try:
                fields[name] = parse_value(raw, mapped.as_)
            except ValueError as error:
                raise Unreadable(Rejection(lead_id, mapped.field, str(raw), str(error))) from None
        converted = bool(row.get("IsConverted"))
        lead = Lead(
            id=lead_id,
            created_at=parse_instant(row["CreatedDate"]),
            stage=self._mapping.stage_from(row),
            owner=self._owners.get(str(row.get("OwnerId"))),
            fields={name: value for name, value in fields.items() if name != "reason"},
            reason=str(fields.get("reason") or ""),
            closed_elsewhere=converted,
        )
        ours = {
            name: canonical(_typed(row.get(field_name)))
            for name, field_name in OUR_API_NAMES.items()
            if field_name in row
        }
        return SeenLead(lead, parse_instant(row["SystemModstamp"]), ours)

    def _changes(
        self, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[list[tuple[str, StageChange]], list[tuple[str, OwnerChange]]]:
        stages, owners = [], []
        for row in rows:
            at, lead_id, by = parse_instant(row["CreatedDate"]), str(row["LeadId"]), str(row["CreatedById"])
            kind = self.actor_kind(by)
            if row["Field"] == "Owner":
                change = self._owner_change(row, at, by, kind)
                owners += [(lead_id, change)] if change else []
                continue
            stage = self._mapping.stage_from({row["Field"]: row["NewValue"]})
            if row["Field"] == "leadConverted":
                stage = LifecycleStage.OPPORTUNITY
            if stage is not None:
                stages.append((lead_id, StageChange(at, stage, by, kind, id=str(row["Id"]))))
        return stages, owners

    def _owner_change(
        self, row: Mapping[str, Any], at: datetime, by: str, kind: ActorKind
    ) -> OwnerChange | None:
        """Owner changes come twice, once with names and once with ids; only the ids count."""
        owner = self._owners.get(str(row["NewValue"]))
        if owner is None:
            return None
        return OwnerChange(at, owner.id, by, kind, owner.is_queue, owner.time_zone, id=str(row["Id"]))

    def actor_kind(self, user_id: str) -> ActorKind:
        """A person, unless the user is our own, listed as automation, or unknown."""
        owner = self._owners.get(user_id)
        if owner is None:
            return ActorKind.UNKNOWN
        return ActorKind.AUTOMATION if owner.is_automation else ActorKind.PERSON

    def _activity_page(self, source: ActivitySource, rows: Sequence[Mapping[str, Any]], cursor: str) -> Page:
        found = [(str(row[source.lead]), self._activity(source, row)) for row in rows if row.get(source.lead)]
        kept = tuple((lead_id, activity) for lead_id, activity in found if activity is not None)
        return Page(activities=kept, cursor=cursor, records=len(rows))

    def _activity(self, source: ActivitySource, row: Mapping[str, Any]) -> Activity | None:
        kind = source.kind_of(row.get(source.kind_from))
        if kind is None or row.get(KEY_FIELD):
            return None
        stamp = row.get(source.at) or row.get("ActivityDate")
        known_at = parse_instant(row.get(source.known_at) or row["SystemModstamp"])
        at = parse_instant(stamp) if stamp else known_at
        done = all(row.get(name) == value for name, value in source.only.items())
        is_planned = at > known_at and source.object in {"Task", "Event"}
        if not done and not is_planned:
            return None
        actor = str(row.get(source.actor) or "") or None
        by_lead = kind in _BY_THE_LEAD
        actor_kind = ActorKind.UNKNOWN if by_lead or actor is None else self.actor_kind(actor)
        return Activity(
            id=str(row["Id"]),
            kind=kind,
            at=at,
            known_at=known_at,
            actor=None if by_lead else actor,
            actor_kind=ActorKind.AUTOMATION if kind is ActivityKind.AUTOMATIC_EMAIL else actor_kind,
            content=str(row.get(source.content) or "") if by_lead else "",
            outcome=str(row.get(source.outcome) or ""),
            planned_for=at if is_planned else None,
        )


_BY_THE_LEAD = frozenset(
    {
        ActivityKind.EMAIL_OPEN,
        ActivityKind.EMAIL_CLICK,
        ActivityKind.EMAIL_REPLY,
        ActivityKind.PAGE_VISIT,
        ActivityKind.FORM,
        ActivityKind.EVENT,
        ActivityKind.HAND_RAISE,
        ActivityKind.BOUNCE,
        ActivityKind.OPT_OUT,
    }
)


class Unreadable(Exception):
    """A record that cannot be put into our words."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


def our_task(row: Mapping[str, Any]) -> OurTask:
    """A task that carries our key."""
    due = row.get("ReminderDateTime")
    return OurTask(
        id=str(row["Id"]),
        key=str(row[KEY_FIELD]),
        lead_id=str(row.get("WhoId") or ""),
        is_open=not row["IsClosed"],
        subject=str(row.get("Subject") or ""),
        due_at=parse_instant(due) if due else None,
        owner_id=row.get("OwnerId"),
    )


def _typed(raw: Any) -> Value:
    if isinstance(raw, str) and len(raw) >= 20 and raw[4] == "-" and raw[10] == "T":
        return parse_instant(raw)
    return raw if isinstance(raw, str | int | float | bool) else None
