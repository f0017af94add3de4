"""From versions of properties to changes of stage and owner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.base import SeenLead
from connectors.hubspot import history
from connectors.mapping import ConnectionMapping
from sla_engine.model import ActivityKind, ActorKind, Lead, LifecycleStage, Owner

T0 = datetime(2026, 11, 2, 8, tzinfo=UTC)
MAPPING = ConnectionMapping.model_validate(
    {
        "lead": {"email_opt_out": {"field": "optout", "as": "boolean"}},
        "stages": {
            "hs_lead_status": {"IN_PROGRESS": "sal", "BAD_TIMING": "recycled"},
            "lifecyclestage": {"lead": "inquiry", "marketingqualifiedlead": "mql"},
        },
        "activities": {"forms": {"history_of": "form", "kind": "form", "kinds": {"Demo": "hand_raise"}}},
    }
)


def version(value: str, hours: float, source: str = "CRM_UI") -> dict[str, str]:
    at = T0 + timedelta(hours=hours)
    return {"value": value, "timestamp": at.isoformat(), "sourceType": source}


def past(**versions: list[dict[str, str]]) -> history.Past:
    def actor(one: dict[str, str]) -> tuple[str | None, ActorKind]:
        return "7", ActorKind.PERSON if one["sourceType"] == "CRM_UI" else ActorKind.AUTOMATION

    row = {"id": "1", "propertiesWithHistory": versions}
    return history.past_of(row, T0 + timedelta(days=1), actor)


def seen(stage: LifecycleStage | None, owner: Owner | None = None) -> SeenLead:
    return SeenLead(Lead("1", T0, stage, owner), T0 + timedelta(hours=9))


def test_the_stage_at_each_instant_is_what_all_stage_fields_mean_together():
    told = past(
        lifecyclestage=[version("marketingqualifiedlead", 1, "FORM"), version("lead", 0)],
        hs_lead_status=[version("BAD_TIMING", 3), version("", 4), version("IN_PROGRESS", 2)],
    )
    changes = history.stage_changes(told, seen(LifecycleStage.MQL), MAPPING)
    assert [str(one.stage) for one in changes] == ["inquiry", "mql", "sal", "recycled", "mql"]
    assert [one.actor_kind for one in changes[:3]] == [
        ActorKind.PERSON,
        ActorKind.AUTOMATION,
        ActorKind.PERSON,
    ]
    assert len({one.id for one in changes}) == 5
    assert not any(one.estimated for one in changes)


def test_a_stage_without_history_is_estimated_and_stays_the_same_when_read_again():
    first = history.stage_changes(past(), seen(LifecycleStage.SAL), MAPPING)
    assert [(one.at, one.stage, one.estimated) for one in first] == [(T0, LifecycleStage.SAL, True)]
    assert first == history.stage_changes(past(), seen(LifecycleStage.SAL), MAPPING)


def test_what_is_later_than_asked_for_and_what_has_no_instant_is_left_out():
    told = past(
        lifecyclestage=[
            version("lead", 0),
            version("marketingqualifiedlead", 30),
            {"value": "x", "timestamp": "?", "sourceType": ""},
        ]
    )
    assert [one.value for one in told.of("lifecyclestage")] == ["lead"]


def test_owners_come_and_go():
    eva = Owner("5", time_zone="Europe/Berlin")
    told = past(hubspot_owner_id=[version("5", 1), version("", 2, "API")])
    changes = history.owner_changes(told, seen(None), lambda one: eva if one else None)
    assert [(one.owner, one.time_zone, one.actor_kind) for one in changes] == [
        ("5", "Europe/Berlin", ActorKind.PERSON),
        (None, None, ActorKind.AUTOMATION),
    ]
    (estimated,) = history.owner_changes(past(), seen(None, eva), lambda _: eva)
    assert (estimated.owner, estimated.at, estimated.estimated) == ("5", T0, True)


def test_each_value_of_a_property_is_one_activity_and_an_opt_out_is_one_too():
    told = past(
        form=[version("Demo", 1), version("Guide", 2), version("", 3)],
        optout=[version("false", 0), version("true", 4)],
    )
    found = [(one.kind, one.content, one.id) for one in history.activities(told, MAPPING)]
    assert [kind for kind, _, _ in found] == [
        ActivityKind.HAND_RAISE,
        ActivityKind.FORM,
        ActivityKind.OPT_OUT,
    ]
    assert [content for _, content, _ in found] == ["Demo", "Guide", ""]
    assert found[0][2].startswith("form:1:2026")
