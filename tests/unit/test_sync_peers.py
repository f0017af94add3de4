"""What peers of ours lose or double between a CRM and themselves, and what happens here instead.

Their defects are in the name or docstring, with the issue where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.errors import Misconfigured
from connectors.memory import MemoryCrm
from sla_engine.evaluate import evaluate
from sla_engine.model import LifecycleStage
from sync.store.facts import Facts
from tests.scenarios.theatre import Theatre, the_agreement

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)


def after(minutes: int) -> datetime:
    return NINE + timedelta(minutes=minutes)


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    one = Theatre.open(tmp_path, NINE)
    yield one
    one.close()


def test_mautic_a_missed_hour_loses_no_change(theatre: Theatre) -> None:
    """Mautic reads the last fifteen minutes whenever it is asked and keeps no place to go on from."""
    theatre.lead("ada", NINE)
    theatre.run(after(1))
    theatre.lead("bob", after(2))
    theatre.run(after(24 * 60))
    assert len(theatre.tasks("bob")) == 1


def test_mautic_minutes_are_minutes(theatre: Theatre) -> None:
    """Mautic writes instants as hour:month:second, so a lookup by instant finds another one."""
    theatre.lead("ada", NINE)
    theatre.activity("ada", after(37), "form")
    theatre.run(after(40))
    with theatre.store.begin() as db:
        (known,) = Facts(theatre.crm.name).known(db, ["ada"])
    assert [one.at for one in known.history.activities] == [after(37)]


def test_airbyte_9883_leads_with_one_stamp_are_all_read(theatre: Theatre) -> None:
    """airbyte#9883 goes on strictly after the last stamp, so of many leads with one stamp it keeps a page."""
    for number in range(30):
        theatre.lead(f"lead{number}", NINE)
    assert theatre.run(after(1)).evaluated == 30


def test_segment_3459_a_retry_after_a_lost_answer_makes_no_second_record(theatre: Theatre) -> None:
    """segment PR#3459: the retry after a time-out creates the record once more."""
    theatre.lead("ada", NINE)
    theatre.records.faults.lose_after = 1
    for minute in (1, 2, 3):
        theatre.run(after(minute))
    assert len(theatre.tasks("ada")) == 1


@pytest.mark.parametrize("leads", [3, 40])
def test_mautic_2836_a_run_without_news_costs_as_few_calls_for_many_leads(
    theatre: Theatre, leads: int
) -> None:
    """mautic#2836 asks the CRM for each contact it knows, at every run."""
    for number in range(leads):
        theatre.lead(f"lead{number}", NINE)
    theatre.run(after(1))
    theatre.run(after(20))  # what we wrote comes back
    before = theatre.crm.calls().total
    theatre.run(after(40))
    assert theatre.crm.calls().total - before <= 4


@pytest.mark.parametrize("email", ["ada@new.example", "Ada@New.Example", "https://www.new.example/"])
def test_mautic_5712_and_7463_another_address_makes_no_second_lead(theatre: Theatre, email: str) -> None:
    """mautic#5712 knows people by their address, so another one makes a second; PR#7463: so does a bad one."""
    theatre.lead("ada", NINE)
    theatre.run(after(1))
    theatre.lead("ada", after(10), email=email)
    for minute in (11, 12):
        theatre.run(after(minute))
    assert theatre.shown("ada").lead.fields["email"] == email
    assert len(theatre.tasks("ada")) == 1
    with theatre.store.begin() as db:
        assert Facts(theatre.crm.name).leads.count(db) == 1


def test_mautic_7138_a_value_is_read_as_often_as_it_changes(theatre: Theatre) -> None:
    """mautic#7138 reads a value once and never again, however it changes in the CRM."""
    read = []
    for minute, country in ((0, "BR"), (10, "DE"), (20, "FR")):
        theatre.lead("ada", after(minute), country=country)
        theatre.run(after(minute + 1))
        with theatre.store.begin() as db:
            (known,) = Facts(theatre.crm.name).known(db, ["ada"])
        read.append(known.history.lead.fields["country"])
    assert read == ["BR", "DE", "FR"]


def test_mautic_a_field_that_is_gone_is_said_and_not_left_out(theatre: Theatre) -> None:
    """Mautic drops a field that the CRM no longer has from its mapping, and says so to nobody."""
    theatre.records.fields = ("Country__c",)
    theatre.crm = MemoryCrm(theatre.records, mapping={"country": "Country__c"})
    theatre.lead("ada", NINE)
    assert theatre.run(after(1)).evaluated == 1
    theatre.records.fields = ("Land__c",)
    with pytest.raises(Misconfigured, match=r'lead.country: there is no field "Country__c"'):
        theatre.run(after(2))


@pytest.mark.parametrize("company", ["Unknown", "[not provided]"])
def test_mautic_pr3925_nothing_of_a_persons_is_overwritten(theatre: Theatre, company: str) -> None:
    """Mautic PR#3925 writes "Unknown" over the company it did not know."""
    theatre.lead("ada", NINE, company=company)
    theatre.run(after(1))
    assert theatre.shown("ada").lead.fields["company"] == company


def test_odoo_a_score_owes_nothing_to_whoever_was_scored_before(theatre: Theatre) -> None:
    """Odoo scores the second lead of a team without wins by the odds of another team: 96.47 for 50."""
    for name, country in (("ada", "DE"), ("bob", "BR")):
        theatre.lead(name, NINE, stage="inquiry", country=country)
    theatre.run(after(1))
    alone = {}
    with theatre.store.begin() as db:
        histories = {
            one.seen.lead.id: one.history for one in Facts(theatre.crm.name).known(db, ["ada", "bob"])
        }
    for order in (("ada", "bob"), ("bob", "ada")):
        scores = {name: evaluate(histories[name], the_agreement(), after(2)).score for name in order}
        alone[order] = scores
    assert alone["ada", "bob"] == alone["bob", "ada"]
    assert theatre.shown("bob").lead.stage is LifecycleStage.INQUIRY
