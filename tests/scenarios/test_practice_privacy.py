"""Canaries: whatever a run logs, raises or reports holds no secret, no address and no name."""

from __future__ import annotations

import json
import logging

from leadsla.settings import ConnectionSettings
from tests.scenarios.test_practice_records import FREE_FIELD

NAMES = {"salesforce": ("LastName", "Email", "Phone"), "hubspot": ("lastname", "email", "phone")}


def personal(office):
    """Family names, addresses and numbers of every lead, and the names of those who own them."""
    leads = [row.get(field) for row in office.leads().values() for field in NAMES[office.crm]]
    what = "User" if office.crm == "salesforce" else "users"
    fields = ("LastName", "Email") if office.crm == "salesforce" else ("hs_family_name", "hs_email")
    people = [
        row.get(field)
        for row in office.face.records(what)
        for row in (row | row.get("properties", {}),)
        for field in fields
    ]
    return {value for value in (*leads, *people) if value and len(value) >= 5}


def spoil(office):
    """Rubbish with a canary in one lead, a refused batch, an outage and a lost answer."""
    one = office.settings.connections[office.crm]
    raw = one.model_dump(by_alias=True, exclude_unset=True)
    raw["lead"]["employees"] = {"field": FREE_FIELD[office.crm], "as": "integer"}
    office.settings.connections[office.crm] = ConnectionSettings.model_validate(raw)
    office.edit("lead", min(office.leads()), {FREE_FIELD[office.crm]: "canary-value"})
    office.clock.advance(60)
    office.fault(method="POST", path="composite/sobjects$|tasks/batch/create$", do="cut_after", times=1)
    office.fault(method="GET", path=".*", do="status", status=503, after=4, times=1)
    office.fault(method="GET", path="query|contacts", do="html", after=2, times=1)


def test_logs_and_reports_of_a_run_full_of_trouble_hold_nothing_personal(office, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="urllib3")
    spoil(office)
    _, _, sentences = office.plan()
    reports = [office.sync(), office.sync()]
    assert reports[0].quarantined == 1
    printed = capfd.readouterr()
    told = "\n".join(
        [caplog.text, printed.out, printed.err, *sentences, *(json.dumps(one.as_json()) for one in reports)]
    )
    assert "canary-value" not in told
    assert {canary for canary in personal(office) if canary in told} == set()
    if office.crm == "salesforce":  # HubSpot's SDK silences its transport
        assert "urllib3" in caplog.text
    assert {word for word in ("Bearer", "client_secret", "password") if word in told} == set()
