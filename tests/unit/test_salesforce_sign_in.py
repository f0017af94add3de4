"""Signing in to Salesforce: each way, what it tells us besides, and what a refusal asks a person to do."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
import responses
from pydantic import SecretStr

from connectors.connection import Connection
from connectors.errors import Misconfigured, Unauthorised
from connectors.mapping import ConnectionMapping
from connectors.salesforce import open_crm
from connectors.salesforce.client import Client
from connectors.salesforce.ids import full_id

BASE = "https://org.my.salesforce.com"
TOKEN = f"{BASE}/services/oauth2/token"
SOAP = f"{BASE}/services/Soap/u/59.0"
QUERY = f"{BASE}/services/data/v59.0/query/"
EMPTY = {"totalSize": 0, "done": True, "records": []}
ORG, USER = "00D000000000062EAA", "005000000000001AAA"
GRANTED = {"access_token": "t", "instance_url": BASE, "id": f"https://login.salesforce.com/id/{ORG}/{USER}"}
APP = {"client_id": "app", "client_secret": "canary-secret"}
PERSON = {"username": "bot@example.com", "password": "canary-pass", "security_token": "canary-token"}
ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope'
    ' xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com">'
    "<soapenv:Body>{}</soapenv:Body></soapenv:Envelope>"
)
LOGGED_IN = (
    f"<loginResponse><result><serverUrl>{BASE}/services/Soap/u/59.0/00D</serverUrl><sessionId>s1</sessionId>"
    f"<userId>{USER[:15]}</userId><userInfo><organizationId>{ORG[:15]}</organizationId></userInfo>"
    "</result></loginResponse>"
)


def connection(kind, given):
    mapping = ConnectionMapping.model_validate({"lead": {}, "stages": {}})
    secrets = {name: SecretStr(value) for name, value in given.items()}
    return Connection("org", BASE, kind, secrets, mapping, attempts=2, sleep=lambda _: None)


def asked(kind="client_credentials", given=APP):
    """A client that has asked something."""
    responses.get(QUERY, json=EMPTY)
    client = Client(connection(kind, given))
    client.query("SELECT Id FROM Lead")
    return client


@responses.activate
def test_org_and_user_are_told_by_signing_in_and_cost_no_call_of_their_own():
    responses.post(TOKEN, json=GRANTED)
    client = asked()
    told = client.identity()
    assert (told.org_id, told.user_id) == (ORG, USER)
    assert len(responses.calls) == 2


@responses.activate
def test_the_account_is_the_org_that_signing_in_named():
    responses.post(TOKEN, json=GRANTED)
    crm = open_crm(connection("client_credentials", APP))
    assert crm.account_id() == ORG
    crm.close()
    assert [call.request.url for call in responses.calls] == [TOKEN]


def test_an_id_of_fifteen_characters_is_made_comparable():
    assert full_id("00D000000000062") == ORG
    assert full_id("005Lc0000000001") == "005Lc0000000001IAA"


@responses.activate
def test_a_password_goes_over_soap_with_the_security_token_behind_it_and_ids_come_back_in_full():
    responses.post(SOAP, body=ENVELOPE.format(LOGGED_IN), content_type="text/xml")
    client = asked("password", PERSON)
    sent = responses.calls[0].request.body.decode()
    assert "<urn:username>bot@example.com</urn:username>" in sent
    assert "<urn:password>canary-passcanary-token</urn:password>" in sent
    assert responses.calls[1].request.headers["Authorization"] == "Bearer s1"
    assert (client.identity().org_id, client.identity().user_id) == (ORG, USER)


@responses.activate
def test_a_password_with_an_app_goes_over_oauth():
    responses.post(TOKEN, json=GRANTED)
    asked("password", {**PERSON, **APP})
    form = parse_qs(responses.calls[0].request.body)
    assert (form["grant_type"], form["password"]) == (["password"], ["canary-passcanary-token"])


@responses.activate
def test_a_session_is_used_as_it_is_and_its_end_is_final():
    responses.get(QUERY, status=401, json=[{"errorCode": "INVALID_SESSION_ID"}])
    client = Client(connection("session", {"session": f"{ORG[:15]}!AQ0"}))
    assert client.identity().org_id == ORG
    with pytest.raises(Unauthorised, match="session has ended and cannot be renewed"):
        client.query("SELECT Id FROM Lead")
    assert len(responses.calls) == 1


@pytest.mark.parametrize(
    ("error", "described", "advice"),
    [
        ("invalid_grant", "ip restricted", "Login IP Ranges"),
        ("invalid_grant", "inactive user", "activate it"),
        ("invalid_grant", "user hasn't approved this consumer", "Permitted Users"),
        ("invalid_grant", "expired authorization code", "clock"),
        ("invalid_grant", "audience is invalid", "My Domain"),
        ("invalid_grant", "authentication failure", "client id and secret"),
        ("invalid_client", "invalid client credentials", "client id and secret"),
        ("invalid_grant", "no client credentials user enabled", "Client Credentials Flow"),
        ("inactive_org", "organization is inactive", "locked or was deleted"),
        ("unsupported_grant_type", "grant type not supported", "switch this flow on"),
    ],
)
@responses.activate
def test_each_refusal_is_one_line_that_says_what_to_do_and_nothing_secret(error, described, advice):
    responses.post(TOKEN, status=400, json={"error": error, "error_description": f"{described} canary-name"})
    with pytest.raises(Unauthorised, match=advice) as caught:
        asked()
    told = str(caught.value)
    assert (error in told, "canary" in told, "\n" in told) == (True, False, False)
    assert len(responses.calls) == 1


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("INVALID_LOGIN", "check user name and password"),
        ("LOGIN_MUST_USE_SECURITY_TOKEN", "security token"),
        ("INVALID_OPERATION", "client credentials"),
        ("API_CURRENTLY_DISABLED", "API Enabled"),
    ],
)
@responses.activate
def test_a_refused_password_says_what_to_do(code, advice):
    told = f"<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: no</faultstring></soapenv:Fault>"
    responses.post(SOAP, status=500, body=ENVELOPE.format(told), content_type="text/xml")
    with pytest.raises(Unauthorised, match=advice) as caught:
        asked("password", PERSON)
    assert "canary" not in str(caught.value)
    assert len(responses.calls) == 1


@responses.activate
def test_a_soap_answer_with_a_document_type_is_not_read():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + ENVELOPE.format(LOGGED_IN)
    responses.post(SOAP, body=bomb, content_type="text/xml")
    with pytest.raises(Unauthorised):
        asked("password", PERSON)


@responses.activate
def test_an_org_that_lives_elsewhere_names_the_address_to_write():
    elsewhere = {**GRANTED, "instance_url": "https://moved.my.salesforce.com"}
    responses.post(TOKEN, json=elsewhere)
    with pytest.raises(Misconfigured, match=r"lives at https://moved\.my\.salesforce\.com; write that"):
        asked()


@responses.activate
def test_a_login_page_where_the_token_should_be_is_a_wrong_address():
    responses.post(TOKEN, body="<html>Log in</html>", content_type="text/html")
    with pytest.raises(Misconfigured, match="base_url"):
        asked()


@responses.activate
def test_the_bulk_api_s_own_words_for_an_ended_session_renew_it():
    responses.post(TOKEN, json=GRANTED)
    jobs = f"{BASE}/services/data/v59.0/jobs/query/7501"
    responses.get(jobs, status=400, json=[{"errorCode": "InvalidSessionId", "message": "Invalid session id"}])
    responses.get(jobs, json={"state": "JobComplete"})
    client = Client(connection("client_credentials", APP))
    assert client.rest("GET", "jobs/query/7501") == {"state": "JobComplete"}
    assert sum(call.request.url == TOKEN for call in responses.calls) == 2


@responses.activate
def test_check_says_when_a_password_ends_and_nothing_of_the_kind_for_an_app():
    def told(kind, given):
        crm = open_crm(connection(kind, given))
        found = [one.what for one in crm.check() if one.where == "auth"]
        crm.close()
        return found

    def parts(request):
        asked_for = json.loads(request.body)["compositeRequest"]
        answers = [
            {"referenceId": one["referenceId"], "httpStatusCode": 200, "body": {"fields": [], "records": []}}
            for one in asked_for
        ]
        return 200, {}, json.dumps({"compositeResponse": answers})

    responses.post(TOKEN, json=GRANTED)
    responses.post(SOAP, body=ENVELOPE.format(LOGGED_IN), content_type="text/xml")
    responses.add_callback(responses.POST, f"{BASE}/services/data/v59.0/composite/", parts)
    assert ["Summer '27" in one for one in told("password", PERSON)] == [True]
    assert told("client_credentials", APP) == []
