"""Reading much at once by the Bulk API 2.0: streamed, resumed, and replaced by pages where it is denied."""

from __future__ import annotations

from typing import Any

import pytest
import responses
from pydantic import SecretStr

from connectors.connection import Connection
from connectors.mapping import ConnectionMapping
from connectors.salesforce import again, bulk, walk
from connectors.salesforce.bulk import BulkFailed, BulkQuery
from connectors.salesforce.client import Client
from connectors.salesforce.cursor import Cursor
from connectors.salesforce.streams import Streams
from tests.practice_org import LEADS
from tests.unit.salesforce_reading import Reading, leads_in, reading, told_in

ALL = [f"Lead{n}" for n in range(LEADS)]
JOBS = "/jobs/query"
BASE = "https://org.test"
RESULTS = f"{BASE}/services/data/v59.0/jobs/query/7501/results"


@pytest.fixture
def much(monkeypatch):
    """Everything beyond the first page counts as much, and bulk pages hold four rows."""
    monkeypatch.setattr(walk, "MUCH", 0)
    monkeypatch.setattr(bulk, "ROWS", 4)
    monkeypatch.setattr(walk, "PAGE", 3)
    with reading(page_size=3) as one:
        yield one


def test_much_is_read_by_one_job_in_pages_and_says_how_much_there_is(much: Reading):
    pages = much.poll()
    assert sorted(leads_in(pages)) == ALL
    assert (much.calls[JOBS], much.calls[f"{JOBS}/{{id}}/results"]) == (1, 3)
    assert max(page.estimate or 0 for page in pages) == LEADS
    assert told_in(pages) == []


def test_rows_in_bulk_say_the_same_as_rows_page_by_page(much: Reading, monkeypatch):
    with much.opened() as crm:
        crm.provision(dry_run=False)
    much.org.edit("Lead", {"Id": much.org.lead("Lead1"), "NumberOfEmployees": 12, "HasOptedOutOfEmail": True})
    much.org.edit("Lead", {"Id": much.org.lead("Lead2"), "LeadSLA_Score__c": 7})
    much.org.edit("Lead", {"Id": much.org.lead("Lead3"), "delete": True})
    in_bulk = much.poll()
    monkeypatch.setattr(walk, "MUCH", 10_000)
    much.cursor, much.kept = "", {}
    one_by_one = much.poll()

    def told(pages):
        return {seen.lead.id: (seen.lead, seen.ours) for page in pages for seen in page.leads}

    assert told(in_bulk) == told(one_by_one)
    assert [page.removals for page in in_bulk if page.removals] == [
        page.removals for page in one_by_one if page.removals
    ]


def test_a_run_that_is_killed_goes_on_with_the_job_it_began(much: Reading):
    much.org.clock.advance(600)
    with much.opened() as crm:
        pages = []
        for page in crm.pull(""):
            pages.append(page)
            if len(leads_in(pages)) > 4:
                break
    place = Cursor.parse(pages[-1].cursor)
    assert list(place.jobs) == ["Lead"]
    much.cursor = pages[-1].cursor
    rest = much.poll()
    assert set(leads_in([*pages, *rest])) == set(ALL)
    assert JOBS not in much.calls  # no second job for the leads


def test_a_job_that_is_gone_is_told_and_replaced_by_pages(much: Reading):
    much.org.clock.advance(600)
    with much.opened() as crm:
        page = next(page for page in crm.pull("") if Cursor.parse(page.cursor).jobs)
    (job, _) = Cursor.parse(page.cursor).jobs["Lead"]
    much.org.call("GET", f"/jobs/query/{job}")
    much.org.call("DELETE", f"/jobs/query/{job}")
    much.cursor = page.cursor
    pages = much.poll()
    assert sorted(set(leads_in(pages))) == ALL
    assert told_in(pages) == ["salesforce: a bulk query of Lead failed (NOT_FOUND); read page by page"]


def test_a_job_that_fails_is_told_and_replaced_by_pages(much: Reading):
    much.org.control("POST", "bulk_faults", {"job": "query", "after": 2, "times": 1})
    pages = much.poll()
    assert sorted(leads_in(pages)) == ALL
    assert told_in(pages) == ["salesforce: a bulk query of Lead failed (failed); read page by page"]


def test_a_user_who_may_not_use_bulk_reads_page_by_page_without_a_word(much: Reading):
    denied = [{"errorCode": "FEATURENOTENABLED", "message": "Bulk API is not enabled"}]
    much.order(method="POST", path="jobs/query", do="status", status=403, body=denied, times=None)
    pages = much.poll()
    assert (sorted(leads_in(pages)), told_in(pages)) == (ALL, [])


def test_a_job_may_take_its_time_and_its_session_may_end_meanwhile(much: Reading):
    much.org.switch(bulk_polls=4, bulk_expiry_as_400=True)
    much.order(
        path="jobs/query/",
        do="status",
        status=400,
        body=[{"errorCode": "InvalidSessionId"}],
        after=1,
        times=1,
    )
    assert sorted(leads_in(much.poll())) == ALL


def test_few_rows_are_never_read_in_bulk():
    with reading(page_size=3) as one:
        assert sorted(leads_in(one.poll())) == ALL
        assert JOBS not in one.calls


def test_all_leads_are_counted_in_bulk_where_there_are_many(much: Reading, monkeypatch):
    monkeypatch.setattr(again, "MUCH", 0)
    monkeypatch.setattr(again, "PAGE", 3)
    with much.opened() as crm:
        found = {lead_id: stamp for page in crm.census() for lead_id, stamp in page.items()}
    assert len(found) == LEADS
    assert much.counted()[f"{JOBS}/{{id}}/results"] == 2
    much.order(method="POST", path="jobs/query", do="status", status=403, body=[], times=None)
    with much.opened() as crm:
        assert {lead_id for page in crm.census() for lead_id in page} == set(found)


def csv_of(body: bytes, **more: Any) -> list[Any]:
    """The rows of one page of results."""
    headers = {"Sforce-Locator": "null", "Content-Type": "text/csv", **more}
    responses.post(f"{BASE}/services/oauth2/token", json={"access_token": "t"})
    responses.get(RESULTS, body=body, headers=headers)
    only = {
        "object": "Visit__c",
        "lead": "Lead__c",
        "at": "At__c",
        "kind": "page_visit",
        "only": {"Done__c": True},
    }
    mapping = ConnectionMapping.model_validate({"lead": {}, "stages": {}, "activities": {"visits": only}})
    secrets = {"client_id": SecretStr("a"), "client_secret": SecretStr("b")}
    client = Client(Connection("org", BASE, "client_credentials", secrets, mapping, attempts=1))
    stream = next(one for one in Streams(mapping).shown({}) if one.name == "Visit__c")
    return [row for rows, _, _ in BulkQuery(client, stream).pages("7501", "") for row in rows]


@responses.activate
def test_nul_bytes_byte_order_marks_line_breaks_and_bytes_of_no_alphabet_spoil_no_row():
    (row,) = csv_of(
        b'\xef\xbb\xbf"Id","Name__c","Parent__r.Name","Done__c","N__c"\n"1","a\x00\nb\xff","P","true","0.0"\n'
    )
    assert row == {
        "Id": "1",
        "Name__c": "a\nb\ufffd",
        "Parent__r": {"Name": "P"},
        "Done__c": True,
        "N__c": "0.0",
    }


@responses.activate
def test_a_value_longer_than_csv_usually_takes_is_taken():
    (row,) = csv_of(b'"Id","Body__c"\n"1","' + b"x" * 300_000 + b'"\n')
    assert len(row["Body__c"]) == 300_000


@responses.activate
def test_an_empty_value_is_none():
    assert csv_of(b'"Id","Name__c"\n"1",""\n') == [{"Id": "1", "Name__c": None}]


@responses.activate
def test_no_rows_are_no_rows():
    assert csv_of(b'"Id","Name__c"\n') == []


@responses.activate
def test_a_row_that_is_torn_fails_the_job_instead_of_losing_it():
    with pytest.raises(BulkFailed, match="do not fit"):
        csv_of(b'"Id","Name__c"\n"1"\n')
