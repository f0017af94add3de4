"""Known contacts whose answers open clocks, in a practice Salesforce where contacts carry them, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import ValidationError

from connectors.base import Crm, ProvisionStep
from connectors.salesforce.fields import instant
from leadsla.settings import ConnectionSettings, Settings, load
from leadsla.wiring import opened_crm, run_settings
from localcrm.clock import Clock
from localcrm.company import Company, LeadEntry, Rep
from localcrm.salesforce import SalesforceFace
from localcrm.server import running
from sync.report import RunReport
from sync.run import Run, run_once
from sync.store import Store
from sync.store.facts import Facts
from sync.store.work import Work
from tests.contract.contacts_bench import edited
from tests.scenarios.conftest import MONDAY_NOON, SHIPPED

CONTACTS = """
[connections.contacts]
crm = "salesforce"
base_url = "{url}"
auth = {{ kind = "client_credentials", client_id = "practice", client_secret = "practice" }}
lead_object = "contacts"

[connections.contacts.rollout]
mode = "live"

[connections.contacts.lead]
last_name = "LastName"
email = "Email"
company = "Account.Name"

[connections.contacts.stages."OpportunityContactRole.Opportunity.StageName"]
"Proposal" = "opportunity"
"Closed Won" = "customer"

[connections.contacts.stages.Contact_Status__c]
"Open" = "inquiry"
"Marketing Qualified" = "mql"
"Working" = "sal"
"Nurture" = "recycled"

[connections.contacts.activities.tasks]
object = "Task"
lead = "WhoId"
at = "CompletedDateTime"
known_at = "CreatedDate"
kind_from = "TaskSubtype"
kinds = {{ Call = "call", Email = "email" }}
actor = "OwnerId"
only = {{ IsClosed = true }}

[connections.contacts.activities.responses]
object = "CampaignMember"
lead = "ContactId"
at = "FirstRespondedDate"
kind = "form"
content = "Campaign.Name"
only = {{ HasResponded = true }}
consent = "declared"

"""
REPLY = """
[[agreement.target]]
name = "reply"
phase = ["inquiry", "mql", "sal"]
starts = "inbound_activity"
activities = ["form"]
responsible = "sales"
within = "2h"
met_by = ["call", "email", "meeting", "opportunity"]

"""


@dataclass
class Known:
    """An org with one lead and three contacts; leads and contacts have a connection each."""

    url: str
    clock: Clock
    settings: Settings
    store: Store
    contacts: list[str]
    campaign: str
    folder: Path

    def sync(self, name: str = "contacts") -> RunReport:
        one = self.settings.connections[name]
        with self.opened(name) as crm:
            return run_once(Run(crm, self.store, self.settings.book, run_settings(self.settings, one)))

    @contextmanager
    def opened(self, name: str = "contacts") -> Iterator[Crm]:
        with opened_crm(name, self.settings.connections[name]) as crm:
            yield crm

    @contextmanager
    def misled(self, right: str, wrong: str) -> Iterator[Crm]:
        """The contacts connection with something else in its configuration."""
        path = self.folder / "misled.toml"
        path.write_text(config(self.url).replace(right, wrong), encoding="utf-8")
        with opened_crm("contacts", load(path).connections["contacts"]) as crm:
            yield crm

    def responds(self, contact: str) -> None:
        row = {"CampaignId": self.campaign, "ContactId": contact, "Status": "Responded"}
        edited(self.url, "CampaignMember", row)

    def records(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = requests.get(f"{self.url}/_localcrm/records/{name}", timeout=10).json()
        return found

    def tasks(self) -> list[tuple[str, bool]]:
        """(whom it is about, is it closed) of every task of ours."""
        return [(row["WhoId"], row["IsClosed"]) for row in self.records("Task") if row.get("LeadSLA_Key__c")]

    def states(self, name: str = "contacts") -> dict[str, list[str]]:
        """The states of each lead's clocks."""
        with self.store.begin() as db:
            return {
                one.lead_id: [str(clock.state) for clock in one.clocks] for one in Work(name).verdicts(db)
            }


def config(url: str) -> str:
    """The shipped configuration with a second connection to the same org, and one target."""
    text = SHIPPED.read_text(encoding="utf-8").replace("http://127.0.0.1:8701", url)
    before, _, rest = text.partition("[[agreement.target]]")
    agreed = before + REPLY + "[agreement.rejection]" + rest.rpartition("[agreement.rejection]")[2]
    head, _, tail = agreed.partition("[agreement]\n")
    return head + CONTACTS.format(url=url) + "[agreement]\n" + tail


@pytest.fixture
def known(tmp_path: Path, no_pacing: None) -> Iterator[Known]:
    clock = Clock(MONDAY_NOON, frozen=True)
    reps = (Rep("eva", "Eva", "Example", "eva@example.com"),)
    lead = LeadEntry("l1", MONDAY_NOON, "Lead", email="lead@example.com", owner="eva", company="Lead Ltd")
    company = Company(reps, (), (lead,), (), (), MONDAY_NOON)
    face = SalesforceFace(clock, limits=False)
    with running(company, clock=clock, told={"salesforce": face}) as practice:
        url = practice.urls["salesforce"]
        (account,) = edited(url, "Account", {"Name": "Example Ltd"})
        (campaign,) = edited(url, "Campaign", {"Name": "Webinar"})
        people = [
            {
                "LastName": name,
                "Email": f"{name.lower()}@example.com",
                "AccountId": account,
                "Contact_Status__c": "Marketing Qualified",
                "_by": "eva",
            }
            for name in ("Abel", "Bauer", "Curie")
        ]
        contacts = edited(url, "Contact", *people)
        path = tmp_path / "config.toml"
        path.write_text(config(url), encoding="utf-8")
        store = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
        one = Known(url, clock, load(path), store, contacts, campaign, tmp_path)
        with one.opened() as crm:
            crm.provision(dry_run=False)
        yield one
        store.close()


def test_a_campaign_response_of_a_known_contact_opens_a_clock_with_a_task_on_the_contact(known: Known):
    known.clock.advance(600)
    known.responds(known.contacts[0])
    known.clock.advance(600)
    known.sync()
    assert known.tasks() == [(known.contacts[0], False)]
    assert known.states()[known.contacts[0]] == ["running"]
    shown = {row["Id"]: row["LeadSLA_Status__c"] for row in known.records("Contact")}
    assert shown[known.contacts[0]] == "running"


def test_a_second_sync_without_news_writes_nothing(known: Known):
    known.clock.advance(600)
    known.responds(known.contacts[0])
    known.clock.advance(600)
    first = known.sync()
    assert first.written > 0
    known.clock.advance(600)
    assert (known.sync().written, len(known.tasks())) == (0, 1)


def test_a_call_to_the_contact_meets_the_clock_and_closes_the_task(known: Known):
    known.clock.advance(600)
    known.responds(known.contacts[0])
    known.clock.advance(600)
    known.sync()
    known.clock.advance(600)
    call = {"WhoId": known.contacts[0], "Subject": "Call", "TaskSubtype": "Call", "Status": "Completed"}
    edited(known.url, "Task", {**call, "_by": "eva"})
    known.clock.advance(600)
    known.sync()
    assert known.states()[known.contacts[0]] == ["met"]
    assert known.tasks() == [(known.contacts[0], True)]


def merged(known: Known, loser: str, survivor: str) -> None:
    edited(known.url, "Contact", {"Id": loser, "merge_into": survivor})


def deleted(known: Known, contact: str, _: str) -> None:
    edited(known.url, "Contact", {"Id": contact, "delete": True})


@pytest.mark.parametrize(("deed", "left"), [(merged, ["running"]), (deleted, [])])
def test_a_merged_contacts_clock_goes_to_the_survivor_and_a_deleted_ones_ends(
    known: Known, deed: Callable[[Known, str, str], None], left: list[str]
):
    gone, other = known.contacts[:2]
    known.clock.advance(600)
    known.responds(gone)
    known.clock.advance(600)
    known.sync()
    known.clock.advance(600)
    deed(known, gone, other)
    known.clock.advance(600)
    known.sync()
    assert gone not in known.states()
    assert known.states()[other] == left


def test_leads_and_contacts_of_one_org_are_two_connections_that_keep_out_of_each_others_way(known: Known):
    with known.opened("salesforce") as crm:
        crm.provision(dry_run=False)
    known.clock.advance(600)
    known.responds(known.contacts[0])
    known.clock.advance(600)
    known.sync("salesforce")
    known.sync()
    assert set(known.states()) == set(known.contacts)
    assert set(known.states("salesforce")) == {row["Id"] for row in known.records("Lead")}
    assert known.tasks() == [(known.contacts[0], False)]
    known.clock.advance(600)
    assert [known.sync(name).written for name in ("salesforce", "contacts")] == [0, 0]


def words(steps: list[ProvisionStep]) -> set[str]:
    return {
        step.what.split(" ", 1)[0] + " " + step.what.rpartition(" ")[2].partition(".")[0] for step in steps
    }


def test_what_both_connections_need_stays_until_the_later_of_them_is_removed(known: Known):
    with known.opened("salesforce") as leads, known.opened() as contacts:
        leads.provision(dry_run=False)
        first = contacts.unprovision(dry_run=False)
        assert words(first) == {"list Contact", "field Contact"}
        assert all(step.removed for step in first)
        assert [one for one in leads.check() if one.is_about_writing and not one.is_warning] == []
        second = leads.unprovision(dry_run=False)
        assert "field Activity.LeadSLA_Key__c" in {step.what for step in second if step.removed}
        assert "permission set leadsla" in {step.what for step in second if step.removed}


def test_check_names_a_source_that_is_about_leads_only(known: Known):
    with known.misled('lead = "ContactId"', 'lead = "LeadId"') as crm:
        (problem,) = [one for one in crm.check() if not one.is_warning]
    assert problem.where == "activities.responses"
    assert problem.what == "CampaignMember.LeadId refers to Lead, never to Contact"


def test_check_names_contact_fields_and_their_pages(known: Known):
    with known.misled('company = "Account.Name"', 'company = "Departmant"') as crm:
        (problem,) = [one for one in crm.check() if not one.is_warning]
    assert problem.what.startswith("Contact has no field Departmant")
    assert "ObjectManager/Contact" in problem.remedy


def test_without_a_word_leads_carry_the_clocks_in_salesforce_and_the_fingerprint_is_as_it_was():
    plain = {"crm": "salesforce", "base_url": "https://x.my.salesforce.com"}
    plain |= {"auth": {}, "lead": {}, "stages": {}}
    said = [ConnectionSettings.model_validate(plain | {"lead_object": one}) for one in ("leads", "contacts")]
    unsaid = ConnectionSettings.model_validate(plain)
    assert (unsaid.lead_object, said[0].fingerprint) == ("leads", unsaid.fingerprint)
    assert said[1].fingerprint != unsaid.fingerprint
    with pytest.raises(ValidationError):
        ConnectionSettings.model_validate(plain | {"lead_object": "accounts"})


def test_conversion_closes_the_leads_clock_and_a_later_call_to_the_contact_counts_for_the_lead(known: Known):
    (row,) = known.records("Lead")
    lead = row["Id"]
    with known.opened("salesforce") as crm:
        crm.provision(dry_run=False)
    known.clock.advance(600)
    form = {"Lead__c": lead, "Kind__c": "form", "Occurred_At__c": instant(known.clock.now())}
    edited(known.url, "Marketing_Activity__c", form)
    known.clock.advance(600)
    known.sync("salesforce")
    assert (known.states("salesforce")[lead], known.tasks()) == (["running"], [(lead, False)])
    edited(known.url, "Lead", {"Id": lead, "IsConverted": True, "_by": "eva"})
    known.clock.advance(600)
    known.sync("salesforce")
    assert (known.states("salesforce")[lead], known.tasks()) == (["met"], [(lead, True)])
    (row,) = known.records("Lead")
    call = {"WhoId": row["ConvertedContactId"], "TaskSubtype": "Call", "Status": "Completed"}
    edited(known.url, "Task", {**call, "Subject": "Call", "_by": "eva"})
    known.clock.advance(600)
    known.sync("salesforce")
    with known.store.begin() as db:
        (told,) = Facts("salesforce").known(db, [lead])
    assert [str(one.kind) for one in told.history.activities] == ["form", "call"]


def test_an_opportunity_opened_by_hand_meets_the_clock_of_its_contact_at_the_instant_of_the_role(
    known: Known,
):
    contact = known.contacts[0]
    known.clock.advance(600)
    known.responds(contact)
    known.clock.advance(600)
    known.sync()
    known.clock.advance(600)
    deal = {"Name": "Deal", "StageName": "Proposal", "CloseDate": "2026-12-31", "_by": "eva"}
    (opportunity,) = edited(known.url, "Opportunity", deal)
    edited(
        known.url,
        "OpportunityContactRole",
        {"OpportunityId": opportunity, "ContactId": contact, "_by": "eva"},
    )
    since = known.clock.now().replace(microsecond=0)
    known.clock.advance(600)
    known.sync()
    assert (known.states()[contact], known.tasks()) == (["met"], [(contact, True)])
    with known.store.begin() as db:
        ((clock,),) = [one.clocks for one in Work("contacts").verdicts(db) if one.lead_id == contact]
    assert clock.stopped_at == since
    known.clock.advance(600)
    assert known.sync().written == 0
