"""What becomes of reads and writes when HubSpot or the way to it breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import responses
from pydantic import SecretStr

from connectors.base import CreateTask, ReceiptStatus, SetFields
from connectors.connection import Connection
from connectors.errors import BudgetSpent, Unauthorised
from connectors.hubspot.crm import HubSpotCrm
from connectors.mapping import ConnectionMapping
from localcrm.clock import Clock
from localcrm.company import Company, LeadEntry, Rep, Touch
from localcrm.hubspot import HubSpotFace
from localcrm.server import running

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
UPDATE = "https://hub.test/crm/objects/2026-03/contacts/batch/update"
CREATE = "https://hub.test/crm/objects/2026-03/tasks/batch/create"
TASK_PROPERTIES = "https://hub.test/crm/properties/2026-03/tasks"
MAPPING = {
    "lead": {"last_name": "lastname"},
    "stages": {"lifecyclestage": {"lead": "inquiry"}},
    "activities": {
        "calls": {"object": "calls", "kind": "call", "actor": "hubspot_owner_id"},
        "mails": {"object": "email_events", "kind_from": "type", "kinds": {"OPEN": "email_open"}},
    },
}


def open_at(url: str) -> HubSpotCrm:
    mapping = ConnectionMapping.model_validate(MAPPING)
    token = {"token": SecretStr("localcrm")}
    return HubSpotCrm(Connection("hub", url, "token", token, mapping, attempts=3, sleep=lambda _: None))


class Practice:
    def __init__(self, url: str, clock: Clock) -> None:
        self.url = url
        self.clock = clock
        self.crm = open_at(url)

    def fault(self, **rule: Any) -> None:
        assert requests.post(f"{self.url}/_localcrm/faults", json=[rule], timeout=5).ok

    def pull(self, cursor: str = "") -> list[Any]:
        self.clock.advance(5)
        return list(self.crm.pull(cursor, self.clock.now() - timedelta(seconds=2)))


@pytest.fixture
def practice() -> Iterator[Practice]:
    born = NOW - timedelta(hours=2)
    leads = tuple(
        LeadEntry(f"l{n}", born, f"Last{n}", email=f"l{n}@example.com", owner="eva") for n in range(4)
    )
    touches = tuple(
        Touch(one.key, kind, born + timedelta(minutes=5), "x", "eva")
        for one in leads
        for kind in ("call", "email_open")
    )
    company = Company((Rep("eva", "Eva", "Example", "eva@example.com"),), (), leads, touches, (), NOW)
    clock = Clock(NOW)
    with running(company, clock=clock, told={"hubspot": HubSpotFace(clock, limits=False)}) as found:
        one = Practice(found.urls["hubspot"], clock)
        one.crm.provision(dry_run=False)
        yield one
        one.crm.close()


def facts(pages: list[Any]) -> set[str]:
    return {seen.lead.id for page in pages for seen in page.leads} | {
        one.id for page in pages for _, one in page.activities
    }


def task(lead_id: str, key: str) -> CreateTask:
    return CreateTask(lead_id, key, None, "Call", "Because.", NOW, "Europe/Berlin", "due")


@pytest.mark.parametrize("how", ["cut_after", "html", "truncate"])
def test_a_create_whose_answer_is_lost_is_unknown_and_then_found(practice, how):
    lead_id = practice.pull()[0].leads[0].lead.id
    practice.fault(method="POST", path="tasks/batch/create", times=1, do=how)
    (receipt,) = practice.crm.apply([task(lead_id, "k" * 40)])
    assert receipt.status is ReceiptStatus.UNKNOWN
    found = practice.crm.find_tasks([task(lead_id, "k" * 40)])
    assert len(found) == (0 if how == "html" else 1)
    assert len(practice.crm.read_tasks([lead_id])) == len(found)


def rows_of(request: requests.PreparedRequest) -> list[dict[str, Any]]:
    return json.loads(request.body)["inputs"]


@responses.activate
def test_a_row_that_is_only_busy_is_deferred_and_one_never_mentioned_is_not_taken_for_written():
    def answer(request):
        one, two, _ = rows_of(request)
        error = {"category": "CONFLICT", "context": {"objectWriteTraceId": [two["objectWriteTraceId"]]}}
        return 207, {}, json.dumps({"results": [{"id": one["id"]}], "errors": [error], "numErrors": 1})

    responses.add_callback(responses.POST, UPDATE, answer, content_type="application/json")
    receipts = open_at("https://hub.test").apply([SetFields(str(n), {"status": "met"}, "") for n in range(3)])
    assert [str(receipt.status) for receipt in receipts] == ["written", "deferred", "deferred"]


@responses.activate
def test_rows_that_hubspot_names_by_id_only_get_their_own_receipts():
    missing = {"category": "OBJECT_NOT_FOUND", "context": {"ids": ["1"]}}
    body = {"results": [{"id": "2"}, {"id": "0"}], "errors": [missing], "numErrors": 1}
    responses.post(UPDATE, json=body, status=207)
    receipts = open_at("https://hub.test").apply([SetFields(str(n), {"status": "met"}, "") for n in range(3)])
    assert [(str(one.status), one.record_id) for one in receipts] == [
        ("written", "0"),
        ("rejected", "1"),
        ("written", "2"),
    ]


@responses.activate
def test_budget_and_rights_raise_only_while_no_receipt_would_be_lost():
    responses.get(TASK_PROPERTIES, json={"results": []})
    over = {"policyName": "DAILY"}
    responses.post(CREATE, json=over, status=429)
    with pytest.raises(BudgetSpent):
        open_at("https://hub.test").apply([task("1", "a" * 40)])
    responses.post(UPDATE, json={"results": [{"id": "1"}]})
    receipts = open_at("https://hub.test").apply([SetFields("1", {"status": "met"}, ""), task("1", "a" * 40)])
    assert [str(receipt.status) for receipt in receipts] == ["written", "deferred"]
    responses.replace(responses.POST, UPDATE, json={"category": "MISSING_SCOPES"}, status=403)
    with pytest.raises(Unauthorised):
        open_at("https://hub.test").apply([SetFields("1", {"status": "met"}, "")])
