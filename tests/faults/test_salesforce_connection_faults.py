"""The fault catalogue for Salesforce, rows 1-27: the way there and signing in; what a user sees, what is kept."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from leadsla.cli.exits import Exit
from tests.faults.proxy import Told, running_proxy
from tests.faults.salesforce_lab import NOON, READS, SHORT, Lab, opened_lab

TOKEN = "/services/oauth2/token"
ROWS = "/services/data/v59.0/composite/sobjects"


@pytest.fixture
def lab(tmp_path) -> Iterator[Lab]:
    """Provisioned, nothing synced."""
    with opened_lab(tmp_path / "lab") as one:
        yield one


@pytest.fixture(scope="module")
def untroubled(tmp_path_factory) -> Any:
    """What a run without any fault leaves behind in the same org."""
    with opened_lab(tmp_path_factory.mktemp("untroubled")) as one:
        assert one.run().code is Exit.DONE
        return one.state()


def nothing_is_lost(lab: Lab, untroubled: Any) -> None:
    """The next run, without the fault, leaves what a run without any fault would have."""
    lab.mend()
    assert lab.run().code is Exit.DONE
    assert lab.state() == untroubled
    assert lab.run().report.written == 0


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_fault_01_a_connection_refused_ends_deferred_and_the_next_run_does_all(lab, untroubled):
    waits: list[float] = []
    gone = f"http://127.0.0.1:{closed_port()}"
    outcome = lab.run(base_url=gone, attempts=4, sleep=waits.append)
    assert outcome.code is Exit.PARTIAL
    assert "no connection to 127.0.0.1" in outcome.says
    assert "nothing is lost" in outcome.says
    assert len(waits) == 3
    assert len(set(waits)) == 3  # with jitter
    nothing_is_lost(lab, untroubled)


def test_fault_02_a_proxy_page_instead_of_the_token_is_told_once_with_the_address(lab, untroubled):
    lab.fault(path=TOKEN, do="html", times=None)
    outcome = lab.run()
    assert outcome.code is Exit.CONFIGURATION
    assert f"base_url: {lab.url} does not answer as the CRM does" in outcome.says
    assert outcome.calls == {f"POST {TOKEN}": 1}
    nothing_is_lost(lab, untroubled)


def test_fault_02_a_maintenance_page_in_mid_run_is_an_outage_and_no_storm(lab, untroubled):
    lab.fault(path=READS, do="html", after=1, times=None)
    outcome = lab.run()
    assert outcome.code is Exit.PARTIAL
    assert outcome.asked < 20
    nothing_is_lost(lab, untroubled)


@pytest.mark.parametrize("body", ["[]", "{}", '{"compositeResponse": null}', '{"error": "blocked"}'])
def test_fault_02_json_of_something_in_between_is_an_outage_and_no_crash(lab, untroubled, body):
    lab.fault(path=READS, do="status", status=200, body=body, after=1, times=None)
    outcome = lab.run()
    assert outcome.code is Exit.PARTIAL
    nothing_is_lost(lab, untroubled)


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_fault_07_an_answer_to_writing_that_is_none_is_no_receipt(lab, untroubled, method):
    lab.fault(method=method, path="/composite/sobjects", do="status", status=200, body={"error": "blocked"})
    outcome = lab.run()
    assert outcome.code is Exit.PARTIAL
    nothing_is_lost(lab, untroubled)


def test_fault_03_a_server_that_never_answers_is_left_after_its_time(lab, untroubled):
    lab.fault(path=READS, do="hang", seconds=5, after=1, times=None)
    outcome = lab.run(patience=SHORT, attempts=1)
    assert outcome.code is Exit.PARTIAL
    assert "connection broke" in outcome.says or "no whole answer" in outcome.says
    nothing_is_lost(lab, untroubled)


def test_fault_04_a_body_cut_short_on_a_read_is_asked_for_again(lab, untroubled):
    lab.fault(path=READS, do="truncate", after=1, times=1)
    assert lab.run().code is Exit.DONE
    assert lab.state() == untroubled


def test_fault_05_an_update_whose_answer_is_cut_off_is_sent_again_and_says_the_same(lab, untroubled):
    lab.fault(method="PATCH", path=ROWS, do="cut_after", times=1)
    assert lab.run().code is Exit.DONE
    assert lab.state() == untroubled
    assert lab.run().report.written == 0


@pytest.mark.parametrize("status", [500, 502, 503, 504, 420])
def test_fault_08_a_server_error_is_waited_out_and_then_deferred_to_the_next_run(lab, untroubled, status):
    lab.fault(path=READS, do="status", status=status, body=[], after=1, times=None)
    waits: list[float] = []
    outcome = lab.run(sleep=waits.append)
    assert outcome.code is Exit.PARTIAL
    assert f"HTTP {status}" in outcome.says
    assert waits
    nothing_is_lost(lab, untroubled)


@pytest.mark.parametrize("asked", ["30", "Mon, 23 Nov 2026 11:00:30 GMT"])
def test_fault_09_a_retry_after_is_waited_out_as_a_number_and_as_a_date(lab, untroubled, asked):
    headers = {"Retry-After": asked}
    lab.fault(path=READS, do="status", status=503, body=[], headers=headers, after=1, times=1)
    waits: list[float] = []
    assert NOON.hour == 11
    assert lab.run(sleep=waits.append).code is Exit.DONE
    assert 29 <= max(waits) <= 31
    assert lab.state() == untroubled


def test_fault_13_when_the_day_s_calls_are_used_up_the_run_stops_at_once_and_says_so(lab, untroubled):
    lab.fault(path=READS, do="answer", name="daily", after=2, times=None)
    outcome = lab.run()
    assert outcome.code is Exit.STOPPED
    assert "daily API calls are used up; they come back within 24 hours" in outcome.says
    assert outcome.asked == 3  # the schema was read before, the check asked once more, the poll was refused
    nothing_is_lost(lab, untroubled)


def test_fault_13_a_refusal_within_a_composite_is_the_same_refusal(tmp_path, untroubled):
    refusal = {"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}
    is_used_up = True

    def meddle(sent, forward):
        told = forward()
        if is_used_up and sent.path.endswith("/composite/") and b"SystemModstamp" in sent.body:
            names = [b"r0", b"r1", b"r2", b"r3", b"r4", b"r5", b"r6", b"r7", b"r8", b"r9"]
            part = [{"referenceId": one.decode(), "httpStatusCode": 403, "body": [refusal]} for one in names]
            return Told.json(200, {"compositeResponse": part})
        return told

    with opened_lab(tmp_path / "lab") as lab, running_proxy(lab.url, meddle) as proxy:
        outcome = lab.run(base_url=proxy.url)
        assert outcome.code is Exit.STOPPED
        is_used_up = False
        nothing_is_lost(lab, untroubled)


def test_fault_14_too_many_long_calls_at_once_are_waited_for(lab, untroubled):
    lab.fault(path=READS, do="answer", name="concurrent", after=2, times=1)
    waits: list[float] = []
    assert lab.run(sleep=waits.append).code is Exit.DONE
    assert len(waits) == 1
    assert lab.state() == untroubled


def test_fault_16_an_org_that_has_moved_names_where_to_and_nothing_is_sent_there(lab, untroubled):
    headers = {"Location": "https://elsewhere.my.salesforce.com/services/data"}
    lab.fault(path=READS, do="status", status=302, body=[], headers=headers, times=None)
    outcome = lab.run()
    assert outcome.code is Exit.CONFIGURATION
    assert "sends calls on to elsewhere.my.salesforce.com" in outcome.says
    nothing_is_lost(lab, untroubled)


def test_fault_16_a_read_is_sent_on_once_within_the_same_host(lab, untroubled):
    lab.switch(page_size=3)
    place = {"Location": f"{lab.url}/services/data/v59.0/limits"}
    lab.fault(path="sobjects/Lead/describe$", do="status", status=302, body=[], headers=place, times=1)
    crm = lab.opened()
    assert "DailyApiRequests" in (crm._client.describe("Lead") or {})
    crm.close()
    lab.switch(page_size=2000)
    nothing_is_lost(lab, untroubled)


def test_fault_18_a_body_is_read_by_what_it_is_whatever_its_headers_say(tmp_path, untroubled):
    def meddle(sent, forward):
        told = forward()
        if sent.path.endswith("/composite/"):
            return Told(told.status, gzip.compress(told.body), told.headers)  # not said so
        return told

    with opened_lab(tmp_path / "lab") as lab, running_proxy(lab.url, meddle) as proxy:
        assert lab.run(base_url=proxy.url).code is Exit.DONE
        assert lab.state() == untroubled


def test_fault_18_bytes_that_are_no_utf8_spoil_one_value_and_no_more(tmp_path):
    def meddle(_sent, forward):
        told = forward()
        return Told(told.status, told.body.replace(b"Zebra", b"Zebr\xff"), told.headers)

    with opened_lab(tmp_path / "lab") as lab, running_proxy(lab.url, meddle) as proxy:
        lab.edit("Lead", {"Id": lab.living()[0], "Company": "Zebra"})
        lab.clock.advance(10)
        with_crm = lab.opened(base_url=proxy.url)
        found = {seen.lead.id: seen for page in with_crm.pull("") for seen in page.leads}
        with_crm.close()
        assert set(found) == set(lab.leads())
        assert found[lab.living()[0]].lead.fields["company"] == "Zebr\ufffd"


def test_fault_19_a_token_that_expires_in_mid_run_is_renewed_once_and_the_run_goes_on(lab, untroubled):
    lab.fault(path=READS, do="answer", name="expired", after=1, times=1)
    outcome = lab.run()
    assert outcome.code is Exit.DONE
    assert outcome.calls[f"POST {TOKEN}"] == 2
    assert lab.state() == untroubled


def test_fault_20_a_token_that_is_never_taken_ends_the_run_without_a_login_loop(lab, untroubled):
    lab.fault(path="/services/data/", do="answer", name="expired", times=None)
    outcome = lab.run()
    assert outcome.code is Exit.AUTHENTICATION
    assert "refuses the credentials (HTTP 401)" in outcome.says
    assert outcome.calls[f"POST {TOKEN}"] == 2
    nothing_is_lost(lab, untroubled)


@pytest.mark.parametrize(
    ("error", "described", "advice"),
    [
        ("invalid_client", "invalid client credentials", "renew client id and secret"),
        ("invalid_grant", "expired access/refresh token", "renew client id and secret"),
    ],
)
def test_fault_21_credentials_that_were_revoked_are_told_once_with_what_to_renew(
    lab, untroubled, error, described, advice
):
    body = {"error": error, "error_description": described}
    lab.fault(path=TOKEN, do="status", status=400, body=body, times=None)
    outcome = lab.run()
    assert outcome.code is Exit.AUTHENTICATION
    assert advice in outcome.says
    assert outcome.calls == {f"POST {TOKEN}": 1}
    nothing_is_lost(lab, untroubled)


def test_fault_22_threads_that_meet_the_same_ended_session_sign_in_once(lab):
    lab.switch(page_size=3)
    lab.clock.advance(60)
    crm = lab.opened()
    found: set[str] = set()
    for number, page in enumerate(crm.pull("")):
        if number == 0:
            lab.face.tokens.revoke_all()
        found |= {seen.lead.id for seen in page.leads}
    assert crm.calls().by_kind["sign-in"] == 2
    crm.close()
    assert found == set(lab.leads())


def test_fault_23_an_object_that_is_taken_away_switches_its_signal_off_and_the_rest_runs(lab):
    assert lab.run().code is Exit.DONE
    lab.switch(absent_objects=["Event"])
    lab.clock.advance(600)
    lab.edit("Lead", {"Id": lab.living()[0], "Company": "Other"})
    lab.clock.advance(10)
    outcome = lab.run()
    assert outcome.code is Exit.PARTIAL
    assert (
        outcome.says
        == "salesforce: Salesforce does not show Event to our user; this signal is off until it does"
    )
    assert outcome.report.evaluated > 0
    lab.clock.advance(60)
    assert lab.run().code is Exit.DONE  # told once an hour


def test_fault_24_a_lead_field_that_is_hidden_stops_judging_and_clears_nothing(lab):
    lab.run()
    before = lab.state()
    lab.switch(hidden_fields=["Lead.Country", "Lead.Email"])
    lab.clock.advance(600)
    lab.edit("Lead", *({"Id": one, "Company": "Other"} for one in lab.living()))
    lab.clock.advance(10)
    outcome = lab.run()
    assert outcome.code is Exit.CONFIGURATION
    assert "does not show Lead.Email, Lead.Country to our user" in outcome.says
    assert lab.state() == before
    again = lab.run()
    assert "Lead has no field Email, or it is hidden" in again.says  # the next run checks everything first
    lab.switch(hidden_fields=[])
    assert lab.run().report.read >= len(lab.living())


def test_fault_24_a_hidden_field_of_ours_is_named_and_what_stands_in_our_fields_stays(lab):
    lab.run()
    before = lab.state()
    lab.clock.advance(600)
    lab.switch(hidden_fields=["Lead.LeadSLA_Score__c"])
    lab.edit("Lead", *({"Id": one, "Fax": "+49 30 1"} for one in lab.living()))
    lab.clock.advance(10)
    assert lab.run().code is Exit.PARTIAL
    outcome = lab.run()
    assert outcome.code is Exit.CONFIGURATION
    assert "Lead.LeadSLA_Score__c" in outcome.says
    assert lab.state() == before


@pytest.mark.parametrize(
    ("described", "advice"),
    [
        ("inactive user", "our user was deactivated; activate it"),
        ("ip restricted", "add it to Login IP Ranges"),
        ("user hasn't approved this consumer", "not approved for our user"),
    ],
)
def test_fault_25_a_user_who_may_not_log_in_is_one_line_with_what_to_do(lab, untroubled, described, advice):
    body = {"error": "invalid_grant", "error_description": described}
    lab.fault(path=TOKEN, do="status", status=400, body=body, times=None)
    outcome = lab.run()
    assert outcome.code is Exit.AUTHENTICATION
    assert advice in outcome.says
    assert "\n" not in outcome.says
    nothing_is_lost(lab, untroubled)


def test_fault_26_credentials_of_another_org_are_refused_before_anything_is_read(
    lab, untroubled, monkeypatch
):
    monkeypatch.setattr("sync.pull.ACCOUNT_STANDS", timedelta(0))
    assert lab.run().code is Exit.DONE
    lab.clock.advance(60)
    other = {
        "access_token": "localcrm",
        "instance_url": lab.url,
        "id": f"{lab.url}/id/00D{'9' * 15}/005{'9' * 15}",
    }
    lab.fault(path=TOKEN, do="status", status=200, body=other, times=None)
    outcome = lab.run()
    assert outcome.code is Exit.CONFIGURATION
    assert "the credentials belong to another account than last time" in outcome.says
    assert outcome.asked == 0
    lab.mend()
    assert lab.run().code is Exit.DONE
    assert lab.state() == untroubled


def test_fault_27_a_session_ended_by_another_program_s_logout_is_renewed_also_for_bulk(lab, monkeypatch):
    monkeypatch.setattr("connectors.salesforce.walk.MUCH", 0)
    lab.switch(page_size=3, bulk_expiry_as_400=True, bulk_polls=2)
    lab.clock.advance(60)
    crm = lab.opened()
    found: set[str] = set()
    for page in crm.pull(""):
        lab.face.tokens.revoke_all()
        found |= {seen.lead.id for seen in page.leads}
    crm.close()
    assert found == set(lab.leads())
