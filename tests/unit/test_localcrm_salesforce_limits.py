"""Claims about what a call to the practice Salesforce is measured by: sessions, limits, composites."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed

from tests.practice_org import BASE, LEADS, PracticeOrg, code, practice_org


@pytest.fixture
def org() -> Iterator[PracticeOrg]:
    with practice_org() as one:
        yield one


def lead_ids(org: PracticeOrg) -> list[str]:
    return [row["Id"] for row in org.rows("SELECT Id FROM Lead ORDER BY Id")]


def composed(org: PracticeOrg, *parts: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    requests_of = [{"method": "GET", "referenceId": f"r{n}", **part} for n, part in enumerate(parts)]
    answer = org.call("POST", "/composite", {"compositeRequest": requests_of, **more})
    found: list[dict[str, Any]] = answer.json()["compositeResponse"]
    return found


def test_an_ended_session_is_401_and_never_comes_back(org: PracticeOrg) -> None:
    old = {"Authorization": f"Bearer {org.token()}"}
    assert org.call("GET", "/limits", headers=old).status_code == 200
    org.end_sessions()
    new = {"Authorization": f"Bearer {org.token()}"}
    assert code(org.call("GET", "/limits", headers=old)) == (401, "INVALID_SESSION_ID")
    assert org.call("GET", "/limits", headers=new).status_code == 200


def test_the_daily_limit_may_be_reached_in_the_middle(org: PracticeOrg) -> None:
    used = int(org.call("GET", "/limits").headers["Sforce-Limit-Info"].split("=")[1].split("/")[0])
    org.switch(daily_limit=used + 1)
    last = org.call("GET", "/limits")
    assert last.headers["Sforce-Limit-Info"] == f"api-usage={used + 1}/{used + 1}"
    assert code(org.call("GET", "/limits")) == (403, "REQUEST_LIMIT_EXCEEDED")


def test_addresses_and_headers_together_take_16384_bytes(org: PracticeOrg) -> None:
    soql = f"SELECT Id FROM Lead WHERE LastName = '{'x' * 17_000}'"
    assert code(org.call("GET", "/query", params={"q": soql})) == (414, "URI_TOO_LONG")
    half = {"q": f"SELECT Id FROM Lead WHERE LastName = '{'x' * 9_000}'"}
    assert org.call("GET", "/query", params=half).status_code == 200
    refused = org.call("GET", "/query", params=half, headers={"X-Long": "y" * 9_000})
    assert code(refused) == (431, "REQUEST_HEADER_FIELDS_TOO_LARGE")
    ids = lead_ids(org) * 200
    answer = org.call("POST", "/composite/sobjects/Lead", {"ids": ids, "fields": ["Id"]})
    assert (answer.status_code, len(answer.json())) == (200, 2000)
    many = org.call("POST", "/composite/sobjects/Lead", {"ids": [*ids, ids[0]], "fields": ["Id"]})
    assert code(many) == (400, "EXCEEDED_ID_LIMIT")


def test_an_unchanged_describe_is_304_alone_and_in_a_composite(org: PracticeOrg) -> None:
    first = org.call("GET", "/sobjects/Lead/describe")
    known = {"If-Modified-Since": first.headers["Last-Modified"]}
    again = org.call("GET", "/sobjects/Lead/describe", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    part = {"url": f"{BASE}/sobjects/Lead/describe", "httpHeaders": known}
    (inner,) = composed(org, part)
    assert (inner["httpStatusCode"], inner["body"]) == (304, None)
    assert inner["httpHeaders"]["Last-Modified"] == first.headers["Last-Modified"]
    org.switch(hidden_fields=["Lead.Phone"])  # within the same second
    assert org.call("GET", "/sobjects/Lead/describe", headers=known).status_code == 200


def test_a_composite_takes_25_parts_and_5_of_queries_and_collections(org: PracticeOrg) -> None:
    query = {"url": f"{BASE}/query?q=SELECT+Id+FROM+Lead+LIMIT+1"}
    one = {"url": f"{BASE}/sobjects/Lead/{org.lead()}"}
    assert len(composed(org, *[query] * 5, *[one] * 20)) == 25
    for parts in ([query] * 6, [one] * 26):
        body = {
            "compositeRequest": [{"method": "GET", "referenceId": f"r{n}", **p} for n, p in enumerate(parts)]
        }
        assert code(org.call("POST", "/composite", body)) == (400, "LIMIT_EXCEEDED")
    used = [org.call("GET", "/limits").headers["Sforce-Limit-Info"] for _ in range(2)]
    composed(org, *[query] * 5)
    third = org.call("GET", "/limits").headers["Sforce-Limit-Info"]
    counts = [int(text.split("=")[1].split("/")[0]) for text in (*used, third)]
    assert counts[2] - counts[1] == 2  # the composite counted once


def test_a_composite_may_answer_out_of_order_where_it_may_collate(org: PracticeOrg) -> None:
    org.switch(composite_shuffled=True)
    parts = [{"url": f"{BASE}/sobjects/Lead/{one}"} for one in lead_ids(org)[:3]]
    assert [one["referenceId"] for one in composed(org, *parts)] == ["r2", "r1", "r0"]
    kept = composed(org, *parts, collateSubrequests=False)
    assert [one["referenceId"] for one in kept] == ["r0", "r1", "r2"]


class Elsewhere(requests.adapters.HTTPAdapter):
    """Sends what is meant for salesforce.com to the practice CRM."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.host = url

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        request.url = f"{self.host}/{request.url.split('/', 3)[3]}"
        return super().send(request, *args, **kwargs)


def test_login_by_password_is_off_until_the_org_allows_it(org: PracticeOrg) -> None:
    org.session.mount("https://", Elsewhere(org.url))
    named = {"username": "integration@example.com", "session": org.session}

    def signed_in(password: str = "localcrm") -> Any:
        return Salesforce(password=password, security_token="localcrm", **named)

    with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_OPERATION"):
        signed_in()
    org.switch(soap_login=True)
    with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_LOGIN"):
        signed_in("wrong")
    assert signed_in().query("SELECT Id FROM Lead")["totalSize"] == LEADS
    with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_OPERATION"):
        Salesforce(password="localcrm", security_token="localcrm", version="65.0", **named)


def test_without_view_all_data_a_query_of_too_many_peoples_activities_is_refused(org: PracticeOrg) -> None:
    for lead in lead_ids(org)[:3]:
        org.call("POST", "/sobjects/Task", {"WhoId": lead, "Subject": "Ring"})
    org.switch(most_whos=2)
    refused = org.call("GET", "/query", params={"q": "SELECT Id FROM Task"})
    assert code(refused) == (400, "OPERATION_TOO_LARGE")
    assert len(org.rows(f"SELECT Id FROM Task WHERE WhoId = '{lead_ids(org)[0]}'")) == 1


def test_record_counts_are_told_by_object(org: PracticeOrg) -> None:
    answer = org.call("GET", "/limits/recordCount", params={"sObjects": "Lead,Contact"})
    assert answer.json() == {"sObjects": [{"count": LEADS, "name": "Lead"}, {"count": 0, "name": "Contact"}]}


@pytest.mark.parametrize(
    ("name", "status"), [("daily", 403), ("edge", 420), ("query_timeout", 400), ("maintenance", 503)]
)
def test_refusals_can_be_ordered_by_name(org: PracticeOrg, name: str, status: int) -> None:
    org.control("POST", "faults", {"path": "/limits$", "do": "answer", "name": name})
    assert org.call("GET", "/limits").status_code == status
    assert org.call("GET", "/limits").status_code == 200
