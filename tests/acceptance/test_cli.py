"""The command line as a user meets it: exit codes, words, JSON, and nothing personal in logs or errors."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leadsla.settings import load
from localcrm.clock import Clock
from localcrm.salesforce import SalesforceFace
from localcrm.server import running
from localcrm.story import tell
from sync.lease import held
from sync.store import Store

pytestmark = pytest.mark.slow  # each starts processes of its own
NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
SHIPPED = Path(__file__).parents[2] / "config.toml"


@pytest.fixture(scope="module")
def crm():
    clock = Clock(NOW, frozen=True)
    company = tell(7, 60, NOW)
    with running(company, clock=clock, told={"salesforce": SalesforceFace(clock, limits=False)}) as practice:
        yield practice.urls["salesforce"], company


@pytest.fixture
def config(crm, tmp_path):
    return write_config(tmp_path, crm[0])


@pytest.fixture
def provisioned(config):
    """The same, with our fields in the CRM."""
    assert leadsla("provision", config=config).returncode == 0
    return config


def write_config(folder, url, *swaps):
    """The shipped file with its Salesforce connection only, at ``url``."""
    text = SHIPPED.read_text(encoding="utf-8")
    start, end = (
        text.index("# ---", text.index("[connections.salesforce.writes]")),
        text.index("# ---", text.index("[connections.hubspot.writes]")),
    )
    text = text[:start] + text[end:]
    for old, new in (("http://127.0.0.1:8701", url), ("leadsla.db", f"{folder / 'state.db'}"), *swaps):
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def leadsla(*arguments, config=None, env=None):
    command = [sys.executable, "-m", "leadsla", *arguments, *(["--config", str(config)] if config else [])]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=env)


def test_every_command_has_help():
    listed = leadsla("--help").stdout
    places = []
    for name in (
        "init",
        "check",
        "provision",
        "plan",
        "sync",
        "schedule",
        "serve",
        "explain",
        "report",
        "outbox",
        "localcrm",
    ):
        places.append(listed.index(f" {name} "))
        done = leadsla(name, "--help")
        assert done.returncode == 0, done.stderr
        assert len(done.stdout) > 100
    assert places == sorted(places), "in the order of the README"


@pytest.mark.parametrize(
    ("name", "table"),
    [("provision", "[connections.NAME.provision_auth]"), ("serve", "[connections.CONNECTION.webhook]")],
)
def test_help_names_tables_of_the_configuration_in_their_brackets(name, table):
    assert table in leadsla(name, "--help").stdout


@pytest.mark.parametrize("crm_name", ["practice", "salesforce", "hubspot"])
def test_init_writes_a_file_without_problems_and_never_over_another(tmp_path, crm_name):
    path = tmp_path / "mine.toml"
    assert leadsla("init", "--crm", crm_name, config=path).returncode == 0
    settings = load(path)
    assert settings.problems == ()
    modes = {connection.rollout.mode for connection in settings.connections.values()}
    assert modes == {"live" if crm_name == "practice" else "shadow"}
    again = leadsla("init", config=path)
    assert again.returncode == 2
    assert "exists" in again.stderr


def test_the_shipped_configuration_is_what_init_writes(tmp_path):
    path = tmp_path / "mine.toml"
    leadsla("init", config=path)
    assert path.read_text(encoding="utf-8") == SHIPPED.read_text(encoding="utf-8")


def test_from_nothing_to_a_synced_crm(config, crm):
    assert leadsla("provision", config=config).returncode == 0
    again = leadsla("provision", "--json", config=config)
    assert all(step["exists"] for step in json.loads(again.stdout)["salesforce"])
    assert leadsla("check", config=config).returncode == 0
    planned = leadsla("plan", config=config)
    assert planned.returncode == 0
    assert ", because " in planned.stdout
    first = leadsla("sync", "--json", config=config)
    assert first.returncode in {0, 4}
    report = json.loads(first.stdout)["salesforce"]
    assert report["written"] > 20
    assert (
        report["planned"] == report["written"] + report["unchanged"] + report["rejected"] + report["deferred"]
    )
    second = leadsla("sync", config=config)
    assert " 0 written" in second.stdout
    away = config.with_name("away.toml")  # the same state; no CRM and no secret any more
    text = config.read_text(encoding="utf-8").replace(crm[0], "http://127.0.0.1:9")
    away.write_text(text.replace('"practice"', '"env:NOT_SET_ANYWHERE"'), encoding="utf-8")
    shown = leadsla("report", "--json", config=away)
    assert shown.returncode == 0, shown.stderr
    rows = json.loads(shown.stdout)["salesforce"]
    names = {f"{rep.first_name} {rep.last_name}" for rep in crm[1].reps}
    assert {row["owner"] for row in rows} & names, "owners by name, as of the last sync"
    assert leadsla("outbox", config=away).returncode == 0
    explained = leadsla("explain", rows[0]["lead"], config=config)
    assert explained.returncode == 0
    assert "clocks:" in explained.stdout
    assert_nothing_personal(crm[1], planned.stdout, planned.stderr, first.stdout, first.stderr, second.stdout)


def test_an_approved_plan_is_written_exactly_and_a_broken_one_is_refused(tmp_path):
    with running(
        tell(7, 40, NOW),
        clock=Clock(NOW, frozen=True),
        told={"salesforce": SalesforceFace(Clock(NOW, frozen=True), limits=False)},
    ) as practice:
        url = practice.urls["salesforce"]
        config = write_config(tmp_path, url)
        assert leadsla("provision", config=config).returncode == 0
        path = tmp_path / "plan.json"
        planned = leadsla("plan", "--out", str(path), config=config)
        assert planned.returncode == 0
        assert path.stat().st_mode & 0o077 == 0
        written = leadsla("sync", "--approve", str(path), "--json", config=config)
        assert written.returncode in {0, 4}, written.stderr
        report = json.loads(written.stdout)["salesforce"]
        assert report["planned"] == len(json.loads(path.read_text())["plans"][0]["changes"]) > 20
        path.write_text("{", encoding="utf-8")
        refused = leadsla("sync", "--approve", str(path), config=config)
        assert refused.returncode == 2
        assert "plan.json" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_schedule_syncs_until_told_to_stop_and_leaves_cleanly(tmp_path):
    face = SalesforceFace(Clock(NOW), limits=False)
    with running(tell(7, 40, NOW), clock=Clock(NOW), told={"salesforce": face}) as practice:
        config = write_config(tmp_path, practice.urls["salesforce"], ('every = "60s"', 'every = "1s"'))
        assert leadsla("provision", config=config).returncode == 0
        command = [sys.executable, "-m", "leadsla", "schedule", "--config", str(config)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            told = [process.stdout.readline() for _ in range(4)]
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "every 1 s" in told[0]
    assert sum(" written" in line for line in told) == 3, "one line a run"
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", line) for line in told), "when it was"
    assert "stopping after the batch in hand" in err
    assert "Traceback" not in out + err


def assert_nothing_personal(company, *texts):
    """No lead's e-mail address, family name or phone number stands in what was printed."""
    printed = "\n".join(texts)
    for lead in company.leads:
        assert not lead.email or lead.email not in printed
        assert not lead.phone or lead.phone not in printed
        assert len(lead.last_name) < 6 or lead.last_name not in printed


def test_all_mistakes_are_told_together_and_nothing_is_touched(crm, tmp_path):
    config = write_config(
        tmp_path,
        crm[0],
        ('every = "60s"', 'evry = "60s"'),
        ('company = "Company"', 'company = "Compnay"'),
        ('"Marketing Qualified" = "mql"', '"Marketing Qualifed" = "mql"'),
        (
            'employees = { field = "NumberOfEmployees", as = "integer" }',
            'employees = { field = "Industry", as = "integer" }',
        ),
        ("warn_at = 0.75 # share", "warn_at = 7.5 # share"),
    )
    done = leadsla("check", config=config)
    assert done.returncode == 2
    for word in (
        "schedule.evry",
        '"every"',
        "Compnay",
        '"Company"',
        "Marketing Qualifed",
        '"Marketing Qualified"',
        "warn_at",
        "is read as integer",
    ):
        assert word in done.stderr, word
    assert leadsla("sync", config=config).returncode == 2
    assert not (tmp_path / "state.db").exists()


def test_wrong_credentials_end_with_3_and_one_line_that_says_what_to_do(crm, tmp_path, monkeypatch):
    config = write_config(
        tmp_path, crm[0], ('client_secret = "practice"', 'client_secret = "env:WRONG_SECRET"')
    )
    monkeypatch.setenv("WRONG_SECRET", "canary-secret")
    done = leadsla("sync", config=config)
    assert done.returncode == 3
    assert "salesforce" in done.stderr
    assert "renew" in done.stderr
    assert "canary-secret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_secret_is_named_and_never_guessed(crm, tmp_path):
    config = write_config(
        tmp_path, crm[0], ('client_secret = "practice"', 'client_secret = "env:NOT_SET_ANYWHERE"')
    )
    scheduled = leadsla("schedule", config=config)
    assert scheduled.returncode == 3, "trying for ever would not set it"
    assert not (tmp_path / "state.db").exists()
    done = leadsla("sync", config=config)
    assert done.returncode == 3
    assert "NOT_SET_ANYWHERE is not set - export NOT_SET_ANYWHERE=..." in done.stderr


def test_an_unreachable_crm_is_retried_then_deferred(tmp_path):
    config = write_config(tmp_path, "http://127.0.0.1:9")
    done = leadsla("sync", config=config)
    assert done.returncode == 4
    assert "no connection" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_run_steps_aside_and_says_who_holds_the_connection(provisioned, tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    with held(store, "salesforce"):
        done = leadsla("sync", config=provisioned)
    store.close()
    assert done.returncode == 75
    assert "held by" in done.stderr


def test_an_unknown_connection_and_an_unknown_lead_say_what_there_is(config):
    wrong = leadsla("plan", "--connection", "salesfroce", config=config)
    assert wrong.returncode == 2
    assert "salesforce" in wrong.stderr
    assert leadsla("explain", "00Q000000000000AAA", config=config).returncode == 2


@pytest.mark.parametrize("seconds", [0.1, 0.5])
def test_stopping_while_it_starts_is_no_crash(tmp_path, seconds):
    config = write_config(tmp_path, "http://127.0.0.1:9")
    command = [sys.executable, "-m", "leadsla", "plan", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    if process.returncode != -signal.SIGINT:  # Python itself had not begun to run our first line
        assert process.returncode == 130
        assert "Traceback" not in err
