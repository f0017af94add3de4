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
        cards = Cards(theatre.crm.name).in_force(db, as_of)
    approved = cards[-1].card if cards else None
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


def test_nothing_synced_is_said(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, START)
    with pytest.raises(NothingToLearn, match="run `leadsla sync` first"):
        learned(theatre)
    theatre.close()
