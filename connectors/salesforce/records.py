"""One Salesforce record in our words: leads, their history, activities, our tasks. No calls."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from connectors.base import OurTask, Rejection, SeenLead
from connectors.canonical import canonical
from connectors.mapping import NO_STAGE, ActivitySource, ConnectionMapping, parse_instant, parse_value
from connectors.salesforce.carrier import carrier_of
from connectors.salesforce.fields import KEY_FIELD, OUR_API_NAMES
from connectors.salesforce.streams import DEAL_OF_ROLE, DEAL_STAMP, ROLE_STAGE, ROLES, STAMPS, value_at
from sla_engine.contact import kinds_of
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


_PLANNED = frozenset({"Task", "Event"})
_EAST, _NOON, _WEST = timedelta(hours=14), timedelta(hours=12), timedelta(hours=36)


class Records:
    """Translates an org's records. ``owners``: everyone the org shows, by id; asked for when it matters."""

    def __init__(self, mapping: ConnectionMapping, owners: Callable[[], Mapping[str, Owner]]) -> None:
        self._mapping = mapping
        self._ask_owners = owners
        self.mapping = mapping
        self.carrier = carrier_of(mapping)

    @cached_property
    def _owners(self) -> Mapping[str, Owner]:
        return self._ask_owners()

    def seen(self, row: Mapping[str, Any]) -> SeenLead:
        """One lead record in our words. Raises Unreadable naming field and reason."""
        lead_id = str(row["Id"])
        fields: dict[str, Value] = {}
        for name, mapped in self._mapping.lead.items():
            raw = value_at(row, mapped.field)
            try:
                fields[name] = parse_value(raw, mapped.as_)
            except ValueError as error:
                raise Unreadable(Rejection(lead_id, mapped.field, str(raw), str(error))) from None
        converted = bool(row.get("IsConverted"))
        lead = Lead(
            id=lead_id,
            created_at=parse_instant(row["CreatedDate"]),
            stage=self._mapping.stage_from(self._stage_values(row)),
            owner=self._owners.get(str(row.get("OwnerId"))),
            fields={name: value for name, value in fields.items() if name != "reason"} | kinds_of(fields),
            reason=str(fields.get("reason") or ""),
            closed_elsewhere=converted,
        )
        ours = {
            name: canonical(_typed(row.get(field_name)))
            for name, field_name in OUR_API_NAMES.items()
            if field_name in row
        }
        return SeenLead(lead, parse_instant(row["SystemModstamp"]), ours, mark_of(row))

    def _stage_values(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value_at(row, name) for name in self._mapping.stages}

    def without_stage(self, row: Mapping[str, Any]) -> list[Rejection]:
        """What tells people that this lead is in no stage; a converted one has left the agreement anyway."""
        found = None if row.get("IsConverted") else self._mapping.without_stage(self._stage_values(row))
        return [Rejection(str(row["Id"]), *found, NO_STAGE)] if found else []

    def changes(
        self, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[list[tuple[str, StageChange]], list[tuple[str, OwnerChange]]]:
        stages: list[tuple[str, StageChange]] = []
        owners: list[tuple[str, OwnerChange]] = []
        for row in rows:
            at, lead_id, by = (
                parse_instant(row["CreatedDate"]),
                str(row[self.carrier.history_of]),
                str(row["CreatedById"]),
            )
            kind = self.actor_kind(by)
            if row["Field"] == "Owner":
                moved = self._owner_change(row, at, by, kind)
                owners += [(lead_id, moved)] if moved else []
                continue
            stage, before = (
                self._mapping.stage_from({row["Field"]: row[side]}) for side in ("NewValue", "OldValue")
            )
            if row["Field"] == "leadConverted":
                stage, before = LifecycleStage.OPPORTUNITY, None
            if stage is not None or self._is_the_stage_field(row["Field"]):
                change = StageChange(at, stage, by, kind, id=str(row["Id"]), before=before)
                stages.append((lead_id, change))
        return stages, owners

    def role_change(self, row: Mapping[str, Any]) -> StageChange | None:
        """Since when a lead or contact is in an open opportunity: since its role on it was made.

        Of a won one only that it is won is known: since when, is when we first see it.
        """
        role = row.get(ROLES) or {}
        stages = self._mapping.stages.get(ROLE_STAGE, {})
        if stages.get(str(value_at(role, DEAL_OF_ROLE))) is not LifecycleStage.OPPORTUNITY:
            return None
        at, by = parse_instant(role["CreatedDate"]), str(role["CreatedById"])
        return StageChange(at, LifecycleStage.OPPORTUNITY, by, self.actor_kind(by), id=str(role["Id"]))

    def _is_the_stage_field(self, name: str) -> bool:
        """Whether a value of this field that means no stage to us leaves the lead without any."""
        return [one for one in self._mapping.stages if "." not in one] == [name]

    def _owner_change(
        self, row: Mapping[str, Any], at: datetime, by: str, kind: ActorKind
    ) -> OwnerChange | None:
        """Owner changes come twice, once with names and once with ids; only the ids count."""
        owner = self._owners.get(str(row["NewValue"]))
        if owner is None:
            return None
        was = self._owners.get(str(row.get("OldValue")))
        before = Owner(was.id, is_queue=was.is_queue, time_zone=was.time_zone) if was else None
        change_id = str(row["Id"])
        return OwnerChange(
            at, owner.id, by, kind, owner.is_queue, owner.time_zone, id=change_id, before=before
        )

    def actor_kind(self, user_id: str) -> ActorKind:
        """A person, unless the user is our own, listed as automation, or unknown."""
        owner = self._owners.get(user_id)
        if owner is None:
            return ActorKind.UNKNOWN
        return ActorKind.AUTOMATION if owner.is_automation else ActorKind.PERSON

    def activities(
        self, sources: Mapping[str, ActivitySource], row: Mapping[str, Any]
    ) -> Iterator[tuple[str, Activity]]:
        """What each source makes of one record, with the lead it is about.

        The first source's activities are known by the record's id; further ones have their name behind it.
        """
        for number, (name, source) in enumerate(sources.items()):
            lead_id = value_at(row, source.lead)
            found = self.activity(source, row) if lead_id else None
            if found is not None:
                yield str(lead_id), found if number == 0 else replace(found, id=f"{found.id}/{name}")

    def activity(self, source: ActivitySource, row: Mapping[str, Any]) -> Activity | None:
        """What a record means to one source; None if nothing."""
        kind = source.kind_of(value_at(row, source.kind_from))
        outcome = str(value_at(row, source.outcome) or "")
        if kind is None or (row.get(KEY_FIELD) and not outcome):
            return None  # our own task proves something only by its outcome
        at, known_at = _times(source, row)
        done = all(value_at(row, name) == value for name, value in source.only.items())
        is_planned = at > known_at and source.object in _PLANNED
        if not done and not is_planned:
            return None
        actor = str(value_at(row, source.actor) or "") or None
        by_lead = kind in _BY_THE_LEAD
        actor_kind = ActorKind.UNKNOWN if by_lead or actor is None else self.actor_kind(actor)
        return Activity(
            id=str(row["Id"]),
            kind=kind,
            at=at,
            known_at=known_at,
            actor=None if by_lead else actor,
            actor_kind=ActorKind.AUTOMATION if kind is ActivityKind.AUTOMATIC_EMAIL else actor_kind,
            content=str(value_at(row, source.content) or "") if by_lead else "",
            outcome=outcome,
            planned_for=at if is_planned else None,
            consent=source.consent,
        )


def _times(source: ActivitySource, row: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """When it happened, and when it was known.

    A bare date says only the day (a first response to a campaign): where it was known on that day, wherever
    on earth that is, it counts from then on, else from noon.
    """
    stamp = value_at(row, source.at) or row.get("ActivityDate")
    known = value_at(row, source.known_at) or next(filter(None, (value_at(row, one) for one in STAMPS)), None)
    known = known or value_at(row, f"{source.at.rpartition('.')[0]}.SystemModstamp") or stamp
    known_at = parse_instant(str(known))
    if not stamp:
        return known_at, known_at
    at = parse_instant(str(stamp))
    if len(str(stamp)) == len("2026-11-23") and source.object not in _PLANNED:
        is_that_day = at - _EAST <= known_at < at + _WEST
        return (known_at if is_that_day else at + _NOON), known_at
    return at, known_at


def mark_of(row: Mapping[str, Any]) -> str:
    """The same only for the same state of a lead, read with the same fields: all of it is known then."""
    shown = " ".join(sorted(row.keys() - {"attributes"}))
    deal = value_at(row, DEAL_STAMP) or "-"
    role = row.get(ROLES)
    held = f" {role['Id']} {value_at(role, DEAL_OF_ROLE)}" if role else ""
    return f"{row['SystemModstamp']} {deal} {zlib.crc32(shown.encode()):x}{held}"


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
