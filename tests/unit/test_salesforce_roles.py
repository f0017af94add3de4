"""Opportunities found through a contact's role, as a stage of the contact or of its converted lead, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.base import Page
from tests.contract.benches import shipped
from tests.contract.contacts_bench import STAGES, contacts_mapping
from tests.unit.salesforce_reading import Reading, reading, told_in

ROLE = "OpportunityContactRole.Opportunity.StageName"
DEALS = {"Prospecting": "opportunity", "Proposal": "opportunity", "Closed Won": "customer"}
DEAL = {"Name": "Deal", "CloseDate": "2026-12-31"}


@pytest.fixture
def contacts() -> Iterator[Reading]:
    """A connection for contacts, with one contact in stage mql, read once."""
    with reading(contacts_mapping() | {"stages": {ROLE: DEALS, **STAGES}}) as one:
        with one.opened() as crm:
            crm.provision(dry_run=False)
        one.org.edit("Contact", {"LastName": "Abel", "Contact_Status__c": "Marketing Qualified"})
        assert stages_in(one.poll()) == ["mql"]
        one.poll()
        yield one


def given_role(one: Reading, contact: str, stage: str = "Proposal") -> tuple[str, str]:
    """(opportunity, role), ten minutes apart."""
    (deal,) = one.org.edit("Opportunity", {**DEAL, "StageName": stage})
    one.org.clock.advance(600)
    (role,) = one.org.edit("OpportunityContactRole", {"OpportunityId": deal["Id"], "ContactId": contact})
    return deal["Id"], role["Id"]


def stages_in(pages: list[Page]) -> list[str | None]:
    return [seen.lead.stage for page in pages for seen in page.leads]


def changes_in(pages: list[Page]) -> list[tuple[str, str, Any]]:
    return [(lead_id, str(one.stage), one.at) for page in pages for lead_id, one in page.stages]


def contact(one: Reading) -> str:
    return str(one.org.rows("SELECT Id FROM Contact WHERE LastName = 'Abel'")[0]["Id"])


def test_a_role_on_an_open_opportunity_puts_a_contact_in_stage_opportunity_since_the_role_was_made(
    contacts: Reading,
):
    given_role(contacts, contact(contacts))
    since = contacts.org.clock.now().replace(microsecond=0)
    pages = contacts.poll()
    assert stages_in(pages) == ["opportunity"]
    assert changes_in(pages) == [(contact(contacts), "opportunity", since)]
    with contacts.opened() as crm:
        assert [seen.lead.stage for seen in crm.read_leads([contact(contacts)])] == ["opportunity"]


def test_a_won_opportunity_makes_the_contact_a_customer_and_a_lost_one_leaves_its_own_stage(
    contacts: Reading,
):
    deal, _ = given_role(contacts, contact(contacts))
    contacts.poll()
    contacts.org.edit("Opportunity", {"Id": deal, "StageName": "Closed Won"})
    assert stages_in(contacts.poll()) == ["customer"]
    contacts.org.edit("Opportunity", {"Id": deal, "StageName": "Closed Lost"})
    assert stages_in(contacts.poll()) == ["mql"]


def test_a_role_that_is_taken_away_leaves_the_contact_its_own_stage(contacts: Reading):
    _, role = given_role(contacts, contact(contacts))
    contacts.poll()
    contacts.org.edit("OpportunityContactRole", {"Id": role, "delete": True})
    assert stages_in(contacts.poll()) == ["mql"]


def test_of_several_opportunities_a_won_one_counts_before_an_open_one(contacts: Reading):
    for stage in ("Proposal", "Closed Won", "Closed Lost"):
        given_role(contacts, contact(contacts), stage)
    assert stages_in(contacts.poll()) == ["customer"]


def test_an_idle_poll_costs_two_calls_at_most(contacts: Reading):
    given_role(contacts, contact(contacts))
    contacts.poll()
    pages = contacts.poll()
    assert (stages_in(pages), changes_in(pages)) == ([], [])
    assert sum(contacts.calls.values()) <= 2


def test_an_opportunity_of_a_lead_converted_without_one_is_found_through_its_contacts_role():
    with reading({"stages": {ROLE: DEALS, **shipped("salesforce")["stages"]}}) as one:
        one.edit("Lead2", IsConverted=True, with_opportunity=False)
        one.poll()
        (row,) = one.org.rows("SELECT ConvertedContactId FROM Lead WHERE LastName = 'Lead2'")
        given_role(one, row["ConvertedContactId"], "Closed Won")
        pages = one.poll()
        assert [(seen.lead.id, seen.lead.stage) for page in pages for seen in page.leads] == [
            (one.org.lead("Lead2"), "customer")
        ]


def test_without_the_table_no_role_is_asked_for():
    with reading() as one:
        one.edit("Lead2", IsConverted=True)
        one.poll()
        assert one.calls.get("/query", 0) == 0


def test_where_roles_are_hidden_their_signal_is_off_and_told():
    parts = contacts_mapping() | {"stages": {ROLE: DEALS, **STAGES}}
    with reading(parts, absent_objects=("OpportunityContactRole",)) as one:
        one.org.edit("Contact", {"LastName": "Abel", "Contact_Status__c": "Marketing Qualified"})
        pages = one.poll()
        assert stages_in(pages) == ["mql"]
        assert any("OpportunityContactRole" in told for told in told_in(pages))
        with one.opened() as crm:
            (problem,) = [found for found in crm.check() if ROLE in found.where]
        assert problem.is_warning
        assert "this signal is off" in problem.what


def test_check_refuses_another_stage_and_an_unknown_value_in_the_table(contacts: Reading):
    wrong = {"Proposal": "opportunity", "Closed Lost": "recycled", "Propsal": "opportunity"}
    contacts.parts = contacts.parts | {"stages": {ROLE: wrong, **STAGES}}
    with contacts.opened() as crm:
        found = [one for one in crm.check() if ROLE in one.where]
    assert "means opportunity or customer" in found[0].what
    assert "Propsal" in found[1].what
