"""The contract's five leads as contacts of a practice Salesforce: known people who answered a campaign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import requests

from connectors.base import Crm
from localcrm.clock import Clock
from localcrm.company import Company, Rep
from localcrm.salesforce import SalesforceFace
from localcrm.server import running
from tests.contract.benches import LAST_NAMES, NOW, Bench, Practice, open_crm, shipped

RESPONSES = {
    "object": "CampaignMember",
    "lead": "ContactId",
    "at": "FirstRespondedDate",
    "kind": "form",
    "content": "Campaign.Name",
    "only": {"HasResponded": True},
    "consent": "declared",
}
STAGES = {
    "Contact_Status__c": {
        "Open": "inquiry",
        "Marketing Qualified": "mql",
        "Working": "sal",
        "Qualified": "sql",
        "Nurture": "recycled",
        "Not a Fit": "disqualified",
    }
}
LEAD = {
    "first_name": "FirstName",
    "last_name": "LastName",
    "email": "Email",
    "company": "Department",
    "account": "Account.Name",
}


def contacts_mapping() -> dict[str, Any]:
    """What a connection whose clocks are carried by contacts says otherwise than the shipped one."""
    tasks, meetings = (shipped("salesforce")["activities"][name] for name in ("tasks", "meetings"))
    return {
        "lead_object": "contacts",
        "lead": LEAD,
        "stages": STAGES,
        "activities": {"tasks": tasks, "meetings": meetings, "responses": RESPONSES},
    }


def edited(url: str, name: str, *rows: dict[str, Any]) -> list[str]:
    """As a person, or an admin, would; the ids."""
    answer = requests.post(f"{url}/_localcrm/records/{name}", json=list(rows), timeout=10)
    assert answer.ok, answer.text
    return [str(row["Id"]) for row in answer.json()]


@contextmanager
def contacts_bench() -> Iterator[Bench]:
    clock = Clock(NOW - timedelta(hours=2))
    reps = (
        Rep("eva", "Eva", "Example", "eva@example.com"),
        Rep("flow", "Flow", "Example", "flow@example.com", automation=True),
    )
    face = SalesforceFace(clock, limits=False)
    company = Company(reps, (), (), (), (), clock.now())
    with running(company, clock=clock, told={"salesforce": face}) as practice:
        url = practice.urls["salesforce"]
        five_contacts(url)
        clock.advance(3600)
        for one in _contacts(url):
            edited(url, "Contact", {"Id": one, "Contact_Status__c": "Marketing Qualified", "_by": "flow"})
        clock.advance(3600)
        crms = [open_crm("salesforce", url, **contacts_mapping())]

        def opened(**parts: Any) -> Crm:
            crms.append(open_crm("salesforce", url, **(contacts_mapping() | parts)))
            return crms[-1]

        def misspelt() -> tuple[Crm, str]:
            return opened(lead=LEAD | {"company": "Departmet"}), "Department"

        def set_company(lead_ids: Sequence[str], company: str) -> None:
            edited(url, "Contact", *({"Id": one, "Department": company} for one in lead_ids))

        beside = Practice("salesforce", url, opened)
        try:
            yield Bench(crms[0], set_company, clock.advance, misspelt, "003000000000999AAA", beside)
        finally:
            for crm in crms:
                crm.close()


def five_contacts(url: str) -> None:
    """Five people at one account, Eva's, each with a response to a campaign."""
    (account,) = edited(url, "Account", {"Name": "Example Ltd"})
    (campaign,) = edited(url, "Campaign", {"Name": "Demo request"})
    people = [
        {
            "LastName": name,
            "Email": f"{name.lower()}@example.com",
            "Department": "Before",
            "AccountId": account,
            "Contact_Status__c": "Open",
            "_by": "eva",
        }
        for name in LAST_NAMES
    ]
    ids = edited(url, "Contact", *people)
    members = [{"CampaignId": campaign, "ContactId": one, "Status": "Responded"} for one in ids]
    edited(url, "CampaignMember", *members)


def _contacts(url: str) -> list[str]:
    rows = requests.get(f"{url}/_localcrm/records/Contact", timeout=10).json()
    return [str(row["Id"]) for row in rows]
