"""``leadsla serve`` and ``leadsla provision --remove`` as an admin meets them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from leadsla.settings import load
from localcrm.clock import Clock
from localcrm.hubspot import HubSpotFace
from localcrm.server import running
from localcrm.story import tell
from sync.store import Store
from sync.store.facts import Facts
from sync.store.hints import Hints

pytestmark = pytest.mark.slow  # each starts processes of its own
NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
SHIPPED = Path(__file__).parents[2] / "config.toml"
URL = "https://leadsla.example.com/hints/hubspot"
WEBHOOK = f'[connections.hubspot.webhook]\nsecret = "env:APP_SECRET"\nurl = "{URL}"\n'
ENVIRONMENT = os.environ | {"APP_SECRET": "the-client-secret"}


@pytest.fixture(scope="module")
def portal():
    clock = Clock(NOW, frozen=True)
    face = HubSpotFace(clock, limits=False)
    with running(tell(7, 20, NOW), clock=clock, told={"hubspot": face}) as practice:
        yield practice.urls["hubspot"]


@pytest.fixture
def config(portal, tmp_path):
    return write_config(tmp_path, portal)


def write_config(folder: Path, url: str, more: str = "", drop: str = "salesforce") -> Path:
    """The shipped file at ``url`` without the connection ``drop``, and with these tables at its end."""
    text = SHIPPED.read_text(encoding="utf-8")
    if drop:
        text = re.sub(r"# -+ Salesforce\n.*?(?=# -+ HubSpot\n)", "", text, flags=re.DOTALL)
    text = text.replace("http://127.0.0.1:8702", url).replace("leadsla.db", str(folder / "state.db"))
    path = folder / "config.toml"
    path.write_text(f"{text}\n{more}", encoding="utf-8")
    return path


def leadsla(*arguments: str, config: Path, env=ENVIRONMENT, **options):
    command = [sys.executable, "-m", "leadsla", *arguments, "--config", str(config)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=env, **options
    )


@contextmanager
def serving(config: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running ``leadsla serve`` and the line with which it says that it listens."""
    command = [sys.executable, "-m", "leadsla", "serve", "--port", "0", *arguments, "--config", str(config)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def signed(body: bytes) -> dict[str, str]:
    stamp = str(int(time.time() * 1000))
    text = b"POST" + URL.encode() + body + stamp.encode()
    digest = hmac.new(b"the-client-secret", text, hashlib.sha256).digest()
    return {
        "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
        "X-HubSpot-Request-Timestamp": stamp,
    }


def test_after_a_sync_a_signed_event_becomes_a_hint_and_sigterm_ends_the_door_in_order(portal, tmp_path):
    config = write_config(tmp_path, portal, WEBHOOK)
    assert leadsla("provision", config=config).returncode == 0
    assert leadsla("sync", config=config).returncode == 0
    lead = requests.get(f"{portal}/_localcrm/records/contacts", timeout=10).json()[0]["id"]
    store = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    with store.begin() as db:
        account = int(Facts("hubspot").bookmark(db).account)
    told = {"portalId": account, "subscriptionType": "contact.propertyChange", "objectId": int(lead)}
    body = json.dumps([told | {"propertyValue": "jane@example.com"}]).encode()
    with serving(config) as (process, line):
        address = re.search(r"http://127\.0\.0\.1:\d+/hints/hubspot", line)
        assert address is not None, line
        assert requests.post(address[0], data=body, headers=signed(body), timeout=10).status_code == 204
        assert requests.post(address[0], data=body, headers={}, timeout=10).status_code == 401
        with store.begin() as db:
            assert list(Hints("hubspot").take(db)) == [lead]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    store.close()
    assert process.returncode == 0
    assert "1 x records named, 1 x there is no time of sending" in out
    assert "jane" not in out + err
    assert "Traceback" not in err


def test_serve_says_what_is_missing(portal, tmp_path):
    done = leadsla("serve", config=write_config(tmp_path, portal))
    assert (done.returncode, "[connections.NAME.webhook]" in done.stderr) == (2, True)
    config = write_config(tmp_path, portal, WEBHOOK)
    bare = {name: value for name, value in ENVIRONMENT.items() if name != "APP_SECRET"}
    done = leadsla("serve", config=config, env=bare)
    assert (done.returncode, "APP_SECRET is not set" in done.stderr) == (3, True)
    done = leadsla("serve", "--host", "0.0.0.0", config=config)
    assert (done.returncode, "--public" in done.stderr) == (2, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = leadsla("serve", "--port", str(taken.getsockname()[1]), config=config)
    assert (done.returncode, "cannot be listened on" in done.stderr) == (2, True)


def test_an_open_address_is_listened_on_where_it_is_meant(portal, tmp_path):
    with serving(write_config(tmp_path, portal, WEBHOOK), "--host", "0.0.0.0", "--public") as (_, line):
        assert "http://0.0.0.0:" in line


def test_what_is_wrong_with_a_webhook_is_told_by_check(tmp_path):
    def told(text: str, drop: str = "salesforce") -> str:
        problems = load(write_config(tmp_path, "http://127.0.0.1:8702", text, drop)).problems
        return "; ".join(f"{one.where} {one.what}" for one in problems)

    assert told(WEBHOOK) == ""
    assert "would be called unencrypted" in told(WEBHOOK.replace("https", "http"))
    assert "is not the whole address" in told(WEBHOOK.replace("/hints/hubspot", ""))
    assert "v2" not in told(WEBHOOK + 'signature = "v1"')
    assert 'must be "v3" or "v1"' in told(WEBHOOK + 'signature = "v2"')
    salesforce = WEBHOOK.replace("connections.hubspot", "connections.salesforce")
    assert "connections.salesforce.webhook is HubSpot's" in told(salesforce, drop="")


def ours(portal: str) -> list[str]:
    headers = {"Authorization": "Bearer localcrm"}
    found = []
    for kind in ("contacts", "tasks", "notes"):
        answer = requests.get(f"{portal}/crm/v3/properties/{kind}", headers=headers, timeout=10)
        found += [one["name"] for one in answer.json()["results"] if one["name"].startswith("leadsla")]
    return found


def test_removing_shows_first_and_does_nothing_without_a_yes(portal, config):
    assert leadsla("provision", config=config).returncode == 0
    before = ours(portal)
    done = leadsla("provision", "--remove", config=config, stdin=subprocess.DEVNULL)
    assert (done.returncode, "--yes" in done.stderr, ours(portal)) == (2, True, before)
    done = leadsla("provision", "--remove", "--dry-run", config=config)
    assert (done.returncode, ours(portal)) == (0, before)
    assert "hubspot: would remove property contacts.leadsla_status" in done.stdout
    assert f"hubspot: {len(before) + 3} would be removed" in done.stdout
    code, shown = at_a_terminal("n\n", config)
    assert (code, ours(portal)) == (1, before)
    assert "would remove property contacts.leadsla_status" in shown
    assert 'mode is "live"' in shown
    code, _ = at_a_terminal("y\n", config)
    assert (code, ours(portal)) == (0, [])


def test_removing_with_a_yes_and_json_is_for_programs_and_can_be_undone_by_provision(portal, config):
    assert leadsla("provision", config=config).returncode == 0
    done = leadsla("provision", "--remove", "--yes", "--json", config=config)
    steps = json.loads(done.stdout)["hubspot"]
    assert done.returncode == 0
    assert all(step["exists"] and step["removed"] for step in steps)
    assert ours(portal) == []
    again = leadsla("provision", "--remove", "--yes", config=config)
    assert (again.returncode, "hubspot: 0 removed" in again.stdout) == (0, True)
    assert leadsla("provision", config=config).returncode == 0
    assert ours(portal)


def test_provisioning_has_its_own_credentials_that_a_sync_does_not_need(portal, tmp_path):
    more = '[connections.hubspot.provision_auth]\nkind = "token"\ntoken = "env:ADMIN_TOKEN"\n'
    config = write_config(tmp_path, portal, more)
    done = leadsla("provision", config=config)
    assert (done.returncode, "ADMIN_TOKEN is not set" in done.stderr) == (3, True)
    assert leadsla("provision", config=config, env=ENVIRONMENT | {"ADMIN_TOKEN": "wrong"}).returncode == 3
    assert leadsla("provision", config=config, env=ENVIRONMENT | {"ADMIN_TOKEN": "localcrm"}).returncode == 0
    assert leadsla("sync", config=config).returncode == 0


def at_a_terminal(typed: str, config: Path) -> tuple[int, str]:
    """(exit code, what was shown) of ``provision --remove`` when somebody types this."""
    ours_end, theirs = pty.openpty()
    command = [sys.executable, "-m", "leadsla", "provision", "--remove", "--config", str(config)]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    os.write(ours_end, typed.encode())
    shown, _ = process.communicate(timeout=60)
    os.close(ours_end)
    os.close(theirs)
    return process.returncode, shown
