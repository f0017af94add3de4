"""What a poll of HubSpot costs, what is news in it, and what becomes of leads that are gone."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
import requests

from connectors.base import Page, Removal, SetFields
from connectors.hubspot.asked import Asked
from connectors.hubspot.crm import HubSpotCrm
from connectors.hubspot.marks import Mark
from sla_engine.model import LifecycleStage
from tests.unit.test_hubspot_crm import Bench, bench, lead_ids, mapping, task  # noqa: F401 - a fixture

POLL = {"contacts search", "calls search", "emails search", "meetings search", "tasks search", "v1 events"}


class Reading:
    """One who keeps what was read, as the store does."""

    def __init__(self, practice: Bench) -> None:
        self.bench = practice
        self.marks: dict[str, str] = {}
        self.cursor = ""

    def pull(self, crm: HubSpotCrm | None = None, wait: float = 600) -> list[Page]:
        """Up to the CRM's own now, ``wait`` seconds later."""
        self.bench.clock.advance(wait)
        pages = list((crm or self.bench.crm).pull(self.cursor, marks=self.kept))
        self.marks |= {seen.lead.id: seen.mark for page in pages for seen in page.leads}
        self.cursor = pages[-1].cursor
        return pages

    def kept(self, lead_ids: Sequence[str]) -> Mapping[str, str]:
        return {one: self.marks[one] for one in lead_ids if one in self.marks}

    def calls(self) -> Counter[str]:
        """Since the last time, by the last two words of their routes."""
        told = requests.get(f"{self.bench.url}/_localcrm/calls", timeout=5).json()["by_route"]
        requests.post(f"{self.bench.url}/_localcrm/reset-calls", timeout=5)
        found: Counter[str] = Counter()
        for route, count in told.items():
            parts = [part for part in route.split("/") if part != "2026-03"]
            found[" ".join(parts[-2:])] += count
        return found


@pytest.fixture
def reading(bench: Bench) -> Reading:  # noqa: F811
    one = Reading(bench)
    one.pull()
    one.pull()
    one.calls()
    return one


def edit(reading: Reading, ids: Sequence[str], **values: Any) -> None:
    reading.bench.face.edit("contacts", [{"id": one, **values} for one in ids])


def leads_in(pages: Sequence[Page]) -> list[str]:
    return [seen.lead.id for page in pages for seen in page.leads]


def removals_in(pages: Sequence[Page]) -> list[Removal]:
    return [one for page in pages for one in page.removals]


def test_an_idle_poll_costs_one_call_for_each_kind_of_record_in_any_process(reading: Reading) -> None:
    for crm in (reading.bench.crm, reading.bench.open()):
        pages = reading.pull(crm)
        assert reading.calls() == dict.fromkeys(POLL, 1)
        assert not [page for page in pages if page.records]


@pytest.mark.parametrize("bench", [450], indirect=True)
@pytest.mark.slow
def test_a_mass_edit_of_what_is_not_mapped_costs_its_searches_and_no_history(reading: Reading) -> None:
    ids = sorted(reading.marks)
    edit(reading, ids, mobilephone="1")
    pages = reading.pull()
    found = reading.calls()
    assert sorted(leads_in(pages)) == ids
    assert found["contacts search"] == 3
    assert not [route for route in found if "batch" in route]
    assert not [page for page in pages if page.stages or page.owners or page.activities]


@pytest.mark.parametrize("bench", [450], indirect=True)
@pytest.mark.slow
def test_only_those_whose_past_is_news_are_asked_for_it_in_full_batches(reading: Reading) -> None:
    ids = sorted(reading.marks, key=int)
    edit(reading, ids, company="After")
    edit(reading, ids[::9], lifecyclestage="opportunity", hs_lead_status="")
    pages = reading.pull()
    assert reading.calls()["batch read"] == 1
    assert sorted(leads_in(pages), key=int) == ids
    moved = {lead_id for page in pages for lead_id, one in page.stages if str(one.stage) == "opportunity"}
    assert moved == set(ids[::9])


def test_what_the_look_back_brings_again_is_no_news_to_another_process(reading: Reading) -> None:
    ids = sorted(reading.marks)
    edit(reading, ids[:2], company="After")
    assert sorted(leads_in(reading.pull())) == ids[:2]
    again = reading.pull(reading.bench.open(), wait=10)
    assert leads_in(again) == []


def test_our_own_writing_comes_back_without_its_history(reading: Reading) -> None:
    ids = sorted(reading.marks)
    reading.bench.crm.apply([SetFields(one, {"status": "met"}, "") for one in ids])
    reading.calls()
    pages = reading.pull()
    assert {seen.ours["status"] for page in pages for seen in page.leads} == {"met"}
    assert "batch read" not in reading.calls()


def test_a_change_younger_than_the_window_is_left_to_the_next_poll(reading: Reading) -> None:
    (one, *_) = reading.marks
    reading.bench.clock.freeze()
    edit(reading, [one], company="After")
    assert leads_in(reading.pull(wait=0)) == []
    assert leads_in(reading.pull(wait=5)) == [one]


def test_more_properties_than_a_search_can_show_are_read_by_id(reading: Reading) -> None:
    lead = mapping().lead | {f"f{n}": f"property_with_a_long_name_for_number_{n}" for n in range(60)}
    crm = reading.bench.open(lead={name: getattr(one, "field", one) for name, one in lead.items()})
    ids = sorted(reading.marks)
    edit(reading, ids[:3], company="After")
    pages = reading.pull(crm)
    assert sorted(leads_in(pages)) == ids[:3]
    edit(reading, ids[:1], company="Later")
    again = reading.pull(crm, wait=60)
    assert [seen.lead.fields["company"] for page in again for seen in page.leads] == ["Later"]


def test_a_poll_that_is_given_up_leaves_no_thread_behind(reading: Reading) -> None:
    edit(reading, sorted(reading.marks), company="After")
    pages = reading.bench.crm.pull("")
    assert len(list(islice(pages, 1))) == 1
    pages.close()  # type: ignore[attr-defined]
    assert [one.name for one in threading.enumerate() if one.name in {"read-ahead", "in-flight"}] == []


def test_a_value_that_goes_and_comes_back_shows_by_the_date_beside_it() -> None:
    asked = Asked.by(mapping())
    first = {"id": "1", "properties": {"lastmodifieddate": "2026-11-02T08:00:00Z", "hubspot_owner_id": "5"}}
    moved = {"hubspot_owner_assigneddate": "2026-11-02T09:00:00Z"}
    again = {**first, "properties": {**first["properties"], **moved}}
    assert asked.mark(first).past != asked.mark(again).past
    beside = {"hs_v2_date_entered_marketingqualifiedlead", "recent_conversion_date", "num_conversion_events"}
    assert beside <= set(asked.plain)


def test_a_mark_is_read_back_and_an_older_row_is_no_news() -> None:
    mark = Mark(1_700_000_000_000, "a", "b", 5)
    assert Mark.parse(mark.text()) == mark
    assert Mark.parse("2026-11-02T08:00:00Z|abc") is None
    assert not Mark(mark.stamp - 1, "other", "b", 5).is_news_to(mark)
    assert Mark(mark.stamp, "other", "b", 5).is_news_to(mark)
    assert not mark.is_news_to(mark)


def test_a_source_that_is_denied_is_told_and_catches_up_when_it_may_be_read(reading: Reading) -> None:
    named = {"message": "x", "context": {"requiredGranularScopes": ["crm.objects.calls.read"]}}
    body = {"category": "MISSING_SCOPES", "errors": [named]}
    fault = {"path": "/calls/search", "do": "status", "status": 403, "body": body, "times": None}
    requests.post(f"{reading.bench.url}/_localcrm/faults", json=[fault], timeout=5)
    (one, *_) = reading.marks
    at = str(int(reading.bench.clock.now().timestamp() * 1000))
    (made,) = reading.bench.face.edit("calls", [{"hs_timestamp": at, "associations": [{"to": one}]}])
    for _ in range(3):
        (trouble,) = {trouble for page in reading.pull() for trouble in page.troubles}
        assert trouble.startswith("activities.calls: ")
        assert "crm.objects.calls.read" in trouble
    requests.delete(f"{reading.bench.url}/_localcrm/faults", timeout=5)
    found = [activity.id for page in reading.pull() for _, activity in page.activities]
    assert found == [f"calls:{made['id']}"]
    assert not [page for page in reading.pull() if page.troubles or page.activities]


def test_a_merged_contact_is_told_as_gone_once_and_its_survivor_is_news(reading: Reading) -> None:
    gone, survivor, *_ = sorted(reading.marks)
    reading.bench.face.edit("contacts", [{"id": gone, "merge_into": survivor}])
    pages = reading.pull()
    assert [(one.lead_id, one.merged_into) for one in removals_in(pages)] == [(gone, survivor)]
    assert leads_in(pages) == [survivor]
    edit(reading, [survivor], lifecyclestage="opportunity")
    assert removals_in(reading.pull()) == []


def test_leads_that_are_read_anew_come_with_their_past_or_as_removals(reading: Reading) -> None:
    gone, survivor, deleted, there, *_ = sorted(reading.marks)
    reading.bench.face.edit("contacts", [{"id": gone, "merge_into": survivor}])
    reading.bench.face.edit("contacts", [{"id": deleted, "delete": True}])
    deleted_at = reading.bench.clock.now()
    reading.bench.clock.advance(3600)
    reading.bench.crm.account_id()
    pages = list(reading.bench.crm.reread([gone, deleted, there, "99999999"]))
    assert sorted(leads_in(pages)) == [survivor, there]
    assert {lead_id for page in pages for lead_id, _ in page.stages} == {survivor, there}
    told = {one.lead_id: one for one in removals_in(pages)}
    assert {one: told[one].merged_into for one in told} == {gone: survivor, deleted: "", "99999999": ""}
    assert abs(told[deleted].at - deleted_at) < timedelta(seconds=1)
    assert told["99999999"].at > deleted_at + timedelta(minutes=59)
    assert {page.cursor for page in pages} == {""}


def test_a_lead_read_whole_comes_as_if_it_was_read_for_the_first_time(reading: Reading) -> None:
    practice = reading.bench
    first = list(practice.open().pull(""))
    one, two, *_ = sorted(reading.marks)
    practice.crm.apply([task(one)])
    pages = list(practice.crm.reread([one, two], whole=True))

    def facts(told: Sequence[Page]) -> set[tuple[str, str]]:
        every = [
            pair for page in told for part in (page.activities, page.stages, page.owners) for pair in part
        ]
        return {(lead_id, fact.id) for lead_id, fact in every if lead_id in {one, two}}

    assert sorted(leads_in(pages)) == [one, two]
    assert facts(pages) == facts(first)
    assert [made.lead_id for page in pages for made in page.tasks] == [one]
    assert not {lead_id for page in pages for lead_id, _ in page.activities} - {one, two}


def test_read_by_the_id_of_a_merged_contact_the_survivor_is_shown(reading: Reading) -> None:
    gone, survivor, *_ = sorted(reading.marks)
    reading.bench.face.edit("contacts", [{"id": gone, "merge_into": survivor}])
    assert [seen.lead.id for seen in reading.bench.crm.read_leads([gone, survivor])] == [survivor]


@pytest.mark.parametrize("bench", [130], indirect=True)
@pytest.mark.slow
def test_the_census_counts_everybody_who_is_there_by_stamp(reading: Reading) -> None:
    ids = sorted(reading.marks, key=int)
    reading.bench.face.edit("contacts", [{"id": ids[0], "delete": True}])
    pages = list(reading.bench.crm.census())
    counted = {one: at for page in pages for one, at in page.items()}
    assert sorted(counted, key=int) == ids[1:]
    assert len(pages) == 2
    stamps = {seen.lead.id: seen.modified_at for seen in reading.bench.crm.read_leads(ids[1:])}
    assert counted == stamps


def test_stage_values_known_to_nobody_leave_the_rest_of_the_lead(reading: Reading) -> None:
    (one, *_) = reading.marks
    edit(reading, [one], lifecyclestage="other", hs_lead_status="")
    (seen,) = [seen for page in reading.pull() for seen in page.leads]
    assert seen.lead.stage not in set(LifecycleStage)
    assert seen.lead.id == one


def whole(bench: Bench) -> Iterator[Page]:  # noqa: F811
    yield from bench.crm.pull("")


def test_a_pull_without_an_end_brings_the_same_as_one_up_to_the_crms_now(bench: Bench) -> None:  # noqa: F811
    bench.clock.advance(10)
    assert lead_ids(whole(bench)) == lead_ids(bench.pull())
