"""The door for hints, over real sockets: HubSpot's own requests, and those of people who mean harm."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from connectors.base import Page
from connectors.hubspot.webhooks import Webhook
from leadsla import listening, receiving
from leadsla.receiving import Receiver
from localcrm.clock import Clock
from localcrm.hubspot import HubSpotFace
from localcrm.server import running
from localcrm.story import tell
from sync.store import Store
from sync.store.facts import Facts
from sync.store.hints import Hints

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET, URL = "the-client-secret", "https://leadsla.example.com/hints/hubspot"
EVENT = {
    "portalId": 62515,
    "subscriptionType": "contact.propertyChange",
    "objectId": 7,
    "propertyName": "email",
    "propertyValue": "jane@example.com",
}


class Door:
    """A receiver that listens, and what is behind it."""

    def __init__(self, folder: Path, practice: Any = None) -> None:
        self.now = NOW
        self.said: list[str] = []
        self.file = folder / "state.db"
        self.store = Store.open(f"sqlite:///{self.file}")
        with self.store.begin() as db:
            Facts("hubspot").keep_page(
                db, Page(cursor="somewhere"), practice.account if practice else "62515"
            )
        self._listener = listening.bound("127.0.0.1", 0)
        self.port = self._listener.getsockname()[1]
        hook = Webhook(SecretStr(SECRET), self.address() if practice else URL)
        webhooks = {"hubspot": hook, "new": hook}
        clock = practice.clock.now if practice else lambda: self.now
        others = {"salesforce": "Salesforce sends no hints here; leadsla polls it"}
        receiver = Receiver(self.store, webhooks, others, self.said.append, clock)
        self._server = listening.Server(receiver.app())
        self._thread = threading.Thread(
            target=lambda: self._server.run(sockets=[self._listener]), daemon=True
        )
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
        self.store.close()

    def post(self, body: Any = (EVENT,), name: str = "hubspot", **changed: Any) -> requests.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = sign(raw, self.now) | changed.pop("headers", {})
        return requests.post(self.address(name), data=raw, headers=headers, timeout=20, **changed)

    def address(self, name: str = "hubspot") -> str:
        return f"http://127.0.0.1:{self.port}/hints/{name}"

    def hinted(self, name: str = "hubspot") -> list[str]:
        with self.store.begin() as db:
            return list(Hints(name).take(db))

    def raw(self, text: bytes) -> socket.socket:
        """A connection on which this was sent, and no more."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.sendall(text)
        return connection


def sign(body: bytes, at: datetime, secret: str = SECRET) -> dict[str, str]:
    stamp = str(round(at.timestamp() * 1000)).encode()
    digest = hmac.new(secret.encode(), b"POST" + URL.encode() + body + stamp, hashlib.sha256).digest()
    return {
        "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
        "X-HubSpot-Request-Timestamp": stamp.decode(),
    }


def rest_of(connection: socket.socket) -> bytes:
    found = b""
    try:
        while part := connection.recv(65_536):
            found += part
    except ConnectionResetError:
        pass
    return found


@dataclass(frozen=True)
class Practice:
    """A practice HubSpot with leads."""

    url: str
    clock: Clock

    @property
    def account(self) -> str:
        headers = {"Authorization": "Bearer localcrm"}
        answer = requests.get(f"{self.url}/account-info/v3/details", headers=headers, timeout=10)
        return str(answer.json()["portalId"])

    def control(self, path: str, body: Any = None) -> Any:
        method = "GET" if body is None else "POST"
        answer = requests.request(method, f"{self.url}/_localcrm/{path}", json=body, timeout=10)
        assert answer.ok, answer.text
        return answer.json()


@pytest.fixture
def practice() -> Iterator[Practice]:
    clock = Clock(NOW)
    face = HubSpotFace(clock, limits=False)
    with running(tell(7, 10, NOW), clock=clock, told={"hubspot": face}) as crms:
        yield Practice(crms.urls["hubspot"], clock)


@pytest.fixture
def practice_door(practice, tmp_path) -> Iterator[Door]:
    """The door that this practice HubSpot knows, under its clock."""
    one = Door(tmp_path, practice)
    yield one
    one.close()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    one = Door(tmp_path)
    yield one
    one.close()


def test_a_signed_event_leaves_the_id_of_its_record_and_nothing_else(door):
    answer = door.post([EVENT, EVENT | {"objectId": 8}, EVENT | {"objectId": 9, "portalId": 1}])
    assert (answer.status_code, answer.content) == (204, b"")
    assert door.hinted() == ["7", "8"]
    door.store.engine.dispose()
    kept = b"".join(part.read_bytes() for part in door.file.parent.iterdir())
    assert b"jane" not in kept
    assert b"propertyChange" not in kept


def test_what_a_person_edits_in_the_practice_hubspot_arrives_as_a_hint_signed_by_somebody_else(
    practice, practice_door
):
    door = practice_door
    practice.control("webhooks", {"url": door.address(), "secret": SECRET})
    edited = [row["id"] for row in practice.control("records/contacts")][:3]
    practice.control("records/contacts", [{"id": one, "company": "New Ltd"} for one in edited])
    practice.control("records/contacts", [{"id": edited[0], "delete": True}])
    give_up = time.monotonic() + 30
    while practice.control("webhooks")["sent"] < 4 and time.monotonic() < give_up:
        time.sleep(0.05)
    assert sorted(door.hinted()) == sorted(edited)
    practice.control("webhooks", {"url": door.address(), "secret": "another secret", "attempts": 1})
    practice.control("records/contacts", [{"id": edited[1], "company": "Newer Ltd"}])
    while not practice.control("webhooks")["lost"] and time.monotonic() < give_up:
        time.sleep(0.05)
    assert sorted(door.hinted()) == sorted(edited)
    assert practice.control("webhooks")["lost"] == 1


def test_a_request_sent_again_is_the_same_hint_and_an_old_one_none(door):
    headers = sign(json.dumps([EVENT]).encode(), NOW)
    assert [door.post([EVENT], headers=headers).status_code for _ in range(3)] == [204, 204, 204]
    assert door.hinted() == ["7"]
    with door.store.begin() as db:
        Hints("hubspot").clear(db, Hints("hubspot").take(db))
    door.now = NOW + timedelta(minutes=6)
    assert door.post([EVENT], headers=headers).status_code == 401
    assert door.hinted() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"X-HubSpot-Signature-v3": "AAAA"},
        {"X-HubSpot-Signature-v3": ""},
        sign(b"another body", NOW),
        sign(json.dumps([EVENT]).encode(), NOW, "another secret"),
        sign(json.dumps([EVENT]).encode(), NOW - timedelta(minutes=6)),
        sign(json.dumps([EVENT]).encode(), NOW + timedelta(minutes=1)),
    ],
    ids=["wrong", "empty", "of another body", "by another secret", "old", "from the future"],
)
def test_a_request_that_hubspot_did_not_just_sign_is_refused_and_leaves_nothing(door, headers):
    answer = door.post([EVENT], headers=headers)
    assert answer.status_code == 401
    assert SECRET not in answer.text
    assert door.hinted() == []


def test_a_request_without_any_signature_is_refused_whoever_it_claims_to_be_for(door):
    headers = {
        "Host": "leadsla.example.com",
        "X-Forwarded-Proto": "https",
        "X-HubSpot-Signature-Version": "v1",
    }
    headers["X-HubSpot-Signature"] = hashlib.sha256(SECRET.encode() + b"[]").hexdigest()
    assert requests.post(door.address(), data=b"[]", headers=headers, timeout=20).status_code == 401


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b"\xff\xfe", b"[" * 200_000])
def test_signed_rubbish_is_refused_as_unreadable(door, body):
    assert door.post(body).status_code == 400
    assert door.hinted() == []


def test_a_list_of_rubbish_is_taken_and_names_nothing(door):
    rubbish = [None, 1, "x", [], {}, {"objectId": 7}, {"portalId": 62515}, EVENT | {"objectId": "'; --"}]
    rubbish.append(EVENT | {"subscriptionType": "company.creation"})
    assert door.post(rubbish).status_code == 204
    assert door.hinted() == []


def test_events_of_another_account_are_taken_and_ignored(door):
    assert door.post([EVENT | {"portalId": 99}]).status_code == 204
    assert door.hinted() == []


def test_before_the_first_sync_hints_are_not_needed_and_not_kept(door):
    assert door.post([EVENT], name="new").status_code == 204
    assert door.hinted("new") == []


def test_a_body_that_says_it_is_huge_is_refused_before_it_is_read(door):
    head = b"POST /hints/hubspot HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n"
    with door.raw(head) as connection:
        assert rest_of(connection).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_turns_out_huge_is_cut_off_while_it_comes(door):
    head = b"POST /hints/hubspot HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    sent = 0
    with door.raw(head) as connection:
        try:
            for _ in range(1_000):
                connection.sendall(chunk)
                sent += len(chunk)
        except (ConnectionResetError, BrokenPipeError):
            pass
    assert sent < 20_000_000  # what the sockets hold, not the 65 MB that were to come
    assert door.post().status_code == 204


def test_a_body_that_drips_is_given_up_and_the_door_stays_open(door, monkeypatch):
    monkeypatch.setattr(receiving, "LONGEST_BODY_SECONDS", 0.3)
    head = b"POST /hints/hubspot HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n["
    with door.raw(head) as connection:
        assert rest_of(connection).startswith(b"HTTP/1.1 408 ")
    assert door.post().status_code == 204


def test_callers_who_say_nothing_lose_their_place(door, monkeypatch):
    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.3)
    silent = [door.raw(b"POST /hints/hubspot HTTP/1.1\r\n") for _ in range(listening.MOST_AT_ONCE)]
    assert [rest_of(connection) for connection in silent] == [b""] * len(silent)
    for connection in silent:
        connection.close()
    assert door.post().status_code == 204


def test_with_all_places_taken_hubspot_is_told_to_come_again(door):
    waiting = [door.raw(b"POST /hints/hubspot HTTP/1.1\r\n") for _ in range(listening.MOST_AT_ONCE)]
    assert door.post().status_code == 503
    for connection in waiting:
        connection.close()


def test_while_a_run_commits_hubspot_is_told_to_come_again_and_nothing_waits_for_the_run(door):
    with door.store.begin() as db:
        Hints("hubspot").add(db, ["1"], NOW)  # the write lock is ours now
        answer = door.post()
        assert answer.status_code == 503
        assert str(door.file) not in answer.text
    assert door.post().status_code == 204
    assert sorted(door.hinted()) == ["1", "7"]


def test_many_requests_at_the_same_time_are_all_taken(door):
    bodies = [[EVENT | {"objectId": number}] for number in range(1, 31)]
    with ThreadPoolExecutor(len(bodies)) as pool:
        assert {answer.status_code for answer in pool.map(door.post, bodies)} == {204}
    assert sorted(map(int, door.hinted())) == list(range(1, 31))


def test_no_connection_is_kept_open_after_its_answer(door):
    for head in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /hints/salesforce HTTP/1.1\r\nHost: x\r\n\r\n"):
        with door.raw(head) as connection:
            assert b" 40" in rest_of(connection)[:14]  # and then the end: rest_of came back


def test_other_methods_and_addresses_are_not_there(door):
    assert requests.get(door.address(), timeout=20).status_code == 405
    assert requests.post(f"http://127.0.0.1:{door.port}/", timeout=20).status_code == 404
    assert requests.post(door.address("../../etc/passwd"), timeout=20).status_code == 404
    told = requests.post(door.address("salesforce"), data=b"[]", timeout=20)
    assert (told.status_code, told.text) == (404, "Salesforce sends no hints here; leadsla polls it\n")
    assert requests.post(door.address("nobody"), timeout=20).status_code == 404


def test_what_is_told_are_counts_and_nothing_that_was_sent(tmp_path):
    door = Door(tmp_path)
    door.post([EVENT, EVENT | {"objectId": 8}])
    door.post([EVENT], headers={"X-HubSpot-Signature-v3": "jane@example.com"})
    door.post([EVENT], headers={"X-HubSpot-Signature-v3": "jane@example.com"})
    door.close()
    assert door.said == ["2 x records named, 2 x the signature is not right"]
