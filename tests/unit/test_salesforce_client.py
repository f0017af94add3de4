"""The way to Salesforce: sign-in, header rules, retries, one refresh, and what its refusals mean."""

from __future__ import annotations

import threading
from urllib.parse import parse_qs

import jwt
import pytest
import requests
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from connectors.connection import Connection, Patience
from connectors.errors import BudgetSpent, Misconfigured, OutcomeUnknown, Unauthorised, Unavailable
from connectors.mapping import ConnectionMapping
from connectors.salesforce.client import Client, RefusedCall

BASE = "https://org.test"
ROOT = f"{BASE}/services/data/v59.0"
TOKEN = f"{BASE}/services/oauth2/token"
QUERY = f"{ROOT}/query/"
ROWS = f"{ROOT}/composite/sobjects"
EMPTY = {"totalSize": 0, "done": True, "records": []}
SECRETLY = [{"errorCode": "MALFORMED_QUERY", "message": "near 'Ann Ashdown'"}]


def client(kind: str = "client_credentials", waits: list[float] | None = None, **credentials: str) -> Client:
    mapping = ConnectionMapping.model_validate({"lead": {}, "stages": {}})
    given = credentials or {"client_id": "id", "client_secret": "canary-secret"}
    secrets = {name: SecretStr(value) for name, value in given.items()}
    sleep = (waits if waits is not None else []).append
    return Client(Connection("org", BASE, kind, secrets, mapping, attempts=3, sleep=sleep))


def signed_in(*tokens: str) -> None:
    for token in tokens or ("t1",):
        responses.post(TOKEN, json={"access_token": token, "instance_url": BASE})


@responses.activate
def test_client_credentials_are_sent_once_and_the_token_goes_with_every_call():
    signed_in()
    responses.get(QUERY, json=EMPTY)
    org = client()
    org.query("SELECT Id FROM Lead")
    org.query("SELECT Id FROM Lead")
    sign_in, *calls = (call.request for call in responses.calls)
    assert parse_qs(sign_in.body)["grant_type"] == ["client_credentials"]
    assert [call.headers["Authorization"] for call in calls] == ["Bearer t1", "Bearer t1"]


@responses.activate
def test_a_jwt_is_signed_for_the_org_and_the_user():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signed_in()
    responses.get(QUERY, json=EMPTY)
    client("jwt", client_id="id", username="bot@example.com", private_key=pem.decode()).query("SELECT 1")
    form = parse_qs(responses.calls[0].request.body)
    claims = jwt.decode(form["assertion"][0], key.public_key(), algorithms=["RS256"], audience=BASE)
    assert (claims["iss"], claims["sub"]) == ("id", "bot@example.com")


@responses.activate
def test_every_attempt_of_a_write_keeps_assignment_rules_off():
    signed_in("t1", "t2")
    responses.patch(ROWS, status=401, json=[{"errorCode": "INVALID_SESSION_ID"}])
    responses.patch(ROWS, status=503, json=[])
    responses.patch(ROWS, json=[])
    client().rest("PATCH", "composite/sobjects", {"records": []})
    attempts = [call.request for call in responses.calls if call.request.method == "PATCH"]
    assert [one.headers["Sforce-Auto-Assign"] for one in attempts] == ["FALSE"] * 3
    assert [one.headers["Authorization"] for one in attempts] == ["Bearer t1", "Bearer t2", "Bearer t2"]


@responses.activate
def test_an_expired_token_is_renewed_once_by_all_threads_together():
    signed_in("t1", "t2")
    lock = threading.Barrier(4, timeout=10)

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        if request.headers["Authorization"] == "Bearer t1":
            lock.wait()
            return 401, {}, '[{"errorCode": "INVALID_SESSION_ID"}]'
        return 200, {}, '{"totalSize": 0, "done": true, "records": []}'

    responses.add_callback(responses.GET, QUERY, answer, content_type="application/json")
    org = client()
    threads = [threading.Thread(target=org.query, args=("SELECT Id FROM Lead",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asked = [call.request.url for call in responses.calls].count(TOKEN)
    assert asked == 2  # the first, and one for all four


@responses.activate
def test_credentials_that_stay_refused_end_after_one_renewal():
    signed_in("t1", "t2")
    responses.get(QUERY, status=401, json=[{"errorCode": "INVALID_SESSION_ID"}])
    with pytest.raises(Unauthorised, match="org"):
        client().query("SELECT Id FROM Lead")
    assert len(responses.calls) == 4


@responses.activate
def test_wrong_credentials_say_what_to_renew_and_nothing_secret():
    responses.post(TOKEN, status=400, json={"error": "invalid_client", "error_description": "canary"})
    with pytest.raises(Unauthorised, match=r"org: .*invalid_client.*renew") as caught:
        client().query("SELECT Id FROM Lead")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("client_credentials", {"client_id": "id"}, "client_secret"),
        ("token", {"token": "x"}, "client_credentials, jwt, session or password"),
    ],
)
@responses.activate
def test_an_incomplete_or_unknown_way_to_sign_in_is_a_mistake_in_the_configuration(kind, given, words):
    with pytest.raises(Misconfigured, match=words):
        client(kind, **given).query("SELECT Id FROM Lead")
    assert len(responses.calls) == 0


@pytest.mark.parametrize(
    ("status", "body", "error", "tries"),
    [
        (400, SECRETLY, Misconfigured, 1),
        (400, [{"errorCode": "INVALID_FIELD", "message": "Ann Ashdown"}], Misconfigured, 1),
        (403, [{"errorCode": "INSUFFICIENT_ACCESS"}], Unauthorised, 1),
        (403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED"}], BudgetSpent, 1),
        (404, [{"errorCode": "NOT_FOUND", "message": "Ann Ashdown"}], RefusedCall, 1),
        (500, [{"errorCode": "UNKNOWN_EXCEPTION"}], Unavailable, 3),
        (503, [], Unavailable, 3),
    ],
)
@responses.activate
def test_a_refused_read_is_named_by_what_to_do_next_and_tells_nothing_personal(status, body, error, tries):
    signed_in()
    responses.get(QUERY, status=status, json=body)
    with pytest.raises(error) as caught:
        client().query("SELECT Id FROM Lead WHERE Email = 'ann@example.com'")
    assert sum(call.request.url.startswith(QUERY) for call in responses.calls) == tries
    assert "Ann" not in str(caught.value)
    assert "ann@example.com" not in str(caught.value)


@responses.activate
def test_a_create_whose_answer_is_lost_is_never_sent_twice():
    signed_in()
    responses.post(ROWS, body=requests.ConnectionError("reset by peer"))
    with pytest.raises(OutcomeUnknown):
        client().rest("POST", "composite/sobjects", {"records": []})
    assert sum(call.request.url == ROWS for call in responses.calls) == 1


@responses.activate
def test_records_read_by_post_are_asked_for_again():
    signed_in()
    responses.post(f"{ROWS}/Task", body=requests.ConnectionError("reset by peer"))
    responses.post(f"{ROWS}/Task", json=[None])
    assert client().rest("POST", "composite/sobjects/Task", {"ids": ["1"], "fields": ["Id"]}) == [None]


@responses.activate
def test_an_update_whose_answer_is_lost_is_sent_again():
    signed_in()
    responses.patch(ROWS, body=requests.ConnectionError("reset by peer"))
    responses.patch(ROWS, json=[{"success": True}])
    assert client().rest("PATCH", "composite/sobjects", {"records": []}) == [{"success": True}]


@responses.activate
def test_a_page_of_html_instead_of_json_is_an_outage():
    signed_in()
    responses.get(QUERY, body="<html>maintenance</html>", content_type="text/html")
    with pytest.raises(Unavailable):
        client().query("SELECT Id FROM Lead")


@responses.activate
def test_every_call_has_a_time_limit_and_redirects_lead_nowhere(monkeypatch):
    signed_in()
    responses.get(QUERY, json=EMPTY)
    seen: list[tuple[object, object]] = []
    send = requests.Session.send

    def noted(self: requests.Session, request: requests.PreparedRequest, **options: object) -> object:
        seen.append((options["timeout"], options["allow_redirects"]))
        return send(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", noted)
    client().query("SELECT Id FROM Lead")
    assert set(seen) == {((Patience().connect, Patience().read), False)}


@responses.activate
def test_an_object_that_is_hidden_is_none_and_not_an_error():
    signed_in()
    responses.get(f"{ROOT}/sobjects/Lead/describe", status=404, json=[{"errorCode": "NOT_FOUND"}])
    assert client().describe("Lead") is None
