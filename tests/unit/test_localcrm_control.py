"""The control interface and the server around a face."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
import requests

from localcrm import server
from localcrm.clock import Clock
from localcrm.story import tell
from localcrm.tally import normalised
from tests.localcrm_notebook import NotebookFace, notebook

FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def book():
    with notebook(Clock(FRIDAY, frozen=True)) as (url, face, _):
        yield url, face


def test_calls_are_counted_by_route_without_ids_and_without_the_control_interface(book):
    url, _ = book
    requests.get(f"{url}/notes/12345", params={"a": 1})
    requests.get(f"{url}/notes/67890")
    requests.post(f"{url}/notes", json={})
    requests.get(f"{url}/nowhere")
    requests.get(f"{url}/_localcrm/clock")
    assert requests.get(f"{url}/_localcrm/calls").json() == {
        "total": 4,
        "by_route": {"GET /notes/{id}": 2, "GET /nowhere": 1, "POST /notes": 1},
    }
    assert requests.post(f"{url}/_localcrm/reset-calls").json() == {"total": 0, "by_route": {}}


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/services/data/v64.0/sobjects/Lead/00Q000000000001AAA", "/services/data/v64.0/sobjects/Lead/{id}"),
        ("/services/data/v64.0/query/01g000000000001AAA-2000", "/services/data/v64.0/query/{id}"),
        (
            "/services/data/v64.0/sobjects/Task/LeadSLA_Key__c/a/b c",
            "/services/data/v64.0/sobjects/Task/LeadSLA_Key__c/{id}",
        ),
        ("/services/data/v64.0/composite/sobjects", "/services/data/v64.0/composite/sobjects"),
        ("/services/data/v64.0/sobjects/Marketing_Activity__c/describe", None),
        ("/crm/v3/objects/contacts/batch/read", None),
        ("/crm/objects/2026-03/0-1/search", None),
        ("/crm/v3/objects/contacts/a@example.com", "/crm/v3/objects/contacts/{id}"),
    ],
)
def test_routes_have_ids_locators_and_keys_replaced_and_nothing_else(path, route):
    assert normalised(path) == (route or path)


def test_records_are_shown_and_edited(book):
    url, face = book
    assert (
        requests.post(f"{url}/_localcrm/records/Note", json=[{"text": "a"}, {"text": "b"}]).status_code == 200
    )
    assert requests.post(f"{url}/_localcrm/records/Note", json={"text": "c"}).json() == [
        {"text": "c", "id": "3"}
    ]
    assert requests.get(f"{url}/_localcrm/records/Note").json() == face.notes
    assert [note["text"] for note in face.notes] == ["a", "b", "c"]


def test_the_clock_can_be_read_set_advanced_frozen_and_let_go(book):
    url, face = book
    clock = f"{url}/_localcrm/clock"
    assert requests.get(clock).json() == {"now": "2026-11-20T12:00:00.000Z"}
    assert requests.post(clock, json={"advance_seconds": 90.5}).json() == {"now": "2026-11-20T12:01:30.500Z"}
    assert requests.post(clock, json={"now": "2026-11-23T09:00:00+01:00"}).json() == {
        "now": "2026-11-23T08:00:00.000Z"
    }
    requests.post(clock, json={"freeze": False})
    first = face.clock.now()
    while face.clock.now() == first:
        time.sleep(0.001)
    requests.post(clock, json={"freeze": True})
    assert face.clock.now() == face.clock.now()


def test_the_date_header_is_the_crms_own_clock(book):
    url, _ = book
    assert requests.get(f"{url}/notes").headers["Date"] == "Fri, 20 Nov 2026 12:00:00 GMT"
    assert "Server" not in requests.get(f"{url}/notes").headers


@pytest.mark.parametrize(
    ("path", "body", "names"),
    [
        ("clock", "{", "JSON"),
        ("clock", "{}", "advance_seconds"),
        ("clock", '{"now": "2026-11-20T12:00:00"}', "zone"),
        ("clock", '{"now": 5}', "zone"),
        ("clock", '{"advance_seconds": "x"}', "number"),
        ("clock", '{"advance_seconds": 1e300}', "clock"),
        ("clock", '{"freeze": "yes"}', "freeze"),
        ("faults", '[{"do": "dance"}]', "cut_before"),
        ("records/Note", "[1]", "object"),
        ("records/Nothing", "[{}]", "Nothing"),
    ],
)
def test_control_calls_that_make_no_sense_are_400_and_say_why(book, path, body, names):
    url, _ = book
    answer = requests.post(f"{url}/_localcrm/{path}", data=body)
    assert answer.status_code == 400
    assert names in answer.json()["error"]


def test_unknown_objects_are_400(book):
    assert requests.get(f"{book[0]}/_localcrm/records/Nothing").json() == {"error": "no object Nothing"}


def test_running_loads_a_company_and_starts_and_stops():
    company = tell(1, 10, FRIDAY)
    with server.running(company, told={"notebook": NotebookFace(Clock(FRIDAY))}) as crms:
        assert len(requests.get(f"{crms.urls['notebook']}/notes").json()["results"]) == 10


def _localcrm(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "localcrm", "--size", "5", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_says_one_line_and_leaves_quietly(number):
    with _localcrm("--salesforce-port", "0", "--hubspot-port", "0") as process:
        urls = json.loads(process.stdout.readline())
        assert set(urls) == {"salesforce", "hubspot"}
        assert all(requests.get(f"{url}/_localcrm/clock").status_code == 200 for url in urls.values())
        os.kill(process.pid, number)
        assert process.wait(5) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


def test_a_taken_port_is_one_clear_line_and_exit_1():
    taken = server.bound(0)
    port = str(taken.getsockname()[1])
    try:
        with _localcrm("--salesforce-port", port, "--hubspot-port", "0") as process:
            assert process.wait(10) == 1
            assert (
                process.stderr.read()
                == f"localcrm: port {port} on 127.0.0.1 cannot be used: Address already in use\n"
            )
    finally:
        taken.close()


def test_bad_exports_are_exit_2(tmp_path):
    (tmp_path / "leads.csv").write_text("key,created_at\nA,someday\n", encoding="utf-8")
    arguments = ("--salesforce-port", "0", "--hubspot-port", "0", "--leads", str(tmp_path / "leads.csv"))
    with _localcrm(*arguments) as process:
        assert process.wait(10) == 2
        assert "leads.csv, line 2, created_at: is no ISO 8601" in process.stderr.read()


def test_the_leads_object_is_an_option(tmp_path):
    leads = tmp_path / "leads.csv"
    leads.write_text("key,created_at,last_name,email,stage\n1,2026-01-05,Kern,k@example.com,mql\n")
    with _localcrm("--leads", str(leads), "--leads-object") as process:
        hubspot = json.loads(process.stdout.readline())["hubspot"]
        [lead] = requests.get(f"{hubspot}/_localcrm/records/leads", timeout=10).json()
        process.terminate()
        process.wait(timeout=10)
    assert lead["properties"]["hs_associated_contact_email"] == "k@example.com"


def test_a_face_without_doors_of_its_own_has_none(book):
    url, _ = book
    assert requests.get(f"{url}/_localcrm/switches", timeout=10).status_code == 404
    named = requests.post(f"{url}/_localcrm/faults", json={"do": "answer", "name": "daily"}, timeout=10)
    assert (named.status_code, "names no answers" in named.json()["error"]) == (400, True)
