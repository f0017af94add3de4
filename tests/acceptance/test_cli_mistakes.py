"""Every mistake in one configuration for both CRMs, told at once with the nearest right name."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from localcrm.clock import Clock
from localcrm.server import running

pytestmark = pytest.mark.slow  # over HTTP, minutes in all

NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
SHIPPED = Path(__file__).parents[2] / "config.toml"
MISTAKES = {
    'every = "60s"': 'evry = "60s"',
    'company = "Company"': 'company = "Compnay"',
    '"Marketing Qualified" = "mql"': '"Marketing Qualifed" = "mql"',
    'known_at = "CreatedDate"\nkind_from': 'known_at = "CreatedDat"\nkind_from',
    'company = "company"': 'company = "compny"',
    'marketingqualifiedlead = "mql"': 'marketingqualifedlead = "mql"',
    'EMAIL = "email", INCOMING_EMAIL': 'EMAIL = "email", INCOMMING_EMAIL',
    'employees = { field = "numberofemployees", as = "integer" }': (
        'employees = { field = "createdate", as = "integer" }'
    ),
    'mode = "live"\nmax_new': 'mode = "life"\nmax_new',
    "[agreement.minimum]": '[agreement.hours.never]\ntz = "Europe/Berlin"\nweekly = {}\n\n[agreement.minimum]',
}
TOLD = {
    "schedule.evry": 'did you mean "every"',
    "connections.salesforce.lead.company": 'did you mean "Company"',
    "connections.salesforce.stages.Status": 'did you mean "Marketing Qualified"',
    "connections.salesforce.activities.tasks": 'did you mean "CreatedDate"',
    "connections.salesforce.writes": "read-only",
    "connections.hubspot.lead.company": 'did you mean "company"',
    "connections.hubspot.lead.employees": "createdate is a datetime in HubSpot and is read as integer",
    "connections.hubspot.stages.lifecyclestage": 'did you mean "marketingqualifiedlead"',
    "connections.hubspot.activities.emails.kinds": 'did you mean "INCOMING_EMAIL"',
    "connections.hubspot.writes": "cannot be written",
    "connections.hubspot.rollout.mode": 'must be "shadow", "fields" or "live" - did you mean "live"?',
    "agreement.hours.never": "no working time",
}


def leadsla(*arguments: str, config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "leadsla", *arguments, "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Both CRMs provisioned, one field of ours read-only in each, and a configuration full of mistakes."""
    folder = tmp_path_factory.mktemp("mistakes")
    with running(clock=Clock(NOW), limits=False) as practice:
        text = SHIPPED.read_text(encoding="utf-8")
        text = text.replace("http://127.0.0.1:8701", practice.urls["salesforce"])
        text = text.replace("http://127.0.0.1:8702", practice.urls["hubspot"])
        text = text.replace("leadsla.db", str(folder / "state.db"))
        right = folder / "right.toml"
        right.write_text(text, encoding="utf-8")
        assert leadsla("provision", config=right).returncode == 0
        make_read_only(practice.faces)
        for name, url in practice.urls.items():
            requests.post(f"{url}/_localcrm/reset-calls", timeout=5).raise_for_status()
            assert name in text
        for old, new in MISTAKES.items():
            assert old in text, old
            text = text.replace(old, new, 1) if "life" not in new else last_replaced(text, old, new)
        wrong = folder / "wrong.toml"
        wrong.write_text(text, encoding="utf-8")
        yield wrong, practice.urls


def last_replaced(text: str, old: str, new: str) -> str:
    before, _, after = text.rpartition(old)
    return before + new + after


def make_read_only(faces):
    lead = faces["salesforce"].org.kind("Lead").fields
    lead["LeadSLA_Score__c"] = replace(lead["LeadSLA_Score__c"], updateable=False)
    contacts = faces["hubspot"].portal.schemas["contacts"].properties
    contacts["leadsla_score"] = replace(contacts["leadsla_score"], read_only=True)


def test_check_tells_every_mistake_with_the_nearest_right_name(config):
    done = leadsla("check", "--json", config=config[0])
    assert done.returncode == 2
    problems = json.loads(done.stdout)["problems"]
    for where, words in TOLD.items():
        told = [f"{one['where']}: {one['what']} - {one['remedy']}" for one in problems]
        assert any(line.startswith(where) and words in line for line in told), (where, told)


@pytest.mark.slow
def test_check_in_words_says_as_much_and_counts(config):
    done = leadsla("check", config=config[0])
    assert done.returncode == 2
    assert all(where in done.stderr for where in TOLD)
    told = [line for line in done.stderr.splitlines() if line.startswith("problem: ")]
    assert done.stderr.splitlines()[-1] == f"{len(told)} problems; nothing was touched"
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_sync_and_plan_refuse_such_a_configuration_and_touch_nothing(config):
    path, urls = config
    for command in ("sync", "plan", "provision", "schedule"):
        assert leadsla(command, config=path).returncode == 2
    assert not (path.parent / "state.db").exists()
    for url in urls.values():
        routes = requests.get(f"{url}/_localcrm/calls", timeout=5).json()["by_route"]
        assert not any("batch" in route or "composite/sobjects" in route for route in routes)


@pytest.mark.slow
def test_every_connection_that_is_away_or_lacks_a_secret_is_told_and_plan_goes_on(tmp_path):
    """check: all at once, text as JSON; plan and sync: the next connection, and the error in the JSON."""
    with running(clock=Clock(NOW), limits=False) as practice:
        text = SHIPPED.read_text(encoding="utf-8")
        text = text.replace("http://127.0.0.1:8702", practice.urls["hubspot"]).replace("8701", "9")
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        assert leadsla("provision", config=path).returncode == 4
        done = leadsla("plan", "--json", config=path)
        assert done.returncode == 4
        plans = json.loads(done.stdout)
        assert "no connection" in plans["salesforce"]["error"]
        assert isinstance(plans["hubspot"]["changes"], list)
        assert (
            "no connection"
            in json.loads(leadsla("sync", "--json", config=path).stdout)["salesforce"]["error"]
        )
        path.write_text(text.replace('client_id = "practice", client_secret = "practice"', SECRETS), "utf-8")
        told = leadsla("check", config=path)
        assert told.returncode == 3
        assert "client_id: the environment variable NO_ID is not set - export NO_ID=..." in told.stderr
        assert (
            "client_secret: the environment variable NO_SECRET is not set - export NO_SECRET" in told.stderr
        )
        assert "2 problems; nothing was touched" in told.stderr
    done = leadsla("check", config=path)
    assert done.stderr.count("problem: ") == 3, "both secrets, and HubSpot is away"
    assert "connections.hubspot: no connection" in done.stderr


SECRETS = 'client_id = "env:NO_ID", client_secret = "env:NO_SECRET"'
