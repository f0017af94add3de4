"""Fields as they were: a clock keeps the target and calendar its lead had when it began."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sla_engine.book import Book
from sla_engine.errors import BadFact
from sla_engine.evaluate import evaluate
from sla_engine.history import history_of
from sla_engine.model import FieldChange
from sla_engine.replay import replay
from tests.unit.engine_builders import (
    a_lead,
    agreement,
    clocks,
    entered,
    lead_did,
    on,
    planned,
    shows,
    target,
)

HOME = target("home", "4h", when=[{"field": "country", "is": "DE"}])
ABROAD = target("abroad", "1h", when=[{"field": "country", "is": "BR"}])


def moved(*changes, **fields):
    return replace(a_lead(fields=fields), fields=tuple(changes))


def until(at, field, before):
    return FieldChange(on(at), field, before)


def test_a_clock_keeps_its_target_when_somebody_corrects_the_field_that_chose_it():
    lead = moved(until("tue 11:00", "country", "DE"), country="BR")
    assert shows(clocks(lead, agreement(HOME, ABROAD), "tue 12:00"), "target", "due_at") == [
        ("home", "tue 14:00")
    ]


def test_a_field_filled_in_before_the_handover_counts():
    lead = moved(until("tue 9:00", "country", "DE"), country="BR")
    assert shows(clocks(lead, agreement(HOME, ABROAD), "tue 12:00"), "target") == ["abroad"]


def test_a_clock_keeps_its_calendar_when_the_region_is_corrected():
    hours = {
        "tokyo": {"tz": "Asia/Tokyo", "weekly": {"tue": [["00:00", "24:00"]], "wed": [["00:00", "24:00"]]}}
    }
    agreed = agreement(target(hours="region"), hours=hours, hours_by_region={"JP": "tokyo"})
    lead = moved(until("tue 11:00", "country", "JP"), country="DE")
    assert shows(clocks(lead, agreed, "tue 12:00"), "hours", "due_at") == [("tokyo", "tue 14:00")]


def test_somebody_who_became_a_customer_after_the_handover_keeps_the_clock():
    rule = {"name": "customer", "when": [{"field": "customer", "is": True}], "because": "buys"}
    agreed = agreement(target(), not_new=[rule])
    lead = moved(until("wed 10:00", "customer", before=None), customer=True)
    verdict = evaluate(lead, agreed, on("thu 10:00"))
    assert shows(verdict.clocks, "state") == ["breached"]
    assert verdict.belongs_to is not None


def test_a_lead_stays_under_the_agreement_it_was_under():
    partners = agreement(target("partner", "1h"), scope=[{"field": "source", "is": "Partner"}])
    book = Book.of(partners.model_copy(update={"name": "partners"}), agreement(target()))
    lead = moved(until("tue 11:00", "source", "Partner"), source="Web")
    assert shows(clocks(lead, book, "tue 12:00"), "target", "due_at") == [("partner", "tue 11:00")]


def test_replaying_sees_each_value_in_its_time():
    lead = moved(until("tue 8:00", "company", None), until("wed 8:00", "company", "n/a"), company="Kontor")
    agreed = agreement(target(), minimum={"required": ["company"], "placeholders": ["n/a"]})
    known = {one.as_of: not one.missing for one in replay(lead, agreed, on("thu 8:00"))}
    assert (known[on("tue 8:00")], known[on("wed 8:00")]) == (False, True)
    assert evaluate(lead, agreed, on("tue 7:00")).valid_until == on("tue 8:00")


def test_a_consent_withdrawn_later_closes_no_clock_but_ends_the_interest():
    visit = replace(lead_did("page_visit", "tue 11:00"), consent="tracking")
    callback = target("visit", "1h", starts="inbound_activity", activities=["page_visit"])
    agreed = agreement(callback, interest={"points": {"page_visit": 20}})
    before = a_lead(visit, fields={"tracking": True})
    after = replace(
        a_lead(visit, fields={"tracking": False}), fields=(until("tue 11:30", "tracking", before=True),)
    )
    for lead, band in ((before, "medium"), (after, "none")):
        verdict = evaluate(lead, agreed, on("tue 11:45"))
        assert (shows(verdict.clocks, "target"), verdict.interest.band.value) == (["visit"], band)


def test_changes_in_any_order_and_twice_are_the_same():
    lead = a_lead(fields={"country": "BR"}).lead
    changes = [until("tue 8:00", "country", "DE"), until("tue 9:00", "country", "AT")]
    assert history_of(lead, fields=changes) == history_of(lead, fields=[*reversed(changes), *changes])


NAIVE = on("tue 10:00").replace(tzinfo=None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (FieldChange(NAIVE, "country", "DE"), "change of country"),
        (FieldChange(on("tue 10:00"), "return_on", NAIVE), "return_on before 2026"),
    ],
)
def test_a_change_without_a_zone_is_refused(change, said):
    with pytest.raises(BadFact, match=said):
        history_of(a_lead().lead, fields=[change])


def test_a_date_planned_for_another_instant_than_its_own_is_kept_until_it_comes():
    call = replace(planned("call", "tue 11:00", "thu 10:00"), at=on("wed 8:00"))
    agreed = agreement(target())
    lead = a_lead(entered("sal", "tue 11:00", by="anna"), call)
    verdict = evaluate(lead, agreed, on("wed 12:00"))
    assert (verdict.next_step.code, verdict.valid_until) == ("keep_date", on("thu 10:00"))
