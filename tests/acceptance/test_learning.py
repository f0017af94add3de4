"""Sales feedback teaches the score, typed as a RevOps person types it, on both practice CRMs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest
import requests

from benchmarks.first_sync import config_for
from tests.planted_world import write_planted_csvs

pytestmark = pytest.mark.slow  # starts the practice CRMs and many commands
SCORE = {"salesforce": ("Lead", "LeadSLA_Score__c"), "hubspot": ("contacts", "leadsla_score")}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """(config, addresses) of two practice CRMs with 900 past leads, provisioned and synced."""
    folder = tmp_path_factory.mktemp("planted")
    leads, activities = write_planted_csvs(folder, leads=900, now=datetime.now(UTC))
    command = [sys.executable, "-m", "localcrm", "--salesforce-port", "0", "--hubspot-port", "0"]
    command += ["--world", "empty", "--leads", str(leads), "--activities", str(activities)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as practice:
        try:
            addresses = json.loads(practice.stdout.readline())
            config = config_for(folder, addresses)
            for words in (("provision",), ("sync",)):
                assert leadsla(config, *words).returncode == 0
            yield config, addresses
        finally:
            practice.send_signal(signal.SIGTERM)


def leadsla(config, *words):
    return subprocess.run(
        [sys.executable, "-m", "leadsla", *words, "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def shown(addresses, crm):
    """The scores that the CRM itself shows, by source of the lead."""
    what, field = SCORE[crm]
    found: dict[str, set[str]] = {}
    for row in requests.get(f"{addresses[crm]}/_localcrm/records/{what}", timeout=60).json():
        values = row | row.get("properties", {})
        source = (
            values.get("LeadSource") or values.get("lead_source") or values.get("hs_analytics_source") or ""
        )
        if values.get(field) is not None:
            found.setdefault(source, set()).add(str(values[field]))
    return found


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_what_made_leads_good_is_learned_approved_written_and_taken_back(planted, crm):
    config, addresses = planted
    before = shown(addresses, crm)
    asked = leadsla(config, "learn", "--connection", crm, "--json", "--note")
    assert asked.returncode == 0, asked.stderr
    learned = json.loads(asked.stdout)[crm]
    lines = learned["card"]["lines"]
    assert {one["when"].get("field", "activity") for one in lines} == {"source", "activity"}
    assert learned["held_out"]["auc"]["value"] > 0.65
    assert (learned["note"]["status"], learned["counted"]["wins"] > 100) == ("written", True)

    one_side = leadsla(config, "learn", "--connection", crm, "--approve", learned["version"], "--by", "Mia")
    assert (one_side.returncode, "both sides" in one_side.stderr) == (2, True)
    both = ("--approve", learned["version"], "--by", "Mia", "--by", "Sam")
    assert leadsla(config, "learn", "--connection", crm, *both).returncode == 0
    planned = json.loads(leadsla(config, "plan", "--connection", crm, "--json").stdout)[crm]
    assert planned["changes"]
    assert {"ready_now", "ready_no_more"} <= set(planned)

    stopped = leadsla(config, "sync", "--connection", crm)
    assert stopped.returncode == 5, stopped.stderr  # many leads would change: somebody has to say yes
    assert leadsla(config, "sync", "--connection", crm, "--allow-mass-change").returncode == 0
    assert shown(addresses, crm) != before
    again = json.loads(leadsla(config, "sync", "--connection", crm, "--json").stdout)
    assert json.dumps(again).count('"written": 0') == 1

    assert leadsla(config, "learn", "--connection", crm, "--rollback").returncode == 0
    assert leadsla(config, "sync", "--connection", crm, "--allow-mass-change").returncode == 0
    assert shown(addresses, crm) == before
