"""Claims about the practice Salesforce's Bulk API 2.0, over real HTTP."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from simple_salesforce import Salesforce

from tests.practice_org import LEADS, PracticeOrg, code, practice_org
from tests.unit.test_localcrm_salesforce import PlainHttp

SOQL = "SELECT Id, LastName, IsConverted, NumberOfEmployees, AnnualRevenue, CreatedDate FROM Lead ORDER BY LastName"


@pytest.fixture
def org() -> Iterator[PracticeOrg]:
    with practice_org() as one:
        yield one


def ask(org: PracticeOrg, query: str = SOQL, operation: str = "query") -> str:
    answer = org.call("POST", "/jobs/query", {"operation": operation, "query": query})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def state(org: PracticeOrg, job: str, kind: str = "query") -> str:
    return str(org.call("GET", f"/jobs/{kind}/{job}").json()["state"])


def load(org: PracticeOrg, operation: str, text: str, **more: str) -> str:
    """A closed ingest job with this CSV, sent in chunks."""
    opened = org.call(
        "POST", "/jobs/ingest", {"object": "Lead", "operation": operation, "contentType": "CSV", **more}
    )
    assert opened.status_code == 200, opened.text
    job = opened.json()
    pieces = (text[at : at + 7].encode() for at in range(0, len(text), 7))
    url = f"/{job['contentUrl']}"
    sent = org.session.put(org.url + url, data=pieces, headers={"Content-Type": "text/csv"}, timeout=20)
    assert sent.status_code == 201, sent.text
    closed = org.call("PATCH", f"/jobs/ingest/{job['id']}", {"state": "UploadComplete"})
    assert closed.json()["state"] == "UploadComplete"
    return str(job["id"])


def results(org: PracticeOrg, job: str, which: str) -> list[dict[str, str]]:
    answer = org.call("GET", f"/jobs/ingest/{job}/{which}")
    assert answer.headers["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_query_job_hands_out_csv_page_by_page_until_the_locator_is_null(org: PracticeOrg) -> None:
    job = ask(org)
    assert state(org, job) == "JobComplete"
    seen: list[dict[str, str]] = []
    locator, pages = "", 0
    while locator != "null":
        given = {"maxRecords": "4"} | ({"locator": locator} if locator else {})
        answer = org.call("GET", f"/jobs/query/{job}/results", params=given)
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert int(answer.headers["Sforce-NumberOfRecords"]) == len(rows)
        seen, locator, pages = seen + rows, answer.headers["Sforce-Locator"], pages + 1
    assert [row["LastName"] for row in seen] == [f"Lead{n}" for n in range(LEADS)]
    assert pages == 3
    assert seen[0]["IsConverted"] == "false"
    assert seen[0]["NumberOfEmployees"] == ""
    assert seen[0]["CreatedDate"] == "2026-11-23T11:00:00.000Z"


def test_results_come_only_after_the_job_is_done_and_a_page_can_be_read_again(org: PracticeOrg) -> None:
    org.switch(bulk_polls=2)
    job = ask(org)
    assert code(org.call("GET", f"/jobs/query/{job}/results")) == (400, "INVALIDJOBSTATE")
    assert [state(org, job) for _ in range(3)] == ["InProgress", "InProgress", "JobComplete"]
    first, again = (org.call("GET", f"/jobs/query/{job}/results").text for _ in range(2))
    assert first == again


def test_a_query_job_can_be_aborted_and_deleted_but_not_when_it_is_too_late(org: PracticeOrg) -> None:
    job = ask(org)
    assert code(org.call("DELETE", f"/jobs/query/{job}")) == (400, "INVALIDJOBSTATE")
    assert org.call("PATCH", f"/jobs/query/{job}", {"state": "Aborted"}).json()["state"] == "Aborted"
    assert org.call("DELETE", f"/jobs/query/{job}").status_code == 204
    assert code(org.call("GET", f"/jobs/query/{job}")) == (404, "NOT_FOUND")
    done = ask(org)
    assert state(org, done) == "JobComplete"
    refused = org.call("PATCH", f"/jobs/query/{done}", {"state": "Aborted"})
    assert code(refused) == (400, "INVALIDJOBSTATE")


def test_an_ordered_fault_fails_the_next_job_with_a_message(org: PracticeOrg) -> None:
    org.control("POST", "bulk_faults", {"job": "query", "message": "InternalServerError : broken"})
    job = ask(org)
    info = org.call("GET", f"/jobs/query/{job}").json()
    assert (info["state"], info["errorMessage"]) == ("Failed", "InternalServerError : broken")
    assert state(org, ask(org)) == "JobComplete"


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("SELECT Nope FROM Lead", "INVALID_FIELD"),
        ("SELECT Id, Address FROM Lead", "API_ERROR"),
        ("SELECT Id, (SELECT Id FROM Tasks) FROM Lead", "API_ERROR"),
        ("SELECT COUNT() FROM Lead", "API_ERROR"),
        ("SELECT MasterLabel FROM TaskStatus", "INVALIDENTITY"),
        ("SELECT FROM", "MALFORMED_QUERY"),
    ],
)
def test_what_bulk_queries_cannot_do_is_refused_at_once(org: PracticeOrg, query: str, refusal: str) -> None:
    answer = org.call("POST", "/jobs/query", {"operation": "query", "query": query})
    assert code(answer) == (400, refusal)


def test_query_all_sees_what_was_deleted(org: PracticeOrg) -> None:
    org.edit("Lead", {"Id": org.lead(), "delete": True})
    counts = []
    for operation in ("query", "queryAll"):
        job = ask(org, "SELECT Id FROM Lead", operation)
        counts.append(org.call("GET", f"/jobs/query/{job}").json()["numberRecordsProcessed"])
    assert counts == [LEADS - 1, LEADS]


def test_an_empty_cell_changes_nothing_and_only_hash_n_a_clears(org: PracticeOrg) -> None:
    one, two = org.lead("Lead0"), org.lead("Lead1")
    for lead in (one, two):
        org.call("PATCH", f"/sobjects/Lead/{lead}", {"City": "Bonn"}, headers={"Sforce-Auto-Assign": "FALSE"})
    job = load(org, "update", f'Id,City,HasOptedOutOfEmail\n{one},,TRUE\n{two},#N/A,""\n')
    assert state(org, job, "ingest") == "JobComplete"
    rows = org.rows(
        "SELECT LastName, City, HasOptedOutOfEmail FROM Lead WHERE LastName IN ('Lead0', 'Lead1')"
    )
    assert {row["LastName"]: (row["City"], row["HasOptedOutOfEmail"]) for row in rows} == {
        "Lead0": ("Bonn", True),
        "Lead1": (None, False),
    }


def test_every_record_of_a_load_is_told_done_failed_or_unprocessed(org: PracticeOrg) -> None:
    text = "LastName,Company,Email\nA,Co,a@example.com\n,Co,\nB,Co,no-address\n"
    job = load(org, "insert", text)
    info = org.call("GET", f"/jobs/ingest/{job}").json()
    assert (info["state"], info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (
        "JobComplete",
        3,
        2,
    )
    (done,) = results(org, job, "successfulResults")
    assert (done["sf__Created"], done["LastName"]) == ("true", "A")
    failed = results(org, job, "failedResults")
    assert [one["sf__Error"].split(":")[0] for one in failed] == [
        "REQUIRED_FIELD_MISSING",
        "INVALID_EMAIL_ADDRESS",
    ]
    assert failed[0]["sf__Error"].endswith(":LastName --")
    assert results(org, job, "unprocessedrecords") == []


def test_a_load_that_breaks_off_tells_what_it_did_not_come_to(org: PracticeOrg) -> None:
    org.control("POST", "bulk_faults", {"job": "ingest", "after": 2})
    job = load(org, "insert", "LastName,Company\nA,Co\nB,Co\nC,Co\nD,Co\n")
    assert state(org, job, "ingest") == "Failed"
    assert [one["LastName"] for one in results(org, job, "successfulResults")] == ["A", "B"]
    assert [one["LastName"] for one in results(org, job, "unprocessedrecords")] == ["C", "D"]


def test_upserts_go_by_the_key_and_deletions_by_nothing_but_the_id(org: PracticeOrg) -> None:
    job = load(
        org,
        "upsert",
        "Email,LastName,Company\nl0@example.com,Renamed,Co\nnew@example.com,New,Co\n",
        externalIdFieldName="Email",
    )
    assert state(org, job, "ingest") == "JobComplete"
    assert [one["sf__Created"] for one in results(org, job, "successfulResults")] == ["false", "true"]
    wrong = load(org, "delete", f"Id,LastName\n{org.lead('New')},New\n")
    assert state(org, wrong, "ingest") == "Failed"
    right = load(org, "delete", f"Id\n{org.lead('New')}\n")
    assert state(org, right, "ingest") == "JobComplete"
    assert org.rows("SELECT Id FROM Lead WHERE LastName = 'New'") == []


def test_an_unknown_column_fails_the_job_and_nothing_is_saved(org: PracticeOrg) -> None:
    job = load(org, "insert", "LastName,Company,Nope\nA,Co,x\n")
    info = org.call("GET", f"/jobs/ingest/{job}").json()
    assert (info["state"], info["errorMessage"]) == ("Failed", "InvalidBatch : Field name not found : Nope")
    assert org.rows("SELECT Id FROM Lead WHERE LastName = 'A'") == []


def test_a_load_runs_no_assignment_rule_and_feels_triggers_in_batches_of_200(org: PracticeOrg) -> None:
    org.edit("ApexTrigger", {"object": "Lead", "fails_over": 100})
    rows = "\n".join(f"Big{n},Co" for n in range(250))
    job = load(org, "insert", f"LastName,Company\n{rows}\n")
    info = org.call("GET", f"/jobs/ingest/{job}").json()
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (250, 200)
    failed = results(org, job, "failedResults")[0]["sf__Error"]
    assert failed.startswith("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY:")
    (made,) = org.rows("SELECT Owner.Name FROM Lead WHERE LastName = 'Big249'")
    assert made["Owner"]["Name"] == "Integration User"


def test_a_job_takes_one_upload_of_csv_while_it_is_open(org: PracticeOrg) -> None:
    job = org.call("POST", "/jobs/ingest", {"object": "Lead", "operation": "insert"}).json()["id"]
    url = f"{org.url}/services/data/v59.0/jobs/ingest/{job}/batches"
    told = {"Content-Type": "application/json"}
    assert org.session.put(url, data=b"x", headers=told, timeout=20).status_code == 415
    told = {"Content-Type": "text/csv"}
    assert org.session.put(url, data=b"LastName,Company\nA,B", headers=told, timeout=20).status_code == 201
    again = org.session.put(url, data=b"LastName,Company\nA,B", headers=told, timeout=20)
    assert code(again) == (400, "INVALIDJOBSTATE")


@pytest.mark.parametrize(
    ("as_400", "refusal"), [(False, (401, "INVALID_SESSION_ID")), (True, (400, "InvalidSessionId"))]
)
def test_an_ended_session_is_told_in_either_of_the_reported_ways(
    org: PracticeOrg, as_400: bool, refusal: tuple[int, str]
) -> None:
    org.switch(bulk_expiry_as_400=as_400)
    token = {"Authorization": f"Bearer {org.token()}"}
    assert org.call("GET", "/jobs/query", headers=token).status_code == 200
    org.end_sessions()
    assert code(org.call("GET", "/jobs/query", headers=token)) == refusal


@pytest.mark.slow
def test_simple_salesforce_loads_and_reads_in_bulk(org: PracticeOrg) -> None:
    org.session.mount("https://", PlainHttp())
    address = org.url.replace("http://", "https://")
    client = Salesforce(session_id="localcrm", instance_url=address, session=org.session)
    records = [{"LastName": f"S{n}", "Company": "Co"} for n in range(3)]
    (told,) = client.bulk2.Lead.insert(records=records)
    assert (told["numberRecordsTotal"], told["numberRecordsFailed"]) == (3, 0)
    pages = list(client.bulk2.Lead.query("SELECT Id FROM Lead", max_records=5))
    assert [len(page.splitlines()) - 1 for page in pages] == [5, 5, 3]
