"""Claims about the webhook events the practice HubSpot sends."""

from __future__ import annotations

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hubspot.utils.signature import Signature

from tests.unit.practice_hubspot import V3, link, portal

SECRET = "a secret of ours"


class Receiver:
    """Takes what is posted to it; ``answers`` are the statuses of the next calls, then 200."""

    def __init__(self):
        self.got = queue.Queue()
        self.answers = queue.Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.put((dict(self.headers), body))
                status = 200 if receiver.answers.empty() else receiver.answers.get()
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks?portal=1"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def events(self, count):
        """The next ``count`` events, in however many deliveries."""
        found = []
        while len(found) < count:
            found += json.loads(self.got.get(timeout=10)[1])
        return found


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def hub(receiver):
    with portal() as found:
        target = {"url": receiver.url, "secret": SECRET, "pause_seconds": 0}
        assert found.control("POST", "/webhooks", target).status_code == 200
        yield found
        found.control("DELETE", "/webhooks")


def kinds(events):
    return [(event["subscriptionType"], event["objectId"]) for event in events]


def test_a_change_of_a_property_is_an_event_with_its_value_and_who_made_it(hub, receiver):
    hub.person("contacts", {"id": "97", "city": "Bonn"})
    [event] = receiver.events(1)
    assert (event["propertyName"], event["propertyValue"]) == ("city", "Bonn")
    assert (event["changeSource"], event["sourceId"]) == ("CRM_UI", "userId:7301")
    assert (event["subscriptionType"], event["objectId"]) == ("contact.propertyChange", 97)
    assert (event["occurredAt"], event["attemptNumber"]) == (1772438400000, 0)
    assert {"eventId", "subscriptionId", "portalId", "appId"} <= set(event)


def test_a_write_that_changes_nothing_is_no_event(hub, receiver):
    hub.call("PATCH", f"{V3}/contacts/97", {"properties": {"lifecyclestage": "marketingqualifiedlead"}})
    hub.call("PATCH", f"{V3}/contacts/97", {"properties": {"city": "Ulm"}})
    assert [event["propertyName"] for event in receiver.events(1)] == ["city"]


def test_creating_archiving_and_erasing_are_events(hub, receiver):
    number = int(hub.post(f"{V3}/contacts", {"properties": {"email": "n@example.com"}}).json()["id"])
    hub.call("DELETE", f"{V3}/contacts/{number}")
    hub.post(f"{V3}/contacts/gdpr-delete", {"objectId": "97"})
    assert kinds(receiver.events(4)) == [
        ("contact.creation", number),
        ("contact.deletion", number),
        ("contact.deletion", 97),
        ("contact.privacyDeletion", 97),
    ]


@pytest.mark.parametrize("makes_new", [False, True])
def test_a_merge_names_the_primary_the_merged_and_the_survivor(hub, receiver, makes_new):
    hub.turn(merge_makes_new_record=makes_new)
    told = hub.post(f"{V3}/contacts/merge", {"primaryObjectId": "97", "objectIdToMerge": "98"}).json()
    [event] = receiver.events(1)
    assert event["subscriptionType"] == "contact.merge"
    assert (event["primaryObjectId"], event["mergedObjectIds"]) == (97, [98])
    assert event["newObjectId"] == int(told["id"])
    assert (event["newObjectId"] == 97) is not makes_new


def test_other_kinds_are_generic_events_with_their_type(hub, receiver):
    hub.turn(leads=True)
    body = {"properties": {"hs_lead_name": "New"}, "associations": [link("97", 578)]}
    number = int(hub.post(f"{V3}/leads", body).json()["id"])
    [event] = receiver.events(1)
    told = (event["subscriptionType"], event["objectTypeId"], event["objectId"])
    assert told == ("object.creation", "0-136", number)


def test_hubspots_own_library_makes_the_same_signatures(hub, receiver):
    hub.person("contacts", {"id": "97", "city": "Köln"})
    headers, body = receiver.got.get(timeout=10)
    stamp = headers["X-HubSpot-Request-Timestamp"]  # the portal's clock, long past for the library's own

    def expected(text, version):
        return Signature.get_signature(
            client_secret=SECRET,
            request_body=text,
            signature_version=version,
            http_uri=receiver.url,
            http_method="POST",
            timestamp=stamp,
        )

    assert stamp == "1772438400000"
    assert expected(body.decode(), "v3") == headers["X-HubSpot-Signature-v3"]
    assert expected(body.decode(), "v1") == headers["X-HubSpot-Signature"]
    assert expected(body.decode() + " ", "v3") != headers["X-HubSpot-Signature-v3"]


def test_refused_events_come_again_and_are_counted_lost_in_the_end(hub, receiver):
    receiver.answers.put(500)
    hub.person("contacts", {"id": "97", "city": "Bonn"})
    assert [event["attemptNumber"] for event in receiver.events(2)] == [0, 1]
    for _ in range(3):
        receiver.answers.put(503)
    hub.person("contacts", {"id": "97", "city": "Jena"})
    receiver.events(3)
    hub.person("contacts", {"id": "97", "city": "Ulm"})
    receiver.events(1)
    assert hub.control("GET", "/webhooks").json()["lost"] == 1


def test_no_event_leaves_before_an_address_is_given_nor_after_it_is_taken_back(receiver):
    with portal() as hub:
        hub.person("contacts", {"id": "97", "city": "Bonn"})
        hub.control("POST", "/webhooks", {"url": receiver.url, "secret": SECRET})
        hub.person("contacts", {"id": "97", "city": "Jena"})
        assert [event["propertyValue"] for event in receiver.events(1)] == ["Jena"]
        hub.control("DELETE", "/webhooks")
        hub.person("contacts", {"id": "97", "city": "Ulm"})
        assert hub.control("GET", "/webhooks").json()["url"] is None
        hub.control("POST", "/webhooks", {"url": receiver.url, "secret": SECRET})
        hub.person("contacts", {"id": "97", "city": "Trier"})
        assert [event["propertyValue"] for event in receiver.events(1)] == ["Trier"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://127.0.0.1:1/"},
        {"url": "https://example.com/hook", "secret": "s"},
        {"url": "http://127.0.0.1:1/", "secret": ""},
        {"url": "http://127.0.0.1:1/", "secret": "s", "attempts": 0},
        {"url": "http://127.0.0.1:1/", "secret": "s", "often": 1},
    ],
)
def test_webhooks_go_to_this_machine_only_and_need_a_secret(wrong):
    with portal() as hub:
        assert hub.control("POST", "/webhooks", wrong).status_code == 400


def test_a_dead_receiver_holds_up_no_call():
    with portal() as hub:
        hub.control("POST", "/webhooks", {"url": "http://127.0.0.1:1/", "secret": "s", "pause_seconds": 60})
        for city in ("Bonn", "Ulm", "Jena"):
            assert hub.call("PATCH", f"{V3}/contacts/97", {"properties": {"city": city}}).status_code == 200
        hub.control("DELETE", "/webhooks")
