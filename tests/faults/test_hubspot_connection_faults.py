"""The fault catalogue, rows 1-18 for HubSpot: what a user sees of each, and that nothing is lost."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import requests
import responses
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from connectors.connection import Connection, Patience
from connectors.errors import (
    BudgetSpent,
    Misconfigured,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from connectors.hubspot.client import Client
from connectors.hubspot.transport import rules
from connectors.mapping import ConnectionMapping
from leadsla.cli.exits import Exit, end_of
from leadsla.wiring import patience
from sync.store.facts import Facts
from tests.faults.hubspot_lab import SHORT, Lab, Saved, opened_lab

BASE = "https://hub.test"
SEARCH = f"{BASE}/crm/objects/2026-03/contacts/search"
CREATE = f"{BASE}/crm/objects/2026-03/tasks/batch/create"
UPDATE = f"{BASE}/crm/objects/2026-03/contacts/batch/update"
ACCOUNT = "/account-info/v3/details"
EMPTY = {"results": [], "total": 0}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Saved]]:
    with opened_lab(tmp_path_factory.mktemp("faults")) as lab:
        assert lab.run().code is Exit.DONE
        lab.clock.advance(60)
        yield lab, lab.save("synced")


@pytest.fixture
def lab(shared) -> Lab:
    """Synced once, all quiet."""
    one, saved = shared
    one.restore(saved)
    return one


def client(url: str = BASE, waits: list[float] | None = None, **parts) -> Client:
    mapping = ConnectionMapping.model_validate({"lead": {}, "stages": {}})
    sleep = (waits if waits is not None else []).append
    given = {"attempts": 3, "sleep": sleep, **parts}
    return Client(Connection("hub", url, "token", {"token": SecretStr("t0")}, mapping, **given))


def cursor(lab: Lab) -> str:
    with lab.store.begin() as db:
        return Facts("hubspot").bookmark(db).cursor


def nothing_is_lost(lab: Lab, break_it: Callable[[], object]) -> None:
    """A lead changes while the CRM is broken; the watermark stays, and the next run brings the change."""
    before = cursor(lab)
    lead_id = next(iter(lab.leads()))
    lab.edit("contacts", {"id": lead_id, "hs_lead_status": "UNQUALIFIED"})
    lab.clock.advance(30)
    break_it()
    assert cursor(lab) == before
    lab.mend()
    lab.clock.advance(30)
    assert lab.run().code in {Exit.DONE, Exit.PARTIAL}
    assert cursor(lab) != before
    lab.clock.advance(30)
    assert lab.run().report.planned == 0
    with lab.store.begin() as db:
        (known,) = Facts("hubspot").known(db, [lead_id])
    assert known.seen.lead.stage == "disqualified"


def closed_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}"


def test_fault_01_connection_refused_is_retried_with_jitter_and_the_run_ends_deferred(lab):
    waits: list[float] = []

    def away() -> None:
        ended = lab.run(base_url=closed_port(), attempts=4, sleep=waits.append)
        assert ended.code is Exit.PARTIAL
        assert "hubspot: no connection to 127.0.0.1:" in end_of(ended.error).message
        assert "nothing is lost" in end_of(ended.error).message

    nothing_is_lost(lab, away)
    assert len(waits) == 3
    assert all(wait > backoff for wait, backoff in zip(waits, (0.5, 1.0, 2.0), strict=True))
    assert len({round(wait % 0.5, 6) for wait in waits}) > 1, "no jitter"


def test_fault_01_a_name_that_dns_does_not_know_is_told_by_name(lab):
    ended = lab.run(base_url="https://api.hubapi.invalid")
    assert ended.code is Exit.PARTIAL
    assert "no connection to api.hubapi.invalid" in str(ended.error)


def test_fault_02_a_proxy_page_instead_of_the_first_answer_is_told_once_with_the_address(lab):
    def proxied() -> None:
        lab.fault(path=".", do="html", times=None)
        ended = lab.run()
        assert ended.code is Exit.CONFIGURATION
        assert f"base_url: {lab.url} does not answer as the CRM does" in str(ended.error)
        assert sum(ended.calls.values()) == 1, "asking again would bring the same page"

    nothing_is_lost(lab, proxied)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("<html>Sign in</html>", "answered with a web page, as a proxy or a sign-in page does"),
        ("", "answered with nothing"),
        ('{"results": [', "answered with half an answer"),
    ],
)
def test_fault_02_html_or_nothing_under_status_200_never_becomes_a_record_of_nothing(lab, body, says):
    def strange() -> None:
        lab.fault(path="contacts/search$", do="status", status=200, body=body, times=None)
        ended = lab.run()
        assert ended.code is Exit.PARTIAL
        assert (ended.report.read, ended.report.quarantined) == (0, 0)
        (trouble,) = ended.report.troubles
        assert f"{says} (HTTP 200) on POST /crm/objects/2026-03/contacts/search" in trouble
        assert lab.url.removeprefix("http://") in trouble
        assert ended.calls["POST /crm/objects/2026-03/contacts/search"] == 2, "its two attempts, no storm"

    nothing_is_lost(lab, strange)


@pytest.mark.parametrize("body", ["<html>", "", '{"results": ['])
@responses.activate
def test_fault_02_nonsense_that_passes_is_asked_for_again(body):
    responses.post(SEARCH, json=EMPTY)
    responses.post(SEARCH, body=body)
    responses.post(SEARCH, json=EMPTY)
    one = client()
    assert [one.search("contacts", [], []).body for _ in range(2)] == [EMPTY, EMPTY]


@responses.activate
def test_fault_02_an_empty_answer_to_a_create_says_nothing_about_whether_it_was_done():
    responses.post(SEARCH, json=EMPTY)
    responses.post(CREATE, body="", status=201)
    one = client()
    one.search("contacts", [], [])
    with pytest.raises(OutcomeUnknown):
        one.create("tasks", [])


def a_certificate(folder: Path) -> Path:
    """A self-signed one for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = folder / "both.pem"
    path.write_bytes(text + made.public_bytes(serialization.Encoding.PEM))
    return path


class Raw:
    """A server that says what it likes, as slowly as it likes; counts who came."""

    def __init__(self, speak: Callable[[socket.socket, threading.Event], None], pem: Path | None) -> None:
        self._speak = speak
        self._door = socket.create_server(("127.0.0.1", 0))
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if pem else None
        if self._tls and pem:
            self._tls.load_cert_chain(pem)
        self.over = threading.Event()
        self.came = 0
        scheme = "https" if pem else "http"
        self.url = f"{scheme}://localhost:{self._door.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def _serve(self) -> None:
        while not self.over.is_set():
            try:
                guest, _ = self._door.accept()
            except OSError:
                return
            self.came += 1
            self._threads.append(threading.Thread(target=self._host, args=(guest,)))
            self._threads[-1].start()

    def _host(self, guest: socket.socket) -> None:
        try:
            if self._tls:
                guest = self._tls.wrap_socket(guest, server_side=True)
            with guest:
                guest.recv(65536)
                self._speak(guest, self.over)
        except OSError:
            return  # the guest has left

    def close(self) -> None:
        self.over.set()
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for one in self._threads:
            one.join()


@contextmanager
def speaking(
    speak: Callable[[socket.socket, threading.Event], None], pem: Path | None = None
) -> Iterator[Raw]:
    server = Raw(speak, pem)
    try:
        yield server
    finally:
        server.close()


def drip(start: bytes) -> Callable[[socket.socket, threading.Event], None]:
    """After ``start`` a byte at a time, for ever: no wait for the next byte is ever long."""

    def speak(guest: socket.socket, over: threading.Event) -> None:
        guest.sendall(start)
        while not over.wait(0.02):
            guest.sendall(b"x")

    return speak


def test_fault_02_a_certificate_that_is_not_trusted_is_told_once(tmp_path):
    with speaking(drip(b""), a_certificate(tmp_path)) as server:
        one = client(server.url)
        with pytest.raises(Unavailable, match=r"the certificate of localhost:\d+ is not trusted"):
            one.account()
        assert server.came == 1
        one.close()


def test_fault_03_a_server_that_never_answers_is_left_after_its_time(lab):
    def hanging() -> None:
        lab.fault(path="contacts/search$", do="hang", times=None)
        ended = lab.run(patience=SHORT)
        assert ended.code is Exit.PARTIAL
        assert "connection broke on POST /crm/objects/2026-03/contacts/search" in ended.report.troubles[0]

    nothing_is_lost(lab, hanging)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize("encrypted", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    "start",
    [HEAD + b"Content-Length: 1000000\r\n\r\n{", HEAD + b"X-Long: ", HEAD + b"Connection: close\r\n\r\n{"],
    ids=["body", "headers", "body without end"],
)
def test_fault_03_a_server_that_drips_is_cut_off_after_the_time_of_one_answer(tmp_path, start, encrypted):
    pem = a_certificate(tmp_path) if encrypted else None
    with speaking(drip(start), pem) as server:
        one = client(server.url, patience=Patience(connect=5.0, read=5.0, answer=0.3))
        with one.sessions.lent() as session:
            session.verify = str(pem) if pem else True
        with pytest.raises(Unavailable, match=r"no whole answer within 0.3 s on GET /account-info"):
            one.account()
        one.close()


def test_fault_04_a_body_cut_short_on_a_read_is_asked_for_again(lab):
    lab.edit("contacts", {"id": next(iter(lab.leads())), "hs_lead_status": "UNQUALIFIED"})
    lab.clock.advance(30)
    for path in ("contacts/search$", "contacts/batch/read$", "tasks/search$"):
        lab.fault(path=path, do="truncate", times=1)
    ended = lab.run()
    assert ended.code is Exit.DONE
    assert ended.report.troubles == []
    assert ended.calls["POST /crm/objects/2026-03/contacts/batch/read"] == 2


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_fault_08_a_server_error_is_waited_out_and_then_deferred_to_the_next_run(lab, status):
    waits: list[float] = []

    def broken() -> None:
        lab.fault(path="contacts/search$", do="status", status=status, times=None)
        ended = lab.run(attempts=4, sleep=waits.append)
        assert ended.code is Exit.PARTIAL
        assert f"HTTP {status} on POST /crm/objects/2026-03/contacts/search" in ended.report.troubles[0]

    nothing_is_lost(lab, broken)
    assert len(waits) == 3
    assert waits == sorted(waits) or max(waits) <= 9.0


@responses.activate
def test_fault_08_the_time_for_trying_again_is_bounded_per_run():
    responses.post(UPDATE, status=503)
    waits: list[float] = []
    one = client(waits=waits, attempts=100, patience=Patience(retrying=20.0, failures=1000))
    for _ in range(5):
        with pytest.raises(Unavailable):
            one.update("contacts", [])
    assert 20.0 <= sum(waits) < 20.0 + 9.0
    assert len(responses.calls) == len(waits) + 5, "after that each call has one attempt"


@pytest.mark.parametrize("asked", [20, 45])
@responses.activate
def test_fault_09_a_retry_after_in_date_form_is_waited_out(asked):
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    dates = {
        "Date": format_datetime(now, usegmt=True),
        "Retry-After": format_datetime(now + timedelta(seconds=asked), usegmt=True),
    }
    responses.post(SEARCH, status=503, headers=dates)
    responses.post(SEARCH, json=EMPTY)
    waits: list[float] = []
    client(waits=waits).search("contacts", [], [])
    assert waits == [float(asked)]


@responses.activate
def test_fault_09_a_wait_beyond_our_patience_is_left_to_a_later_run():
    responses.post(SEARCH, status=503, headers={"Retry-After": "3600"})
    responses.post(CREATE, status=429, headers={"Retry-After": "3600"}, json={"category": "RATE_LIMITS"})
    waits: list[float] = []
    one = client(waits=waits)
    with pytest.raises(Unavailable):
        one.search("contacts", [], [])
    with pytest.raises(RateLimited):
        one.create("tasks", [])
    assert waits == []
    assert len(responses.calls) == 2


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
def test_fault_10_a_limit_is_waited_out_for_as_long_as_it_lasts(answer, wait):
    waits: list[float] = []
    responses.post(CREATE, **answer)
    responses.post(CREATE, json=EMPTY, status=201)
    client(waits=waits).create("tasks", [])
    assert waits == [wait]


def test_fault_10_a_rate_limit_never_counts_as_a_failed_row(lab):
    lab.clock.advance(3 * 3600)
    body = {"status": "error", "policyName": "TEN_SECONDLY_ROLLING"}
    for path in ("contacts/batch/update$", "tasks/batch/update$", "tasks/batch/create$"):
        lab.fault(path=path, do="status", status=429, body=body, times=1)
    ended = lab.run()
    assert ended.report.written > 0
    assert ended.report.written == ended.report.planned
    assert (ended.report.rejected, ended.report.deferred, ended.report.troubles) == (0, 0, [])


@responses.activate
def test_fault_10_a_limit_that_does_not_end_is_left_to_a_later_run():
    responses.post(CREATE, **limited(policyName="SECONDLY"))
    with pytest.raises(RateLimited):
        client().create("tasks", [])


def test_fault_10_a_long_wait_for_a_limit_ends_when_somebody_asks_to_stop(lab):
    stop = threading.Event()
    stop.set()

    def stopped() -> None:
        body = {"status": "error", "policyName": "TEN_SECONDLY_ROLLING"}
        lab.fault(path="contacts/search$", do="status", status=429, body=body, times=None)
        ended = lab.run(stop, attempts=5, sleep=patience("hubspot", stop))
        assert ended.code is Exit.PARTIAL
        assert ended.report.troubles[0].startswith("hubspot: stopped while waiting for the CRM")
        assert ended.calls["POST /crm/objects/2026-03/contacts/search"] == 1

    nothing_is_lost(lab, stopped)


@responses.activate
def test_fault_11_the_search_has_a_limit_of_its_own_and_no_call_leaves_above_it():
    assert rules().call_class("POST", "/crm/objects/2026-03/contacts/search") == "search"
    search, rest = rules().limits["search"], rules().limits["rest"]
    assert search.calls / search.seconds < 5
    assert rest.calls / rest.seconds < 19
    responses.post(SEARCH, json=EMPTY)
    waits: list[float] = []
    one = client(waits=waits)
    for _ in range(search.calls + 1):
        one.search("contacts", [], [])
    assert len(waits) == 1, "the sixth waits before it is sent"


@responses.activate
def test_fault_11_a_search_limit_told_without_policy_and_without_retry_after_costs_a_second():
    recorded = {
        "status": "error",
        "message": "You have reached your secondly limit.",
        "category": "RATE_LIMITS",
    }
    responses.post(SEARCH, json=recorded, status=429)
    responses.post(SEARCH, json=EMPTY)
    waits: list[float] = []
    client(waits=waits).search("contacts", [], [])
    assert waits == [1.0]


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, "HubSpot renews them at midnight in the account's time zone"),
        ({"Retry-After": "5400"}, r"HubSpot renews them on \d{4}-\d\d-\d\d at \d\d:\d\d UTC"),
    ],
)
def test_fault_12_the_days_calls_are_used_up_so_the_run_stops_at_once_and_says_until_when(lab, headers, says):
    body = {"message": "You have reached your daily limit.", "errorType": "RATE_LIMIT", "policyName": "DAILY"}

    def spent() -> None:
        lab.fault(path="contacts/search$", do="status", status=429, body=body, headers=headers, times=None)
        ended = lab.run()
        assert isinstance(ended.error, BudgetSpent)
        assert ended.code is Exit.STOPPED
        with pytest.raises(BudgetSpent, match=says):
            raise ended.error
        assert ended.calls["POST /crm/objects/2026-03/contacts/search"] == 1

    nothing_is_lost(lab, spent)


def test_fault_15_a_crm_that_only_fails_gets_few_calls_and_the_rest_waits_for_the_next_run(lab):
    lab.fault(path="/crm/|/email/", do="status", status=503, times=None)
    crm = lab.opened(attempts=5)
    for _ in range(50):
        with pytest.raises(Unavailable):
            crm.read_leads(["1"])
    with pytest.raises(Unavailable, match=r"3 calls to 127.0.0.1:\d+ failed one after the other"):
        crm.read_leads(["1"])
    assert crm.calls().total == 3 * 5, "three calls with all their attempts, and not one more"
    crm.close()


def test_fault_15_one_call_that_succeeds_closes_the_breaker_again(lab):
    crm = lab.opened(attempts=1)
    for _ in range(4):
        lab.fault(path="batch/read", do="status", status=503, times=2)
        for _ in range(2):
            with pytest.raises(Unavailable):
                crm.read_leads(["1"])
        assert crm.read_leads(["1"]) == []
    crm.close()


def test_fault_15_creates_that_fail_one_after_the_other_end_as_deferrals_not_as_more_errors(lab):
    lab.fault(path="tasks/batch/create$", do="status", status=500, times=None)
    one = lab.opened()._client
    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            one.create("tasks", [])
    with pytest.raises(Unavailable):
        one.create("tasks", [])
    one.close()


@responses.activate
def test_fault_16_a_read_is_sent_on_once_within_the_same_host():
    responses.get(f"{BASE}{ACCOUNT}", status=302, headers={"Location": "/account-info/v4/details"})
    responses.get(f"{BASE}/account-info/v4/details", json={"portalId": 1})
    assert client().account() == {"portalId": 1}


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("https://login.proxy.test/?next=x", "HTTP 302, which sends calls on to login.proxy.test"),
        (ACCOUNT, "HTTP 302, which sends calls on to hub.test"),
    ],
    ids=["to another host", "in a circle"],
)
@responses.activate
def test_fault_16_a_read_is_never_sent_to_another_host_nor_in_circles(place, says):
    responses.get(f"{BASE}{ACCOUNT}", status=302, headers={"Location": place})
    with pytest.raises(Misconfigured, match=says) as refused:
        client().account()
    assert "connections.hub.base_url" in str(refused.value)
    assert all(call.request.url.startswith(BASE) for call in responses.calls)


@responses.activate
def test_fault_16_a_write_is_never_sent_on():
    responses.post(CREATE, status=307, headers={"Location": "/elsewhere"})
    with pytest.raises(Misconfigured, match="HTTP 307"):
        client().create("tasks", [])
    assert len(responses.calls) == 1


PAGE = b'{"portalId": 7, "name": "M\xc3\xbcller"}'


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PAGE, {"Content-Encoding": "gzip"}),
        (gzip.compress(PAGE), {}),
        (gzip.compress(PAGE), {"Content-Encoding": "gzip"}),
        (PAGE, {"Content-Type": "application/json; charset=iso-8859-1"}),
        (b"\xef\xbb\xbf" + PAGE, {}),
    ],
    ids=["gzip said, plain sent", "gzip sent, not said", "gzip", "another charset said", "byte order mark"],
)
@responses.activate
def test_fault_18_a_body_is_read_by_what_it_is_whatever_its_headers_say(body, headers):
    responses.get(f"{BASE}{ACCOUNT}", body=body, headers=headers)
    assert client().account() == {"portalId": 7, "name": "Müller"}


@responses.activate
def test_fault_18_bytes_that_are_no_utf8_spoil_one_value_and_no_more():
    responses.get(f"{BASE}{ACCOUNT}", body=PAGE.replace(b"\xc3\xbc", b"\xfc"))
    assert client().account() == {"portalId": 7, "name": "M\ufffdller"}


@responses.activate
def test_fault_18_half_a_gzip_is_asked_for_again():
    responses.get(f"{BASE}{ACCOUNT}", json={"portalId": 7})
    responses.get(f"{BASE}{ACCOUNT}", body=gzip.compress(PAGE)[:-9], headers={"Content-Encoding": "gzip"})
    responses.get(f"{BASE}{ACCOUNT}", body=gzip.compress(PAGE), headers={"Content-Encoding": "gzip"})
    one = client()
    assert [one.account()["portalId"] for _ in range(2)] == [7, 7]
    assert len(responses.calls) == 3


def test_no_request_leaves_without_a_time_limit_or_with_a_hidden_retry(lab, monkeypatch):
    seen = set()
    send = requests.Session.send

    def noted(self: requests.Session, request: requests.PreparedRequest, **options: object) -> object:
        seen.add((options["timeout"], options["allow_redirects"]))
        assert self.get_adapter(request.url).max_retries.total == 0
        return send(self, request, **options)

    lab.clock.advance(3 * 3600)
    with monkeypatch.context() as patched:
        patched.setattr(requests.Session, "send", noted)
        crm = lab.opened()
        crm.check()
        list(crm.pull("", lab.clock.now()))
        crm.close()
    assert seen == {((Patience().connect, Patience().read), False)}


def test_check_warns_of_addresses_that_hubspot_says_will_end(lab):
    ends = {"Sunset": "Thu, 30 Sep 2027 00:00:00 GMT"}
    body = {"results": []}
    lab.fault(method="GET", path="objects/2026-03/contacts", do="status", status=200, body=body, headers=ends)
    crm = lab.opened()
    (warning,) = [one for one in crm.check() if one.where == "api_version"]
    crm.close()
    assert warning.is_warning
    assert warning.what == "HubSpot ends /crm/objects/2026-03 on 2027-09-30"
