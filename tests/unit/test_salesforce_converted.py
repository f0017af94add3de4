"""What happens to a converted lead's contact, read for the lead, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import Page
from connectors.salesforce.fields import instant
from tests.practice_org import NOW
from tests.unit.salesforce_reading import Reading, leads_in, reading, told_in

CALL = {"Subject": "Call", "TaskSubtype": "Call", "Status": "Completed", "_by": "ada"}


@pytest.fixture
def converted() -> Iterator[Reading]:
    """Lead2 was converted by a person; all of it was read."""
    with reading() as one:
        with one.opened() as crm:
            crm.provision(dry_run=False)
        one.edit("Lead2", IsConverted=True)
        one.poll()
        one.poll()
        yield one


def contact_of(one: Reading, name: str = "Lead2") -> str:
    rows = one.org.rows(f"SELECT ConvertedContactId FROM Lead WHERE LastName = '{name}'")
    return str(rows[0]["ConvertedContactId"])


def log(one: Reading, contact: str, name: str = "Task", **values: Any) -> None:
    one.org.edit(name, {"WhoId": contact, **(CALL if name == "Task" else {"_by": "ada"}), **values})


def activities_in(pages: list[Page]) -> list[tuple[str, str]]:
    return [(lead_id, str(one.kind)) for page in pages for lead_id, one in page.activities]


def test_a_call_to_the_contact_is_one_for_its_lead_and_costs_one_more_query(converted: Reading):
    log(converted, contact_of(converted))
    pages = converted.poll()
    assert activities_in(pages) == [(converted.org.lead("Lead2"), "call")]
    assert converted.calls == {"/composite": 2, "/query": 1}


def test_an_idle_poll_after_it_costs_one_call(converted: Reading):
    log(converted, contact_of(converted))
    converted.poll()
    pages = converted.poll()
    assert (activities_in(pages), converted.calls) == ([], {"/composite": 1})


def test_a_call_to_a_contact_that_no_lead_became_is_about_nobody_here(converted: Reading):
    (other,) = converted.org.edit("Contact", {"LastName": "Other"})
    log(converted, other["Id"])
    assert activities_in(converted.poll()) == []


def test_what_happened_to_the_contact_before_the_lead_was_made_is_not_about_it(converted: Reading):
    contact = contact_of(converted)
    for at in (NOW - timedelta(days=2), NOW):
        meeting = {"StartDateTime": instant(at), "DurationInMinutes": 30, "Subject": "Meeting"}
        log(converted, contact, "Event", **meeting)
    pages = converted.poll()
    assert [one.at for page in pages for _, one in page.activities] == [NOW]


def test_a_lead_that_came_back_is_read_with_what_happened_to_its_contact(converted: Reading):
    log(converted, contact_of(converted))
    lead = converted.org.lead("Lead2")
    with converted.opened() as crm:
        whole = list(crm.reread([lead], whole=True))
        short = list(crm.reread([lead]))
    assert [activities_in(pages) for pages in (whole, short)] == [[(lead, "call")], []]


def test_where_the_field_is_hidden_it_is_told_and_the_poll_goes_on():
    with reading(hidden_fields=("Lead.ConvertedContactId",)) as one:
        one.edit("Lead2", IsConverted=True)
        (other,) = one.org.edit("Contact", {"LastName": "Other"})
        log(one, other["Id"])
        pages = one.poll()
        assert len(leads_in(pages)) == 10
        assert activities_in(pages) == []
        what = "Salesforce does not show Lead.ConvertedContactId to our user"
        assert f"salesforce: {what}; it is left out until it does" in told_in(pages)
