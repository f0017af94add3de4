"""The fault catalogue, rows 19-27 for HubSpot: sign-in and rights, what a user sees, and that nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import keyring
import pytest
import responses
from pydantic import SecretStr
from requests import PreparedRequest

from connectors.base import ReceiptStatus, SetFields
from connectors.connection import Connection
from connectors.errors import Misconfigured, Unauthorised
from connectors.hubspot.client import Client
from connectors.hubspot.crm import HubSpotCrm
from connectors.mapping import ConnectionMapping
from connectors.session import CrmSession
from leadsla.cli import commands
from leadsla.cli.exits import Exit, end_of
from leadsla.secret_keeping import NamedSecrets
from sync.store.facts import Facts
from tests.faults.hubspot_lab import Lab, Saved, opened_lab

BASE = "https://hub.test"
TOKEN = f"{BASE}/oauth/2026-03/token"
SEARCH = f"{BASE}/crm/objects/2026-03/contacts/search"
UPDATE = f"{BASE}/crm/objects/2026-03/contacts/batch/update"
ACCOUNT = "/account-info/v3/details"
EMPTY = {"results": [], "total": 0}
EXPIRED = {"category": "EXPIRED_AUTHENTICATION", "message": "The OAuth token used to make this call expired."}
DENIED = {
    "status": "error",
    "category": "MISSING_SCOPES",
    "message": "This app hasn't been granted all required scopes to make this call.",
    "errors": [{"context": {"requiredGranularScopes": ["crm.objects.calls.read"]}}],
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Saved]]:
    with opened_lab(tmp_path_factory.mktemp("sign-in")) as lab:
        fresh = lab.save("fresh")
        yield lab, fresh


@pytest.fixture
def lab(shared) -> Lab:
    """Provisioned, nothing synced."""
    one, saved = shared
    one.restore(saved)
    return one


@pytest.fixture
def typed(monkeypatch, capsys):
    """Type a command: (exit code, everything it said)."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["leadsla", *arguments])
        with pytest.raises(SystemExit) as end:
            commands.run()
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out + said.err

    return run


def oauth(url: str, keeper: NamedSecrets | None = None, **parts: object) -> Client:
    mapping = ConnectionMapping.model_validate({"lead": {}, "stages": {}})
    given = {name: SecretStr(name) for name in ("client_id", "client_secret", "refresh_token")}
    connection = Connection("hub", url, "oauth", given, mapping, keeper=keeper, sleep=lambda _: None, **parts)
    return Client(connection)


def kept_in(path: Path, first: str = "r0") -> NamedSecrets:
    path.write_text(first)
    path.chmod(0o600)
    return NamedSecrets("hub", BASE, {"refresh_token": f"file:{path}"})


def granted(access: str, refresh: str = "", lasts: int = 1800) -> dict[str, object]:
    renewed = {"refresh_token": refresh} if refresh else {}
    return {"access_token": access, "expires_in": lasts, "token_type": "bearer", **renewed}


def sent_tokens() -> list[str | None]:
    return [call.request.headers.get("Authorization") for call in responses.calls]


def test_fault_19_a_token_that_expires_in_mid_run_is_refreshed_and_the_run_goes_on(lab):
    lab.fault(path="contacts/search$", do="status", status=401, body=EXPIRED, times=1)
    whole = lab.run()
    assert whole.code is Exit.DONE
    assert whole.report.written > 0
    assert whole.report.troubles == []


@responses.activate
def test_fault_19_the_call_is_repeated_with_the_same_headers_and_body():
    responses.post(TOKEN, json=granted("old"))
    responses.post(TOKEN, json=granted("new"))
    responses.post(UPDATE, json=EXPIRED, status=401)
    responses.post(UPDATE, json=EMPTY)
    oauth(BASE).update("contacts", [{"id": "1", "properties": {}}])
    first, second = (call.request for call in responses.calls if call.request.url == UPDATE)
    assert (first.headers.pop("Authorization"), second.headers.pop("Authorization")) == (
        "Bearer old",
        "Bearer new",
    )
    assert (first.headers, first.body) == (second.headers, second.body)


def test_fault_19_one_refresh_serves_all_threads():
    with portal(lasts=3600) as door:
        client = oauth(door.url)
        client.account()
        door.access.clear()  # every token given out so far is refused from now on
        start = threading.Barrier(6)
        statuses: list[int] = []

        def one_thread() -> None:
            session = CrmSession(client.line)
            start.wait()
            statuses.append(session.request("GET", ACCOUNT).status_code)
            session.close()

        threads = [threading.Thread(target=one_thread) for _ in range(6)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        client.close()
    assert statuses == [200] * 6
    assert door.refreshes == 2, "the first sign-in, and one for all"


@responses.activate
def test_fault_19_a_token_is_renewed_before_it_runs_out(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("connectors.line.time.monotonic", lambda: now[0])
    responses.post(TOKEN, json=granted("first"))
    responses.post(TOKEN, json=granted("second"))
    responses.get(f"{BASE}{ACCOUNT}", json={"portalId": 1})
    client = oauth(BASE)
    for seconds in (0.0, 1730.0, 20.0, 60.0):
        now[0] += seconds
        client.account()
    calls = [one for one in sent_tokens() if one]
    assert calls == ["Bearer first", "Bearer first", "Bearer second", "Bearer second"]


@responses.activate
def test_fault_20_a_crm_that_refuses_every_token_gets_one_refresh_per_call_and_the_run_ends():
    responses.post(TOKEN, json=granted("any"))
    responses.post(SEARCH, json=EXPIRED, status=401)
    with pytest.raises(Unauthorised) as refused:
        oauth(BASE).search("contacts", [], [])
    assert len(responses.calls) == 4, "sign-in, call, one refresh, call; no loop"
    assert end_of(refused.value).code is Exit.AUTHENTICATION


def test_fault_20_with_a_refused_static_token_the_command_ends_with_3_and_one_line(lab, typed):
    lab.fault(path=".", do="status", status=401, body={"category": "INVALID_AUTHENTICATION"}, times=None)
    before = sum(lab.calls().values())
    code, said = typed("sync", "--config", str(lab.config))
    assert code == 3
    assert "hubspot: the CRM refuses the credentials (HTTP 401)" in said
    assert "What to do: check these credentials" in said
    assert sum(lab.calls().values()) - before == 2, "as it is, and once more"


@responses.activate
def test_fault_21_a_revoked_refresh_token_says_reconnect_without_asking_again(tmp_path):
    responses.post(
        TOKEN, json={"error": "invalid_grant", "error_description": "of ann@example.com"}, status=400
    )
    with pytest.raises(Unauthorised, match="reconnect") as refused:
        oauth(BASE, kept_in(tmp_path / "token")).account()
    end = end_of(refused.value)
    assert end.code is Exit.AUTHENTICATION
    assert end.message == str(refused.value), "it says itself what to do"
    assert "\n" not in end.message
    assert "ann@" not in end.message
    assert len(responses.calls) == 1


def test_fault_21_the_command_line_says_so_with_3(lab, typed, tmp_path):
    secret = tmp_path / "refresh"
    kept_in(secret, "revoked")
    text = lab.config.read_text()
    config = tmp_path / "config.toml"
    signed = f'{{ kind = "oauth", client_id = "practice", client_secret = "practice", refresh_token = "file:{secret}" }}'
    config.write_text(text.replace('{ kind = "token", token = "practice" }', signed))
    for command in ("sync", "check"):
        code, said = typed(
            command, "--config", str(config), *(["--connection", "hubspot"] * (command == "sync"))
        )
        assert code == 3
        assert "HubSpot no longer takes the refresh token (BAD_REFRESH_TOKEN)" in said
    assert "revoked" not in said


@responses.activate
def test_fault_21_a_wrong_app_is_told_apart_from_a_revoked_token():
    responses.post(TOKEN, json={"category": "BAD_CLIENT_ID"}, status=400)
    with pytest.raises(Unauthorised, match=r"correct auth.client_id and auth.client_secret"):
        oauth(BASE).account()


@responses.activate
def test_fault_21_a_rotated_token_is_stored_before_the_new_access_token_is_used(tmp_path):
    path = tmp_path / "token"
    keeper = kept_in(path)
    stored_when_used: list[str] = []

    def used(_request: object) -> tuple[int, Mapping[str, str], str]:
        stored_when_used.append(path.read_text().strip())
        return 200, {}, '{"portalId": 1}'

    responses.post(TOKEN, json=granted("a1", "r1"))
    responses.add_callback(responses.GET, f"{BASE}{ACCOUNT}", used, content_type="application/json")
    oauth(BASE, keeper).account()
    assert stored_when_used == ["r1"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert keeper.read("refresh_token").get_secret_value() == "r1"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["token", "token.lock"], "no draft is left"


@responses.activate
def test_fault_21_a_place_that_cannot_be_rewritten_is_told_before_hubspot_is_asked(monkeypatch):
    monkeypatch.setenv("REFRESH", "r0")
    responses.post(TOKEN, json=granted("a1", "r1"))
    keeper = NamedSecrets("hub", BASE, {"refresh_token": "env:REFRESH"})
    with pytest.raises(Misconfigured, match=r"auth.refresh_token: .*environment variable.*file:PATH"):
        oauth(BASE, keeper).account()
    assert len(responses.calls) == 0, "a rotated token would be lost, and the old one with it"


@pytest.mark.slow
def test_fault_22_of_two_processes_that_refresh_one_rotating_token_neither_is_locked_out(tmp_path):
    secret = tmp_path / "token"
    with portal(rotating="r0") as door:
        kept_in(secret)
        door.slowness = 0.05  # long enough for the other to send the token that is used up by then
        run = [sys.executable, __file__, door.url, str(secret), "6"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        pipes["env"] = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        both = [subprocess.Popen(run, **pipes) for _ in range(2)]
        assert [one.stdout.readline() for one in both] == ["ready\n"] * 2
        for one in both:
            one.stdin.write("go\n")
            one.stdin.flush()
        ends = [one.communicate(timeout=60)[1] for one in both]
    assert [one.returncode for one in both] == [0, 0], ends
    assert door.refreshes == 12
    assert door.refused == 0
    assert secret.read_text().strip() == door.rotating


def test_fault_22_whoever_comes_second_to_a_keyring_reads_again_what_the_first_has_stored(monkeypatch):
    ring = {"crm/leadsla": "r0"}
    monkeypatch.setattr(keyring, "get_password", lambda service, user: ring[f"{service}/{user}"])
    monkeypatch.setattr(keyring, "set_password", lambda *place: ring.update({"/".join(place[:2]): place[2]}))
    with portal(rotating="r7") as door:  # the other process has rotated it, and is about to store it

        def stored_by_the_other() -> None:
            ring["crm/leadsla"] = "r7"

        door.on_refusal = stored_by_the_other
        client = oauth(door.url, NamedSecrets("hub", door.url, {"refresh_token": "keyring:crm/leadsla"}))
        client.account()
        client.close()
    assert (door.refused, door.refreshes) == (1, 1)
    assert ring["crm/leadsla"] == door.rotating


def test_fault_23_a_missing_scope_is_named_that_source_is_off_and_the_run_is_partial(lab):
    lab.fault(method="GET", path="objects/2026-03/calls", do="status", status=403, body=DENIED, times=None)
    lab.fault(method="POST", path="calls/search", do="status", status=403, body=DENIED, times=None)
    ended = lab.run()
    assert ended.code is Exit.PARTIAL
    (trouble,) = ended.report.troubles
    assert trouble.startswith("activities.calls: HubSpot denies list calls: MISSING_SCOPES")
    assert "the scope crm.objects.calls.read" in trouble
    assert ended.report.written > 0, "the rest runs"


def test_fault_23_a_source_that_was_off_is_read_from_where_it_was_left_once_the_scope_is_there(lab):
    lab.fault(path="calls", method="GET", do="status", status=403, body=DENIED, times=None)
    lab.fault(path="calls/search", do="status", status=403, body=DENIED, times=None)
    for _ in range(3):
        lab.run()
        lab.clock.advance(3600)
    assert not activities_of(lab, "calls:")
    lab.mend()
    assert lab.run().report.troubles == []
    assert len(activities_of(lab, "calls:")) == len(lab.face.records("calls")) > 0


def activities_of(lab: Lab, source: str) -> set[str]:
    with lab.store.begin() as db:
        known = Facts("hubspot").known(db, sorted(lab.leads()))
        return {one.id for lead in known for one in lead.history.activities if one.id.startswith(source)}


def test_fault_23_check_warns_of_a_source_without_its_scope_and_names_it(lab):
    body = {**DENIED, "errors": [{"context": {"requiredGranularScopes": ["content"]}}]}
    lab.fault(path="/email/public/v1/events", do="status", status=403, body=body, times=None)
    crm = lab.opened()
    (warning,) = [one for one in crm.check() if "marketing_email" in one.where]
    crm.close()
    assert warning.is_warning
    assert "the scope content" in warning.what


@responses.activate
def test_fault_23_a_right_lost_between_two_batches_loses_no_receipt():
    def only_the_first_batch(request: PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        rows = json.loads(request.body)["inputs"]
        if len(rows) < 100:
            return 403, {}, json.dumps(DENIED)
        return 200, {}, json.dumps({"results": [{"id": row["id"]} for row in rows]})

    responses.add_callback(responses.POST, UPDATE, only_the_first_batch, content_type="application/json")
    mapping = ConnectionMapping.model_validate({"lead": {}, "stages": {}})
    token = {"token": SecretStr("t0")}
    crm = HubSpotCrm(Connection("hub", BASE, "token", token, mapping, sleep=lambda _: None))
    receipts = crm.apply([SetFields(str(n), {"status": "met"}, "") for n in range(1, 102)])
    assert receipts[0].status is ReceiptStatus.WRITTEN
    assert receipts[100].status is ReceiptStatus.DEFERRED
    with pytest.raises(Unauthorised, match=r"crm\.objects\.calls\.read"):
        crm.apply([SetFields("1", {"status": "met"}, "")])


def test_fault_25_a_deactivated_user_or_app_ends_the_run_with_3_and_one_line(lab):
    body = {
        "status": "error",
        "message": "The user ann@example.com is deactivated",
        "category": "USER_DEACTIVATED",
    }
    lab.run()
    lab.clock.advance(60)
    lab.fault(path="/crm/", do="status", status=401, body=body, times=None)
    ended = lab.run()
    assert ended.code is Exit.AUTHENTICATION
    assert "\n" not in end_of(ended.error).message
    assert "ann@" not in end_of(ended.error).message
    lab.mend()
    lab.clock.advance(60)
    assert lab.run().code is Exit.DONE


def test_fault_26_a_token_of_another_portal_is_refused_before_anything_is_looked_up_or_written(lab):
    lab.fault(path="tasks/batch/create$", do="cut_after", times=1)
    assert lab.run().report.deferred > 0, "tasks of which nobody knows yet"
    tasks = lab.tasks()
    lab.clock.advance(3600)
    other = {"portalId": 4242, "timeZone": "Europe/Berlin"}
    lab.fault(path=ACCOUNT, do="status", status=200, body=other, times=None)
    ended = lab.run()
    assert isinstance(ended.error, Misconfigured)
    assert ended.code is Exit.CONFIGURATION
    assert "the credentials belong to another account than last time" in str(ended.error)
    assert not [one for one in ended.calls if "associations" in one or "batch" in one]
    lab.mend()
    lab.run()
    assert {one["leadsla_key"] for one in lab.tasks()} >= {one["leadsla_key"] for one in tasks}
    lab.state()


def test_fault_27_a_session_ended_by_another_apps_logout_is_renewed_once(lab):
    lab.run()
    lab.clock.advance(60)
    body = {"status": "error", "category": "INVALID_AUTHENTICATION"}
    lab.fault(path="contacts/search$", do="status", status=401, body=body, times=1)
    ended = lab.run()
    assert ended.code is Exit.DONE
    assert ended.calls["POST /crm/objects/2026-03/contacts/search"] == 2


class Portal(ThreadingHTTPServer):
    """HubSpot's token door and its account, with a refresh token that is another after each use."""

    daemon_threads = True

    def __init__(self, rotating: str, lasts: int) -> None:
        super().__init__(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.guard = threading.Lock()
        self.rotating, self.lasts = rotating, lasts
        self.access: set[str] = set()
        self.refreshes = self.refused = 0
        self.slowness = 0.0
        self.on_refusal = lambda: None

    def grant(self, refresh_token: str) -> tuple[int, dict[str, object]]:
        with self.guard:
            if self.rotating and refresh_token != self.rotating:
                self.refused += 1
                self.on_refusal()
                return 400, {"error": "invalid_grant"}
            self.refreshes += 1
            access = f"a{self.refreshes}"
            self.access.add(access)
            if self.rotating:
                self.rotating = f"next-{self.refreshes}"
            return 200, granted(access, self.rotating, self.lasts)


class Door(BaseHTTPRequestHandler):
    server: Portal
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        time.sleep(self.server.slowness)
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._say(*self.server.grant(form["refresh_token"][0]))

    def do_GET(self) -> None:
        is_known = self.headers["Authorization"].removeprefix("Bearer ") in self.server.access
        self._say(*((200, {"portalId": 1}) if is_known else (401, EXPIRED)))

    def _say(self, status: int, body: Mapping[str, object]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Nobody reads it."""


@contextmanager
def portal(rotating: str = "", lasts: int = 1800) -> Iterator[Portal]:
    server = Portal(rotating, lasts)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def refresh_again_and_again(url: str, path: str, times: int) -> None:
    """What one of the two processes of row 22 does."""
    for _ in range(times):
        one = oauth(url, NamedSecrets("hub", url, {"refresh_token": f"file:{path}"}))
        one.account()
        one.close()


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    refresh_again_and_again(sys.argv[1], sys.argv[2], int(sys.argv[3]))
