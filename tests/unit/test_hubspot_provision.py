"""Making our properties in HubSpot and taking them away, beside what others made or forbid there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from connectors.base import OUR_FIELDS, ProvisionStep
from connectors.connection import Connection
from connectors.errors import Unauthorised
from connectors.hubspot.client import Client
from connectors.hubspot.crm import HubSpotCrm
from connectors.hubspot.provision import ARCHIVED, PLAIN, UNIQUE, provision, unprovision
from connectors.mapping import ConnectionMapping
from localcrm.clock import Clock
from localcrm.company import Company, LeadEntry, Rep
from localcrm.hubspot import HubSpotFace
from localcrm.server import running

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
AUTH = {"Authorization": "Bearer localcrm"}
KEY = "property tasks.leadsla_key"


class Portal:
    """A practice portal, and our connection to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        mapping = {"lead": {"last_name": "lastname"}, "stages": {"lifecyclestage": {"lead": "inquiry"}}}
        self.connection = Connection(
            "hub",
            url,
            "token",
            {"token": SecretStr("localcrm")},
            ConnectionMapping.model_validate(mapping),
            attempts=2,
            sleep=lambda _: None,
        )
        self.crm = HubSpotCrm(self.connection)

    def fault(self, **rule: Any) -> None:
        assert requests.post(f"{self.url}/_localcrm/faults", json=[rule], timeout=5).ok

    def mend(self) -> None:
        assert requests.delete(f"{self.url}/_localcrm/faults", timeout=5).ok

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """As an admin's own program would."""
        answer = requests.request(method, self.url + path, json=body, headers=AUTH, timeout=5)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def properties(self, kind: str) -> dict[str, Any]:
        return {one["name"]: one for one in self.call("GET", f"/crm/v3/properties/{kind}")["results"]}

    def make(self, kind: str, name: str, type_: str, group: str) -> None:
        field = {"string": "text", "number": "number"}[type_]
        body = {"name": name, "label": name, "type": type_, "fieldType": field, "groupName": group}
        self.call("POST", f"/crm/v3/properties/{kind}", body)


@contextmanager
def a_portal(**switches: Any) -> Iterator[Portal]:
    clock = Clock(NOW)
    reps = (Rep("eva", "Eva", "Example", "eva@example.com"),)
    lead = LeadEntry("a", NOW - timedelta(hours=2), "Abel", email="abel@example.com", owner="eva")
    face = HubSpotFace(clock, limits=False, **switches)
    company = Company(reps, (), (lead,), (), (), NOW)
    with running(company, clock=clock, told={"hubspot": face}) as practice:
        portal = Portal(practice.urls["hubspot"])
        yield portal
        portal.crm.close()


@pytest.fixture
def portal() -> Iterator[Portal]:
    with a_portal() as one:
        yield one


def by_name(steps: list[ProvisionStep]) -> dict[str, ProvisionStep]:
    return {step.what: step for step in steps}


@pytest.mark.parametrize(("allowed", "remark"), [(True, UNIQUE), (False, PLAIN)])
def test_the_task_key_is_unique_where_the_portal_allows_it_and_plain_elsewhere_and_says_which(
    allowed: bool, remark: str
) -> None:
    with a_portal(task_unique_property=allowed) as portal:
        assert by_name(portal.crm.provision(dry_run=True))[KEY].remark == ""  # nobody can tell before
        made = by_name(portal.crm.provision(dry_run=False))[KEY]
        assert (made.created, made.remark) == (True, remark)
        assert portal.properties("tasks")["leadsla_key"]["hasUniqueValue"] is allowed
        again = by_name(portal.crm.provision(dry_run=False))[KEY]
        assert (again.exists, again.created, again.remark) == (True, False, remark)


def test_a_property_of_our_name_and_another_type_is_touched_neither_by_making_nor_by_removing(
    portal: Portal,
) -> None:
    portal.make("contacts", "leadsla_due_at", "string", "contactinformation")
    before = portal.properties("contacts")["leadsla_due_at"]
    step = by_name(portal.crm.provision(dry_run=False))["property contacts.leadsla_due_at"]
    assert (step.exists, step.created, step.blocked) == (False, False, True)
    assert "is a string, not a datetime" in step.remark
    step = by_name(portal.crm.unprovision(dry_run=False))["property contacts.leadsla_due_at"]
    assert (step.exists, step.removed, step.blocked) == (False, False, True)
    assert portal.properties("contacts")["leadsla_due_at"] == before
    assert not [name for name in portal.properties("contacts") if name.startswith("leadsla_s")]


def test_a_group_in_which_an_admin_put_something_else_stays_and_names_it(portal: Portal) -> None:
    portal.crm.provision(dry_run=False)
    portal.make("contacts", "our_own", "string", "leadsla")
    for dry_run in (True, False):
        steps = by_name(portal.crm.unprovision(dry_run=dry_run))
        group = steps["property group contacts.leadsla"]
        assert (group.exists, group.removed, group.blocked) == (False, False, True)
        assert group.remark == "still holds 1 properties: our_own"
        assert steps["property group tasks.leadsla"].removed is not dry_run
    assert "our_own" in portal.properties("contacts")


def test_a_property_that_hubspot_will_not_archive_is_told_and_the_rest_goes(portal: Portal) -> None:
    portal.crm.provision(dry_run=False)
    refusal = {
        "status": "error",
        "category": "PROPERTY_IN_USE",
        "message": "used by Segment: Jane's hot leads",
    }
    portal.fault(method="DELETE", path="leadsla_status$", do="status", status=400, body=refusal)
    steps = by_name(portal.crm.unprovision(dry_run=False))
    status = steps.pop("property contacts.leadsla_status")
    assert (status.exists, status.removed) == (True, False)
    assert status.remark == "HubSpot refuses: PROPERTY_IN_USE (HTTP 400)"
    assert not steps.pop("property group contacts.leadsla").removed
    assert all(step.removed for step in steps.values())
    portal.mend()
    assert [step.what for step in portal.crm.unprovision(dry_run=False) if step.removed] == [
        "property contacts.leadsla_status",
        "property group contacts.leadsla",
    ]


def test_an_answer_lost_while_removing_is_no_trouble(portal: Portal) -> None:
    portal.crm.provision(dry_run=False)
    portal.fault(method="DELETE", path="/properties/", times=1, do="cut_after")
    assert all(step.removed for step in portal.crm.unprovision(dry_run=False))


def test_a_name_that_hubspot_keeps_archived_is_not_called_made_and_says_where_to_restore_it(
    portal: Portal,
) -> None:
    portal.crm.provision(dry_run=False)
    portal.call("DELETE", "/crm/v3/properties/contacts/leadsla_status")
    taken = {"status": "error", "category": "OBJECT_ALREADY_EXISTS", "message": "exists"}
    path = "/properties/2026-03/contacts(/batch/create)?$"
    portal.fault(method="POST", path=path, times=2, do="status", status=409, body=taken)
    step = by_name(portal.crm.provision(dry_run=False))["property contacts.leadsla_status"]
    assert (step.exists, step.created, step.remark) == (False, False, ARCHIVED)
    portal.mend()  # HubSpot lets the name be used again
    step = by_name(portal.crm.provision(dry_run=False))["property contacts.leadsla_status"]
    assert (step.exists, step.created) == (False, True)


def test_a_property_that_somebody_made_in_the_same_moment_is_there_and_not_made_by_us(portal: Portal) -> None:
    portal.crm.provision(dry_run=False)
    client = Client(portal.connection)
    client.schema("contacts")
    known = client.schema
    blind = {name: told for name, told in known("contacts").items() if name != "leadsla_status"}
    seen: list[str] = []

    def first_look_is_old(kind: str) -> Any:
        seen.append(kind)
        return blind if seen.count("contacts") == 1 and kind == "contacts" else known(kind)

    client.schema = first_look_is_old  # type: ignore[method-assign]
    step = by_name(provision(client, dry_run=False))["property contacts.leadsla_status"]
    assert (step.exists, step.created) == (True, False)


def test_where_leads_carry_the_clocks_their_object_gets_the_properties_and_contacts_none() -> None:
    with a_portal(leads=True) as portal:
        client = Client(portal.connection)
        steps = provision(client, dry_run=False, carrier="leads")
        assert all(step.created for step in steps)
        ours = {f"leadsla_{name}" for name in OUR_FIELDS}
        assert ours <= set(portal.properties("leads"))
        assert not ours & set(portal.properties("contacts"))
        gone = unprovision(client, dry_run=False, carrier="leads")
        assert [step.what for step in gone if step.removed] == [step.what for step in gone]
        assert not ours & set(portal.properties("leads"))


def test_removing_also_clears_the_object_that_carried_the_leads_before() -> None:
    with a_portal(leads=True) as portal:
        client = Client(portal.connection)
        provision(client, dry_run=False)
        provision(client, dry_run=False, carrier="leads")
        unprovision(client, dry_run=False, carrier="leads")
        for kind in ("contacts", "leads", "tasks", "notes"):
            assert not [name for name in portal.properties(kind) if name.startswith("leadsla")], kind


def test_fields_are_made_by_the_credentials_meant_for_it_and_the_running_ones_need_no_right() -> None:
    with a_portal() as portal:
        running_only = {"token": SecretStr("may not change schemas")}
        connection = replace(portal.connection, credentials=running_only, provision_as=portal.connection)
        crm = HubSpotCrm(connection)
        assert all(step.created for step in crm.provision(dry_run=False))
        assert all(step.removed for step in crm.unprovision(dry_run=False))
        with pytest.raises(Unauthorised):
            crm.owners()
        crm.close()
