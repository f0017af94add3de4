"""Which requests count as HubSpot's, and which records they name. The signer here is written apart from ours."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.hubspot.webhooks import CLOCK_SKEW, OLDEST, Forged, Unreadable, Webhook

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
URL = "https://leadsla.example.com/hints/hubspot?from=hubspot%20app%2C%3a1"
SIGNED_URL = "https://leadsla.example.com/hints/hubspot?from=hubspot%20app,:1"  # as HubSpot's rule decodes it
SECRET = "a-client-secret-ü"
HOOK = Webhook(SecretStr(SECRET), URL)
BODY = '[{"objectId": 7, "portalId": 1, "note": "\\u00fc"}, "ü"]'.encode()


def signed(body: bytes = BODY, at: datetime = NOW, **changed: str) -> dict[str, str]:
    stamp = str(round(at.timestamp() * 1000))
    parts = {"secret": SECRET, "method": "POST", "url": SIGNED_URL, "stamp": stamp} | changed
    text = parts["method"] + parts["url"] + body.decode("latin-1") + parts["stamp"]
    digest = hmac.new(parts["secret"].encode(), text.encode("latin-1"), hashlib.sha256)
    signature = base64.b64encode(digest.digest()).decode()
    return {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}


def refused(headers: dict[str, str], body: bytes = BODY, hook: Webhook = HOOK) -> str:
    with pytest.raises(Forged) as caught:
        hook.verify(headers, body, NOW)
    return str(caught.value)


def test_a_request_signed_by_the_apps_secret_over_the_raw_bytes_is_hubspots():
    HOOK.verify(signed(), BODY, NOW)
    HOOK.verify(signed(), bytes(bytearray(BODY)), NOW)
    rubbish = b"\xff\xfe not even text"
    HOOK.verify(signed(rubbish), rubbish, NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": "another"},
        {"method": "GET"},
        {"url": URL},
        {"url": SIGNED_URL.replace("https", "http")},
        {"url": SIGNED_URL.replace("hints/hubspot", "hints/other")},
    ],
)
def test_another_secret_method_or_address_is_another_signature(changed):
    assert refused(signed(**changed)) == "the signature is not right"


@pytest.mark.parametrize(
    "body",
    [BODY + b" ", BODY.replace(b"7", b"8"), json.dumps(json.loads(BODY)).encode(), b""],
    ids=["longer", "another id", "the same JSON written anew", "empty"],
)
def test_any_other_byte_in_the_body_is_refused(body):
    assert refused(signed(), body) == "the signature is not right"


@pytest.mark.parametrize("signature", ["", "=", "ünïcode", "A" * 44, "\x00"])
def test_a_signature_that_is_none_is_refused_and_breaks_nothing(signature):
    headers = signed() | {"x-hubspot-signature-v3": signature}
    assert refused(headers) == "the signature is not right"


def test_a_request_is_good_for_five_minutes_and_a_clock_may_be_half_a_minute_ahead():
    for age in (timedelta(0), OLDEST, -CLOCK_SKEW):
        HOOK.verify(signed(at=NOW - age), BODY, NOW)
    second = timedelta(seconds=1)
    assert "five minutes ago" in refused(signed(at=NOW - OLDEST - second))
    assert "future" in refused(signed(at=NOW + CLOCK_SKEW + second))
    assert "future" in refused(signed(at=NOW + timedelta(days=1)))


@pytest.mark.parametrize("stamp", ["", "now", "-5", "1e12", "9" * 16, "٣٤٥", " 1", "1.5"])
def test_a_time_of_sending_that_is_none_is_refused_though_it_is_signed(stamp):
    headers = signed() | {"x-hubspot-request-timestamp": stamp}
    assert refused(headers) == "there is no time of sending"


def test_a_changed_time_of_sending_breaks_the_signature():
    old = signed(at=NOW - timedelta(hours=1))
    assert "signature" in refused(
        old | {"x-hubspot-request-timestamp": signed()["x-hubspot-request-timestamp"]}
    )


def test_the_old_signature_counts_only_where_it_is_switched_on():
    old = {"x-hubspot-signature": hashlib.sha256(SECRET.encode() + BODY).hexdigest()}
    Webhook(SecretStr(SECRET), URL, "v1").verify(old, BODY, NOW)
    assert refused(old) == "there is no time of sending"
    assert "signature" in refused(old, BODY + b" ", Webhook(SecretStr(SECRET), URL, "v1"))
    assert "signature" in refused(signed(), BODY, Webhook(SecretStr(SECRET), URL, "v1"))


def test_the_secret_is_in_no_text_of_the_webhook():
    assert SECRET not in repr(HOOK) + str(HOOK)


def event(**told: Any) -> dict[str, Any]:
    return {"portalId": 62515, "subscriptionType": "contact.propertyChange", "objectId": 123, **told}


def records(*events: Any, hook: Webhook = HOOK) -> list[str]:
    return hook.records(json.dumps(events).encode(), "62515")


def test_every_sort_of_event_about_a_lead_names_its_record_once():
    told = [
        event(propertyName="email", propertyValue="jane@example.com"),
        event(subscriptionType="contact.creation", objectId=5),
        event(subscriptionType="contact.deletion", objectId=6),
        event(subscriptionType="contact.privacyDeletion", objectId=7),
        event(subscriptionType="contact.restore", objectId=8),
        event(subscriptionType="object.propertyChange", objectTypeId="0-1", objectId=9),
        event(eventType="contact.creation", subscriptionType=None, objectId="10"),
        event(
            subscriptionType="contact.merge",
            objectId=11,
            primaryObjectId=12,
            mergedObjectIds=[13, 5],
            newObjectId=14,
        ),
    ]
    assert records(*told, *told) == ["123", "5", "6", "7", "8", "9", "10", "11", "12", "14", "13"]


@pytest.mark.parametrize(
    "told",
    [
        event(portalId=1),
        event(portalId=None),
        event(portalId=True),
        event(subscriptionType="company.propertyChange"),
        event(subscriptionType="object.propertyChange", objectTypeId="0-2"),
        event(subscriptionType=["contact."]),
        event(objectId=0),
        event(objectId=-1),
        event(objectId=True),
        event(objectId=1.5),
        event(objectId=10**30),
        event(objectId="1; DROP TABLE hints"),
        event(objectId={"$ne": 1}),
        event(objectId=None, mergedObjectIds={"a": 1}),
        "contact.creation",
        None,
        [[]],
        7,
    ],
)
def test_what_is_no_event_about_a_lead_of_this_account_names_nothing(told):
    assert records(told) == []


def test_where_leads_are_an_object_of_their_own_only_their_events_count():
    leads = Webhook(SecretStr(SECRET), URL, kind="leads")
    told = event(subscriptionType="object.creation", objectTypeId="0-136", objectId=4)
    assert records(told, event(), hook=leads) == ["4"]
    assert records(told) == []


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"<html>", b"\xff", b"[" * 100_000, b'"a"', b"[1"])
def test_a_body_that_is_no_list_is_unreadable(body):
    with pytest.raises(Unreadable):
        HOOK.records(body, "62515")
