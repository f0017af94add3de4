"""The way to HubSpot: paths, limits, sign-in, and what its answers mean."""

from __future__ import annotations

import json

import pytest
import responses
from pydantic import SecretStr

from connectors.connection import Connection
from connectors.errors import (
    BudgetSpent,
    Misconfigured,
    OutcomeUnknown,
    RateLimited,
    Unauthorised,
    Unavailable,
)
from connectors.hubspot.client import Client
from connectors.hubspot.refusals import Denied, Refused, code_of
from connectors.mapping import ConnectionMapping

BASE = "https://hub.test"
SEARCH = f"{BASE}/crm/objects/2026-03/contacts/search"
CREATE = f"{BASE}/crm/objects/2026-03/tasks/batch/create"
UPDATE = f"{BASE}/crm/objects/2026-03/contacts/batch/update"
EMPTY = {"results": [], "total": 0}
SECRETLY = {"message": "Email ann@example.com is bad", "category": "VALIDATION_ERROR"}


def client(kind: str = "token", waits: list[float] | None = None, **credentials: str) -> Client:
    mapping = ConnectionMapping.model_validate({"lead": {}, "stages": {}})
    given = {name: SecretStr(value) for name, value in (credentials or {"token": "t0"}).items()}
    sleep = (waits if waits is not None else []).append
    return Client(Connection("hub", BASE, kind, given, mapping, attempts=3, sleep=sleep))


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


def limited(**body: str) -> dict[str, object]:
    return {"json": {"status": "error", **body}, "status": 429}


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (limited(message="You have reached your secondly limit.", category="RATE_LIMITS"), 1.0),
        (limited(policyName="TEN_SECONDLY_ROLLING"), 10.0),
        (limited(policyName="SECONDLY"), 1.0),
        ({"body": "error code: 1015", "status": 429, "headers": {"Retry-After": "7"}}, 7.0),
        ({"json": {"category": "LOCKED"}, "status": 423}, 2.0),
    ],
)
@responses.activate
def test_a_limit_is_waited_out_for_as_long_as_it_lasts(answer, wait):
    waits: list[float] = []
    responses.post(CREATE, **answer)
    responses.post(CREATE, json=EMPTY, status=201)
    client(waits=waits).create("tasks", [])
    assert waits == [wait]


@responses.activate
def test_the_day_is_over_when_hubspot_says_daily():
    responses.post(SEARCH, **limited(policyName="DAILY", message="You have reached your daily limit."))
    with pytest.raises(BudgetSpent):
        client().search("contacts", [], [])


@responses.activate
def test_a_limit_that_does_not_end_is_rate_limited():
    responses.post(CREATE, **limited(policyName="SECONDLY"))
    with pytest.raises(RateLimited):
        client().create("tasks", [])


@pytest.mark.parametrize(
    "answer",
    [
        {"body": "<html>", "status": 200},
        {"body": "", "status": 201},
        {"body": '{"results": [', "status": 200},
        {"body": "", "status": 502},
    ],
)
@responses.activate
def test_nonsense_is_asked_again_but_a_create_is_never_repeated(answer):
    """Nonsense from what has answered as HubSpot before; a first answer like that is another's address."""
    responses.post(SEARCH, json=EMPTY)
    for url in (SEARCH, CREATE):
        responses.post(url, **answer)
        responses.post(url, json=EMPTY)
    one = client()
    assert [one.search("contacts", [], []).body for _ in range(2)] == [EMPTY, EMPTY]
    with pytest.raises(OutcomeUnknown):
        one.create("tasks", [])


@responses.activate
def test_an_update_is_repeated_and_then_unavailable():
    responses.post(UPDATE, status=503)
    with pytest.raises(Unavailable):
        client().update("contacts", [])
    assert len(responses.calls) == 3


@responses.activate
def test_a_refused_static_token_ends_as_unauthorised():
    responses.post(SEARCH, json={"category": "INVALID_AUTHENTICATION"}, status=401)
    with pytest.raises(Unauthorised):
        client().search("contacts", [], [])


@responses.activate
def test_an_expired_token_is_refreshed_once():
    responses.post(f"{BASE}/oauth/v3/token", json={"access_token": "old"})
    responses.post(f"{BASE}/oauth/v3/token", json={"access_token": "new"})
    responses.post(SEARCH, json={"category": "EXPIRED_AUTHENTICATION"}, status=401)
    responses.post(SEARCH, json=EMPTY)
    client("oauth", client_id="a", client_secret="b", refresh_token="c").search("contacts", [], [])
    sent = [one.request.headers.get("Authorization") for one in responses.calls]
    assert sent == [None, "Bearer old", None, "Bearer new"]


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
