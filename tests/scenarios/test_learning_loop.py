"""What sales answered comes back as a score: learned, proposed, approved, planned, written."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leadsla.cli.learn_store import note_of, report_of
from sla_engine.book import Book
from sla_engine.model import Activity, ActivityKind, ActorKind
from sync.learning import Learned, NothingToLearn, learn_from_store
from sync.progress import Silent
from sync.store.cards import Cards
from tests.scenarios.theatre import Theatre

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
LAST = START + 120 * DAY


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """Seven hundred leads of four months; referrals win far more often, a visit of /about says nothing."""
    theatre = Theatre.open(tmp_path_factory.mktemp("past"), START)
    dice = random.Random(5)
    for number in range(700):
        a_lead(theatre, dice, f"lead{number:03}", START + DAY * (number * 98 // 700))
    theatre.run(LAST)
    yield theatre
    theatre.close()


def a_lead(theatre: Theatre, dice: random.Random, name: str, began: datetime) -> None:
    source = dice.choice(["Referral", "List"])
    theatre.lead(name, began, source=source, city=dice.choice(["Berlin", "Ulm", "Kiel"]))
    if dice.random() < 0.5:
        theatre.activity(name, began + 2 * DAY, "page_visit")
    theatre.activity(name, began + DAY, "call", by="eva")
    won = dice.random() < (0.7 if source == "Referral" else 0.15)
    theatre.change(name, began + 20 * DAY, stage="opportunity" if won else "recycled", reason="no budget")
    if won:  # filled in by sales, once they know
        fields = theatre.shown(name).lead.fields
        theatre.change(name, began + 21 * DAY, fields={**fields, "offer": "sent"})


def learned(theatre: Theatre, as_of: datetime = LAST) -> Learned:
    with theatre.store.begin() as db:
        approved = Cards(theatre.crm.name).approved_by(db, as_of)
    book = Book.of(theatre.agreement)
    return learn_from_store(theatre.store, theatre.crm.name, book, as_of, approved, Silent())


def test_the_sign_that_is_there_becomes_a_line_and_the_one_that_is_not_does_not(past: Theatre) -> None:
    found = learned(past)
    assert {line.when.field for line in found.proposal.card.lines} == {"source"}
    assert found.proposal.new.auc.value > 0.7
    verdicts = {row.name: row.verdict for row in found.signs.rows}
    assert verdicts["page_visit"] == "no_clear_difference"


def test_a_field_that_sales_fill_once_they_know_is_blocked_with_the_reason(past: Theatre) -> None:
    (offer,) = [one for one in learned(past).blocked if one.field == "offer"]
    assert offer.code in {"filled_by_outcome", "constant"}


def test_the_same_question_as_of_then_gives_the_same_report_byte_for_byte(past: Theatre) -> None:
    """Whatever became of the leads since, and however many came after."""
    then = LAST - 10 * DAY
    before = json.dumps(report_of(learned(past, then)), sort_keys=True, default=str)
    past.lead("late", LAST + DAY, source="List")
    past.change("lead000", LAST + DAY, stage="mql", by="flow")
    past.activity("lead001", LAST + DAY, "page_visit")
    past.run(LAST + 2 * DAY, allow_mass_change=True)
    assert json.dumps(report_of(learned(past, then)), sort_keys=True, default=str) == before


def test_the_note_has_five_lines_at_the_most_and_names_nobody(past: Theatre) -> None:
    note = note_of(learned(past))
    assert 1 <= len(note.lines) <= 5
    assert "lead0" not in " ".join(note.lines)


def test_an_approved_card_reaches_the_crm_with_the_next_sync_and_a_rollback_takes_it_back(
    tmp_path: Path,
) -> None:
    theatre = Theatre.open(tmp_path, START)
    dice = random.Random(5)
    for number in range(300):
        a_lead(theatre, dice, f"lead{number:03}", START + DAY * (number * 98 // 300))
    for source in ("Referral", "List"):
        theatre.lead(source, LAST - DAY, stage="mql", source=source)
    theatre.run(LAST)
    before = {source: theatre.shown(source).ours["score"] for source in ("Referral", "List")}
    card = learned(theatre).proposal.card
    with theatre.store.begin() as db:
        version = Cards(theatre.crm.name).propose(db, card, LAST)
        Cards(theatre.crm.name).approve(db, version, ("Mia", "Sam"), LAST)
    report, _, _ = theatre.plan(LAST + timedelta(minutes=1))
    assert report.planned > 0
    theatre.run(LAST + timedelta(minutes=1), allow_mass_change=True)
    after = {source: int(theatre.shown(source).ours["score"]) for source in ("Referral", "List")}
    assert after["Referral"] - after["List"] >= 5
    assert theatre.run(LAST + timedelta(minutes=2)).planned == 0
    with theatre.store.begin() as db:
        Cards(theatre.crm.name).rollback(db, LAST)
    theatre.run(LAST + timedelta(minutes=3), allow_mass_change=True)
    assert {source: theatre.shown(source).ours["score"] for source in ("Referral", "List")} == before
    theatre.close()


def test_leads_nobody_touched_are_not_lost_ones(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, START)
    for name, began in (("first", START), ("second", START + 20 * DAY)):
        theatre.lead(name, began, source="List")
        theatre.change(name, began + 20 * DAY, stage="opportunity")
    for number in range(30):
        theatre.lead(f"lead{number:02}", START + (20 + number) * DAY, source="List")
    theatre.run(LAST)
    with pytest.raises(NothingToLearn, match="of 1 leads whose end is known 1 were won"):
        learned(theatre)
    theatre.close()


def test_only_what_sales_did_in_time_is_work(tmp_path: Path) -> None:
    """Marketing handing a lead over, a call only planned, a touch after the horizon: nobody tried."""
    theatre = Theatre.open(tmp_path, START)
    for number in range(120):
        a_lead(theatre, random.Random(number), f"lead{number:03}", START + number * DAY / 2)
    for number, name in enumerate(("promoted", "planned", "late")):
        theatre.lead(name, START + (30 + number) * DAY, stage="inquiry")
    theatre.change("promoted", START + 40 * DAY, stage="mql", by="max")
    at = START + 45 * DAY
    call = Activity("p", ActivityKind.CALL, at, at - 9 * DAY, "eva", ActorKind.PERSON, planned_for=at)
    theatre.records.log("planned", call)
    theatre.activity("late", START + 100 * DAY, "call", by="eva")
    theatre.run(LAST)
    assert dict(learned(theatre).counted.excluded)["unworked"] == 3
    theatre.close()


def test_leads_from_before_the_first_sync_are_counted_as_such(past: Theatre) -> None:
    found = learned(past)
    assert found.seen_later == found.counted.leads  # all were over when leadsla came


def test_addresses_reach_neither_card_nor_report(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, START)
    dice = random.Random(5)
    for number in range(300):
        name = f"lead{number:03}"
        a_lead(theatre, dice, name, START + DAY * (number * 98 // 300))
        theatre.records.now = at = START + DAY * (number * 98 // 300) + DAY
        page = "/bye?to=eva%40firma.example" if number % 2 else "/unsubscribe/all@firma.example"
        visit = Activity(f"v{number}", ActivityKind.PAGE_VISIT, at, at, content=page, consent="declared")
        theatre.records.log(name, visit)
        fields = theatre.shown(name).lead.fields
        theatre.change(name, at, fields={**fields, "referrer": "hans@firma.example" if number % 3 else ""})
    theatre.run(LAST)
    assert "firma.example" not in json.dumps(report_of(learned(theatre)), default=str)
    theatre.close()


def test_an_approval_made_later_changes_no_report_of_before(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, START)
    dice = random.Random(5)
    for number in range(400):
        a_lead(theatre, dice, f"lead{number:03}", START + DAY * (number * 98 // 400))
    theatre.run(LAST)
    first = learned(theatre)
    with theatre.store.begin() as db:
        cards = Cards(theatre.crm.name)
        cards.approve(db, cards.propose(db, first.proposal.card, LAST), ("Mia", "Sam"), LAST + DAY)
    theatre.run(LAST + 2 * DAY, allow_mass_change=True)
    assert report_of(learned(theatre)) == report_of(first)
    assert report_of(learned(theatre, LAST + 2 * DAY))["approved"] == first.proposal.card.version
    theatre.close()


@pytest.mark.slow
def test_many_leads_counted_on_all_processors_are_counted_the_same(
    past: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = report_of(learned(past))
    monkeypatch.setattr("sync.learning.MANY", 100)
    monkeypatch.setattr("sync.learning._LEADS_A_PIECE", 90)
    assert report_of(learned(past)) == alone


def test_nothing_synced_is_said(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, START)
    with pytest.raises(NothingToLearn, match="run `leadsla sync` first"):
        learned(theatre)
    theatre.close()
