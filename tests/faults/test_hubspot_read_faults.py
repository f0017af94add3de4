"""Rows 28 to 50 of the fault catalogue, as far as they concern reading HubSpot, over HTTP.

Nobody's change may be lost, and no fact may be told wrong, whatever the search and the lists do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
import requests

from connectors.base import Page
from connectors.hubspot.crm import HubSpotCrm
from localcrm.clock import Clock
from localcrm.hubspot import HubSpotFace
from localcrm.server import running
from sla_engine.model import ActivityKind
from tests.unit.test_hubspot_crm import NOW, Bench, company
from tests.unit.test_hubspot_reading import Reading, edit, leads_in, removals_in

SIZE = 12  # ids from 97 to 108: as text they stand in another order than as numbers
Opened = Callable[..., Reading]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens portals with these switches, read to their present and a while longer."""
    with ExitStack() as stack:

        def open_portal(size: int = SIZE, **switches: Any) -> Reading:
            clock = Clock(NOW)
            face = HubSpotFace(clock, limits=False, **switches)
            practice = stack.enter_context(running(company(size), clock=clock, told={"hubspot": face}))
            url, door = practice.urls["hubspot"], practice.doors["hubspot"]
            bench = Bench(None, face, clock, url, door)  # type: ignore[arg-type]
            bench.crm = bench.open()
            stack.callback(bench.crm.close)
            bench.crm.provision(dry_run=False)
            reading = Reading(bench)
            reading.pull()
            reading.pull()
            assert len(reading.marks) == size
            return reading

        yield open_portal


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches show three records at a time, and a page for the store is made of each."""
    monkeypatch.setattr("connectors.hubspot.client.SEARCH_PAGE", 3)
    monkeypatch.setattr("connectors.hubspot.leads.AT_MOST", 3)


def fault(reading: Reading, **rule: Any) -> None:
    requests.post(f"{reading.bench.url}/_localcrm/faults", json=[rule], timeout=5).raise_for_status()


def everybody(reading: Reading) -> list[str]:
    return sorted(reading.marks, key=int)


def companies_in(pages: list[Page]) -> dict[str, str]:
    """The last told of each lead."""
    return {seen.lead.id: str(seen.lead.fields["company"]) for page in pages for seen in page.leads}


def after(reading: Reading, pages: list[Page]) -> None:
    """Go on from here, as the store would."""
    reading.marks |= {seen.lead.id: seen.mark for page in pages for seen in page.leads}
    reading.cursor = pages[-1].cursor


def record(reading: Reading, lead_id: str) -> Any:
    """The record behind the doors, to be changed as no door allows."""
    return reading.bench.face.portal.tables["contacts"].records[int(lead_id)]


@pytest.mark.usefixtures("small_pages")
def test_fault_28_same_stamp_ties_at_the_watermark(opened: Opened) -> None:
    reading = opened()
    reading.bench.clock.freeze()
    edit(reading, everybody(reading), company="After")  # all in one millisecond
    reading.bench.clock.advance(10)
    told: dict[str, str] = {}
    for _ in range(20):  # each run is broken off after its first page
        pages = list(islice(reading.bench.open().pull(reading.cursor, marks=reading.kept), 1))
        told |= companies_in(pages)
        after(reading, pages)
    assert told == dict.fromkeys(everybody(reading), "After")


@pytest.mark.usefixtures("small_pages")
def test_fault_29_more_rows_with_one_stamp_than_a_search_shows(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localcrm.hubspot.search._DEEPEST", 3)  # 10,000 in the real one
    reading = opened()
    reading.bench.clock.freeze()
    edit(reading, everybody(reading), company="After")
    assert companies_in(reading.pull(wait=10)) == dict.fromkeys(everybody(reading), "After")


@pytest.mark.usefixtures("small_pages")
def test_fault_30_ids_sorted_as_text(opened: Opened) -> None:
    reading = opened(text_sorted_ids=True)
    edit(reading, everybody(reading), company="After")
    assert companies_in(reading.pull()) == dict.fromkeys(everybody(reading), "After")


@pytest.mark.parametrize("pages_before", [0, 1])
@pytest.mark.parametrize("shown", [0, 2])
@pytest.mark.usefixtures("small_pages")
def test_fault_31_a_short_or_empty_page_that_names_a_next_one(
    opened: Opened, shown: int, pages_before: int
) -> None:
    reading = opened()
    edit(reading, everybody(reading), company="After")
    rest = everybody(reading)[3 * pages_before :]
    path = f"{reading.bench.url}/crm/objects/2026-03/contacts/search"
    beyond = {"propertyName": "hs_object_id", "operator": "GTE", "value": rest[0]}
    names = ["company", "lastmodifieddate", "createdate", "lastname"]
    query = {"sorts": ["hs_object_id"], "properties": names, "limit": shown or 1}
    query |= {"filterGroups": [{"filters": [beyond]}]}
    real = requests.post(path, json=query, headers={"Authorization": "Bearer localcrm"}, timeout=5).json()
    goes_on = {"next": {"after": str(shown)}}
    body = {"total": len(rest), "results": real["results"][:shown], "paging": goes_on}
    order = {"do": "status", "status": 200, "body": body, "after": pages_before}
    fault(reading, path="contacts/search", **order)
    assert companies_in(reading.pull()) == dict.fromkeys(everybody(reading), "After")


def test_fault_32_the_search_lags_behind_writes(opened: Opened) -> None:
    reading = opened(search_lag=120.0)
    (one, *_) = everybody(reading)
    edit(reading, [one], company="After")
    assert leads_in(reading.pull(wait=60)) == []
    assert companies_in(reading.pull(reading.bench.open(), wait=90)) == {one: "After"}
    assert leads_in(reading.pull(wait=60)) == []


@pytest.mark.usefixtures("small_pages")
def test_fault_33_rows_change_while_they_are_paged(opened: Opened) -> None:
    reading = opened()
    ids = everybody(reading)
    edit(reading, ids, company="After")
    reading.bench.clock.advance(10)
    pages = []
    for page in reading.bench.crm.pull(reading.cursor, marks=reading.kept):
        pages.append(page)
        if len(pages) == 1:  # one that was read, one that was not
            edit(reading, [ids[0], ids[-1]], company="Later")
    after(reading, pages)
    told = companies_in(pages) | companies_in(reading.pull(wait=10))
    assert told == dict.fromkeys(ids[1:-1], "After") | dict.fromkeys([ids[0], ids[-1]], "Later")


@pytest.mark.parametrize("kind", ["contacts", "calls"])
def test_fault_35_a_place_in_a_list_that_hubspot_does_not_know_any_more(
    opened: Opened, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.hubspot.leads.HISTORY_BATCH", 5)
    monkeypatch.setattr("connectors.hubspot.engagements.BATCH", 5)
    reading = opened()
    whole = list(reading.bench.open().pull(""))
    begun = next(number for number, page in enumerate(whole) if f'"{kind}", "last"' in page.cursor)
    expired = {"category": "VALIDATION_ERROR", "message": "Invalid after"}
    fault(reading, method="GET", path=f"objects/2026-03/{kind}", do="status", status=400, body=expired)
    rest = list(reading.bench.open().pull(whole[begun].cursor))
    facts = {
        name: {one.id for page in pages for _, one in page.activities}
        for name, pages in (("whole", whole), ("resumed", [*whole[: begun + 1], *rest]))
    }
    assert facts["resumed"] == facts["whole"]
    assert set(leads_in(whole)) == set(leads_in(whole[: begun + 1])) | set(leads_in(rest))


def test_fault_36_a_lead_that_is_edited_while_its_page_is_read(opened: Opened) -> None:
    reading = opened()
    (one, *_) = everybody(reading)
    edit(reading, [one], hs_lead_status="NEW", company="After")
    reading.bench.clock.advance(10)
    pages = reading.bench.crm.pull(reading.cursor, marks=reading.kept)
    first = next(pages)
    edit(reading, [one], company="Later")
    told = [first, *pages]
    after(reading, told)
    assert companies_in(reading.pull(wait=10)) == {one: "Later"}


def test_fault_37_a_stamp_from_the_future(opened: Opened) -> None:
    reading = opened()
    one, two, *_ = everybody(reading)
    edit(reading, [one, two], company="After")
    record(reading, one).updated += int(timedelta(days=2).total_seconds() * 1000)
    assert companies_in(reading.pull()) == {two: "After"}
    edit(reading, [two], company="Later")  # the cursor has not run ahead
    assert companies_in(reading.pull()) == {two: "Later"}
    assert companies_in(reading.pull(wait=3 * 86_400)) == {one: "After"}


def test_fault_38_a_record_without_its_stamp(opened: Opened) -> None:
    reading = opened()
    (one, *_) = everybody(reading)
    born = "2026-11-20T08:00:00Z"
    row = {"id": one, "properties": {"createdate": born, "lastname": "Abel", "lifecyclestage": "lead"}}
    fault(
        reading,
        method="GET",
        path="objects/2026-03/contacts",
        do="status",
        status=200,
        body={"results": [row]},
    )
    (seen, *_) = [seen for page in reading.bench.open().pull("") for seen in page.leads]
    assert (seen.lead.id, seen.modified_at, str(seen.lead.stage)) == (one, seen.lead.created_at, "inquiry")
    fault(
        reading,
        method="GET",
        path="objects/2026-03/contacts",
        do="status",
        status=200,
        body={"results": [row]},
    )
    assert [list(page) for page in reading.bench.crm.census()] == [[one]]


def test_fault_39_a_value_that_changes_without_a_new_stamp(opened: Opened) -> None:
    """As calculated ones do: seen while the look-back shows the lead, later when it is read anew."""
    reading = opened()
    (one, *_) = everybody(reading)
    edit(reading, [one], company="After")
    reading.pull(wait=10)
    record(reading, one).values["recent_conversion_date"] = "2026-11-23T10:00:00.000Z"
    assert leads_in(reading.pull(wait=10)) == [one]
    record(reading, one).values["company"] = "Calculated"
    reading.pull()
    assert companies_in(list(reading.bench.crm.reread([one]))) == {one: "Calculated"}


def test_fault_40_a_deleted_lead_is_told_with_its_instant_when_it_is_asked_for(opened: Opened) -> None:
    reading = opened()
    (one, *_) = everybody(reading)
    reading.bench.face.edit("contacts", [{"id": one, "delete": True}])
    at = reading.bench.clock.now()
    assert removals_in(reading.pull()) == []  # no search shows it
    (told,) = removals_in(list(reading.bench.crm.reread([one])))
    assert (told.lead_id, told.merged_into) == (one, "")
    assert abs(told.at - at) < timedelta(seconds=1)


def test_fault_41_a_lead_erased_without_trace_is_missing_from_the_census(opened: Opened) -> None:
    reading = opened()
    one, *others = everybody(reading)
    reading.bench.face.edit("contacts", [{"id": one, "erase": True}])
    counted = {lead_id for page in reading.bench.crm.census() for lead_id in page}
    assert counted == set(others)
    assert [told.lead_id for told in removals_in(list(reading.bench.crm.reread([one])))] == [one]


@pytest.mark.parametrize("is_new", [False, True])
def test_fault_42_merged_leads_are_told_with_who_goes_on(opened: Opened, is_new: bool) -> None:
    """HubSpot's survivor is the primary record, or a third one that stands for both."""
    reading = opened(merge_makes_new_record=is_new)
    gone, primary, *_ = everybody(reading)
    reading.bench.face.edit("contacts", [{"id": gone, "merge_into": primary}])
    pages = reading.pull()
    (survivor,) = leads_in(pages)
    assert (survivor == primary) is not is_new
    went = {gone, primary} - {survivor}
    assert {(one.lead_id, one.merged_into) for one in removals_in(pages)} == {(one, survivor) for one in went}
    assert {lead_id for page in pages for lead_id, _ in page.stages} == {survivor}
    assert [seen.lead.id for seen in reading.bench.crm.read_leads([gone])] == [survivor]
    again = list(reading.bench.crm.reread([gone, primary]))
    assert {(one.lead_id, one.merged_into) for one in removals_in(again)} == {(one, survivor) for one in went}


def test_fault_44_a_restored_lead_is_news_with_its_past(opened: Opened) -> None:
    reading = opened()
    (one, *_) = everybody(reading)
    reading.bench.face.edit("contacts", [{"id": one, "delete": True}])
    reading.pull()
    del reading.marks[one]  # whoever is told as gone is not kept
    reading.bench.face.edit("contacts", [{"id": one, "restore": True}])
    pages = reading.pull()
    assert leads_in(pages) == [one]
    assert [str(change.stage) for page in pages for _, change in page.stages][-1] == "sal"


def test_fault_45_an_activity_logged_long_after_it_happened_keeps_both_instants(opened: Opened) -> None:
    reading = opened()
    (one, *_) = everybody(reading)
    now = reading.bench.clock.now()
    week_ago = str(int((now - timedelta(days=7)).timestamp() * 1000))
    row = {"hs_timestamp": week_ago, "hs_email_direction": "EMAIL", "associations": [{"to": one}]}
    reading.bench.face.edit("emails", [row])
    ((lead_id, email),) = [pair for page in reading.pull() for pair in page.activities]
    assert (lead_id, email.kind) == (one, ActivityKind.EMAIL)
    assert now - email.at >= timedelta(days=7)
    assert email.known_at - now < timedelta(seconds=5)


def test_fault_46_the_same_activity_told_twice_is_one(opened: Opened) -> None:
    """By the look-back, by a second process, and by an association that stands twice."""
    reading = opened()
    one, two, *_ = everybody(reading)
    at = str(int(reading.bench.clock.now().timestamp() * 1000))
    reading.bench.face.edit(
        "calls", [{"hs_timestamp": at, "associations": [{"to": one}, {"to": one}, {"to": two}]}]
    )
    address = next(
        row["properties"]["email"] for row in reading.bench.face.records("contacts") if row["id"] == one
    )
    reading.bench.face.edit("email_events", [{"type": "OPEN", "recipient": address.upper()}])
    start = reading.cursor
    told = []
    for crm in (reading.bench.crm, reading.bench.open()):
        reading.cursor = start
        told.append(
            sorted((lead_id, one.id) for page in reading.pull(crm, 10) for lead_id, one in page.activities)
        )
    assert told[0] == told[1]
    assert len(told[0]) == len(set(told[0])) == 3


def test_fault_47_a_reimport_that_changes_nothing_mapped_costs_its_searches(opened: Opened) -> None:
    reading = opened()
    reading.calls()
    edit(reading, everybody(reading), mobilephone="1")
    pages = reading.pull()
    assert sorted(leads_in(pages), key=int) == everybody(reading)
    assert set(reading.calls().values()) == {1}
    assert not [page for page in pages if page.stages or page.owners or page.removals]


def test_fault_48_a_portal_that_seems_empty_removes_nobody_by_itself(opened: Opened) -> None:
    reading = opened()
    nothing = {"total": 0, "results": []}
    fault(reading, path="/objects/2026-03/", do="status", status=200, body=nothing, times=None)
    assert removals_in(reading.pull()) == []
    assert [dict(page) for page in reading.bench.crm.census()] == [{}]


def test_fault_49_a_search_and_a_read_by_id_that_disagree(opened: Opened) -> None:
    """The search still shows the first of two edits; what was read by id decides, and comes once."""
    reading = opened(search_lag=60.0)
    (one, *_) = everybody(reading)
    edit(reading, [one], hubspot_owner_id="")
    reading.bench.clock.advance(40)
    edit(reading, [one], company="After", lifecyclestage="opportunity", hs_lead_status="OPEN_DEAL")
    pages = reading.pull(wait=30)
    assert companies_in(pages) == {one: "After"}
    assert [str(change.stage) for page in pages for _, change in page.stages][-1] == "opportunity"
    assert leads_in(reading.pull(wait=60)) == []


def opened_with_number(reading: Reading) -> HubSpotCrm:
    """The company read as a number."""
    return reading.bench.open(lead={"employees": {"field": "company", "as": "integer"}})


@pytest.mark.parametrize("value", ["1,234", "many", "1e999"])
def test_fault_50_a_value_that_cannot_be_read_sets_aside_its_lead_alone(opened: Opened, value: str) -> None:
    reading = opened()
    one, *others = everybody(reading)
    edit(reading, others, company="12")
    edit(reading, [one], company=value)
    reading.bench.clock.advance(10)
    pages = list(opened_with_number(reading).pull(""))
    assert sorted(leads_in(pages), key=int) == others
    (rejected,) = [rejection for page in pages for rejection in page.rejections]
    assert (rejected.lead_id, rejected.field, rejected.value) == (one, "company", value)
    assert value not in rejected.reason


def test_fault_50_a_stage_nobody_mapped_leaves_the_lead_without_one(opened: Opened) -> None:
    reading = opened()
    (one, *_) = everybody(reading)
    edit(reading, [one], lifecyclestage="evangelist", hs_lead_status="")
    pages = reading.pull()
    assert [seen.lead.stage for page in pages for seen in page.leads] == [None]
    assert [rejection.value for page in pages for rejection in page.rejections] == ["evangelist"]
