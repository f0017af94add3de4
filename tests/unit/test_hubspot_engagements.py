"""Engagements as activities: what is done, what lies ahead, what is neither."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.hubspot.carrier import CONTACTS
from connectors.hubspot.engagements import Engagements
from connectors.hubspot.holders import Holders
from connectors.hubspot.window import Window
from connectors.mapping import ActivitySource
from sla_engine.model import ActorKind

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PAST, FUTURE = NOW - timedelta(hours=1), NOW + timedelta(days=1)
MADE = PAST - timedelta(minutes=5)


class People:
    def kind_of_owner(self, owner_id: str | None) -> ActorKind:
        return ActorKind.PERSON if owner_id else ActorKind.UNKNOWN


class Client:
    def __init__(self, properties: dict[str, Any]) -> None:
        stamped = {
            "hs_createdate": MADE.isoformat(),
            "hubspot_owner_id": "5",
            **properties,
        }
        self.row = {"id": "1", "properties": stamped}

    def search(self, *_: Any, **__: Any) -> Any:
        return type("Reply", (), {"results": [self.row], "after": ""})

    def associated(self, *_: Any) -> dict[str, list[str]]:
        return {"1": ["77", "77", "78"]}


def read(kind: str, properties: dict[str, Any]) -> list[Any]:
    source = ActivitySource.model_validate(
        {"object": kind, "kind": kind.removesuffix("s"), "actor": "hubspot_owner_id"}
    )
    client: Any = Client(properties)
    people: Any = People()
    engagements = Engagements(client, kind, [source], people, Holders(client, CONTACTS))
    (step,) = engagements.segment(Window(PAST, NOW), "")
    return list(step.page.activities)


def test_an_engagement_counts_once_for_each_contact_it_belongs_to():
    found = read("calls", {"hs_timestamp": PAST.isoformat()})
    assert [lead_id for lead_id, _ in found] == ["77", "78"]
    assert {activity.actor_kind for _, activity in found} == {ActorKind.PERSON}


@pytest.mark.parametrize(
    ("kind", "properties", "planned"),
    [
        ("meetings", {"hs_timestamp": PAST.isoformat()}, None),
        ("meetings", {"hs_timestamp": FUTURE.isoformat()}, FUTURE),
        # called off: planned for no later than it was made, so it is neither a touch nor a follow-up
        ("meetings", {"hs_timestamp": PAST.isoformat(), "hs_meeting_outcome": "CANCELED"}, MADE),
        ("meetings", {"hs_timestamp": FUTURE.isoformat(), "hs_meeting_outcome": "CANCELED"}, MADE),
        ("tasks", {"hs_timestamp": FUTURE.isoformat(), "hs_task_status": "NOT_STARTED"}, FUTURE),
        ("tasks", {"hs_timestamp": PAST.isoformat(), "hs_task_status": "COMPLETED"}, None),
    ],
)
def test_what_lies_ahead_or_never_took_place_is_planned(kind, properties, planned):
    assert {activity.planned_for for _, activity in read(kind, properties)} == {planned}


@pytest.mark.parametrize(
    "properties",
    [
        {"hs_timestamp": "rubbish"},
        {"hs_timestamp": PAST.isoformat(), "leadsla_key": "k", "hs_task_status": "COMPLETED"},
        {"hs_timestamp": (PAST - timedelta(days=1)).isoformat(), "hs_task_status": "NOT_STARTED"},
        {"hs_timestamp": PAST.isoformat(), "hs_createdate": FUTURE.isoformat()},
    ],
)
def test_our_own_tasks_and_what_is_neither_done_nor_planned_prove_nothing(properties):
    assert read("tasks", properties) == []
