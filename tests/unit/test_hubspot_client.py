"""The way to HubSpot: paths, limits, sign-in, and what its answers mean."""

from __future__ import annotations

import json

import pytest
import responses
from pydantic import SecretStr

from connectors.base import ReceiptStatus, SetFields
from connectors.connection import API_VERSION, ApiVersion, Connection
from connectors.errors import Misconfigured, Unavailable
from connectors.hubspot.client import Client
from connectors.hubspot.crm import HubSpotCrm
from connectors.hubspot.refusals import Denied, Refused, code_of
from connectors.mapping import ConnectionMapping

BASE = "https://hub.test"
SEARCH = f"{BASE}/crm/objects/2026-03/contacts/search"
CREATE = f"{BASE}/crm/objects/2026-03/tasks/batch/create"
UPDATE = f"{BASE}/crm/objects/2026-03/contacts/batch/update"
EMPTY = {"results": [], "total": 0}
SECRETLY = {"message": "Email ann@example.com is bad", "category": "VALIDATION_ERROR"}


def connection(kind: str = "token", version: ApiVersion = API_VERSION, **credentials: str) -> Connection:
    mapping = ConnectionMapping.model_validate({"lead": {}, "stages": {}})
    given = {name: SecretStr(value) for name, value in (credentials or {"token": "t0"}).items()}
    return Connection("hub", BASE, kind, given, mapping, sleep=lambda _: None, api_version=version)


def client(kind: str = "token", version: ApiVersion = API_VERSION, **credentials: str) -> Client:
    return Client(connection(kind, version, **credentials))


@responses.activate
def test_the_sdk_speaks_through_our_session_to_the_dated_path_of_our_host():
    responses.post(SEARCH, json=EMPTY)
    client().search("contacts", [], ["email"])
    call = responses.calls[0].request
    assert call.headers["Authorization"] == "Bearer t0"
    assert set(json.loads(call.body)) == {"filterGroups", "sorts", "properties", "limit", "after"}


@responses.activate
def test_owners_lose_their_trailing_slash_and_lists_repeat_their_properties():
    responses.get(f"{BASE}/crm/owners/2026-03", json=EMPTY)
    responses.get(f"{BASE}/crm/objects/2026-03/calls", json=EMPTY)
    one = client()
    one.owners(archived=False)
    one.page_of("calls", properties=["a", "b"], associations=["contacts"])
    assert responses.calls[1].request.params["properties"] == ["a", "b"]


@responses.activate
def test_a_missing_scope_is_denied_and_a_bad_call_refused_without_any_value():
    responses.post(SEARCH, json={"category": "MISSING_SCOPES"}, status=403)
    responses.post(UPDATE, json=SECRETLY, status=400)
    one = client()
    with pytest.raises(Denied, match="MISSING_SCOPES"):
        one.search("contacts", [], [])
    with pytest.raises(Refused) as refused:
        one.update("contacts", [])
    assert "ann@" not in str(refused.value)
    assert refused.value.code == "VALIDATION_ERROR"


def test_nested_errors_are_read_for_code_and_field():
    nested = (
        'Property values were not valid: [{"isValid":false,"error":"INVALID_OPTION","name":"lifecyclestage"}]'
    )
    assert code_of({"category": "VALIDATION_ERROR", "message": nested}) == "INVALID_OPTION on lifecyclestage"


def test_missing_credentials_are_all_named():
    with pytest.raises(Misconfigured, match=r"client_secret.*refresh_token"):
        client("oauth", client_id="a")


@pytest.mark.parametrize(
    ("version", "paths"),
    [
        ("2026-03", ("/crm/objects/2026-03/{}", "/crm/associations/2026-03", "/crm/owners/2026-03")),
        ("2026-09", ("/crm/objects/2026-09/{}", "/crm/associations/2026-09", "/crm/owners/2026-09")),
        ("v3", ("/crm/v3/objects/{}", "/crm/v4/associations", "/crm/v3/owners")),
    ],
)
@responses.activate
def test_every_call_of_the_sdk_goes_to_the_addresses_of_the_version_that_is_set(version, paths):
    objects, associations, owners = paths
    wanted = [
        responses.post(f"{BASE}{objects.format('contacts')}/search", json=EMPTY),
        responses.post(f"{BASE}{objects.format('contacts')}/batch/read", json=EMPTY),
        responses.post(f"{BASE}{objects.format('tasks')}/batch/create", json=EMPTY),
        responses.post(f"{BASE}{associations}/tasks/contacts/batch/read", json=EMPTY),
        responses.get(f"{BASE}{objects.format('tasks').replace('objects', 'properties')}", json=EMPTY),
        responses.get(f"{BASE}{owners}", json=EMPTY),
    ]
    one = client(version=version)
    one.search("contacts", [], [])
    one.read("contacts", ["1"], [])
    one.create("tasks", [])
    one.associated("tasks", "contacts", ["1"])
    one.schema("tasks")
    one.owners(archived=False)
    assert [answer.call_count for answer in wanted] == [1] * len(wanted)


@pytest.mark.parametrize(
    ("version", "path"),
    [("2026-03", "/oauth/2026-03/token"), ("2026-09", "/oauth/2026-03/token"), ("v3", "/oauth/v3/token")],
)
@responses.activate
def test_tokens_are_refreshed_at_the_address_of_the_version(version, path):
    responses.post(f"{BASE}{path}", json={"access_token": "a", "expires_in": 1800})
    responses.get(f"{BASE}/account-info/v3/details", json={"portalId": 1})
    client("oauth", version, client_id="a", client_secret="b", refresh_token="c").account()
    assert responses.calls[1].request.headers["Authorization"] == "Bearer a"


FAILED = {
    "status": "error",
    "category": "VALIDATION_ERROR",
    "message": '[{"error":"INVALID_OPTION"}]',
    "context": {"objectWriteTraceId": ["row-1"]},
}


@pytest.mark.parametrize("status", [200, 207])
@responses.activate
def test_rows_that_failed_inside_a_200_are_receipts_as_those_inside_a_207(status):
    address = f"{BASE}/crm/objects/2026-09/contacts/batch/update"
    body = {"status": "COMPLETE", "results": [{"id": "1"}], "numErrors": 1, "errors": [FAILED]}
    responses.post(address, json=body, status=status)
    crm = HubSpotCrm(connection(version="2026-09"))
    receipts = crm.apply([SetFields(one, {"status": "met"}, "") for one in ("1", "2")])
    assert [one.status for one in receipts] == [ReceiptStatus.WRITTEN, ReceiptStatus.REJECTED]
    assert receipts[1].message.startswith("INVALID_OPTION")


@pytest.mark.parametrize("status", [200, 207])
@responses.activate
def test_a_read_that_failed_in_part_inside_a_200_is_no_whole_answer(status):
    read = f"{BASE}/crm/objects/2026-09/contacts/batch/read"
    associated = f"{BASE}/crm/associations/2026-09/tasks/contacts/batch/read"
    broken = {"results": [], "numErrors": 1, "errors": [{"category": "INTERNAL_ERROR"}]}
    gone = {"results": [], "numErrors": 1, "errors": [{"category": "OBJECT_NOT_FOUND"}]}
    one = client(version="2026-09")
    responses.post(read, json=gone, status=status)
    assert one.read("contacts", ["1"], []) == []
    responses.replace(responses.POST, read, json=broken, status=status)
    responses.post(associated, json=broken, status=status)
    with pytest.raises(Unavailable, match="in full: INTERNAL_ERROR"):
        one.read("contacts", ["1"], [])
    with pytest.raises(Unavailable, match="in full: INTERNAL_ERROR"):
        one.associated("tasks", "contacts", ["1"])


@pytest.mark.parametrize(
    ("headers", "day"),
    [
        ({"Sunset": "Thu, 30 Sep 2027 00:00:00 GMT"}, "on 2027-09-30"),
        ({"Deprecation": "@1790000000"}, "on a day it does not name"),
        ({"Deprecation": "true", "Sunset": "soon"}, "on a day it does not name"),
    ],
)
@responses.activate
def test_an_address_that_hubspot_says_will_end_is_remembered_by_its_beginning(headers, day):
    responses.post(f"{BASE}/crm/v3/objects/contacts/search", json=EMPTY, headers=headers)
    responses.get(f"{BASE}/account-info/v3/details", json={"portalId": 1})
    one = client(version="v3")
    one.search("contacts", [], [])
    one.account()
    assert one.line.endings == {"/crm/v3/objects": day}
