"""A scorecard's life: proposed, approved, in force from the next run on, rolled back; and what that writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.base import SetFields
from connectors.errors import Misconfigured
from sla_engine.agreement import Agreement
from sla_engine.book import Book
from sla_engine.card import Scorecard
from sla_engine.score_explained import explain_score
from sync.guard import Brakes, GuardStopped
from sync.store import Store
from sync.store.agreements import Agreements
from sync.store.cards import Cards, NothingToRollBack
from sync.store.facts import Facts
from sync.store.work import Work
from tests.scenarios.theatre import Theatre, the_agreement

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
BOTH = ("Ada from sales", "Max from marketing")
GERMANY = {"name": "Germany", "group": "fit", "points": 5, "when": {"field": "country", "is": "DE"}}
FORM = {"name": "form", "group": "interest", "points": 9, "when": {"activity": "form"}}
CARD = Scorecard.model_validate({"lines": [GERMANY, FORM], "data": "abc"})
OTHER = Scorecard.model_validate({"lines": [{**GERMANY, "points": -9}]})


def after(minutes: int) -> datetime:
    return NINE + timedelta(minutes=minutes)


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    """Three German leads and a French one that nothing is known of, judged once by the starting score."""
    one = Theatre.open(tmp_path, NINE)
    for name in ("ada", "bob", "cleo"):
        one.lead(name, NINE, stage="inquiry")
    one.lead("dan", NINE, stage="inquiry", country="FR")
    one.run(after(1))
    yield one
    one.close()


def approved(theatre: Theatre, card: Scorecard, at: datetime) -> None:
    with theatre.store.begin() as db:
        cards = Cards(theatre.crm.name)
        cards.approve(db, cards.propose(db, card, at), BOTH, at)


def rolled_back(theatre: Theatre, at: datetime) -> str | None:
    with theatre.store.begin() as db:
        return Cards(theatre.crm.name).rollback(db, at)


def called(theatre: Theatre) -> Counter[str]:
    return Counter(theatre.crm.calls().by_kind)


def scores(theatre: Theatre) -> dict[str, str]:
    return {name: theatre.shown(name).ours["score"] for name in ("ada", "bob", "cleo", "dan")}


def asking(theatre: Theatre, least: int | None, holdout: float = 0.0) -> None:
    """A handover that asks for a score and no interest, with a share held out."""
    said = {"handover": {"interest": "none", "score": least}, "scoring": {"holdout": holdout}}
    theatre.agreement = Agreement.model_validate({**the_agreement().model_dump(by_alias=True), **said})


STARTING = {"ada": "50", "bob": "50", "cleo": "50", "dan": "20"}
BY_CARD = {"ada": "30", "bob": "30", "cleo": "30", "dan": "25"}


def test_the_next_run_writes_scores_by_an_approved_card_in_one_call(theatre: Theatre) -> None:
    assert scores(theatre) == STARTING
    with theatre.store.begin() as db:
        Cards(theatre.crm.name).propose(db, CARD, after(2))
    before = called(theatre)
    assert theatre.run(after(3)).evaluated == 0, "a proposal changes nothing"
    quiet = called(theatre) - before
    approved(theatre, CARD, after(4))
    before = called(theatre)
    report = theatre.run(after(5))
    assert (report.evaluated, report.written, scores(theatre)) == (4, 4, BY_CARD)
    assert all(isinstance(row.change, SetFields) for row in theatre.outbox("written"))
    assert called(theatre) - before == quiet + Counter(write=1)
    assert theatre.run(after(6)).evaluated == 0


def test_a_score_by_a_card_is_written_when_it_moves_five_points_or_the_band_changes(theatre: Theatre) -> None:
    approved(theatre, CARD, after(2))
    theatre.run(after(3))
    nudged = Scorecard.model_validate({"lines": [{**GERMANY, "points": 9}, FORM]})
    approved(theatre, nudged, after(4))
    assert theatre.run(after(5)).written == 0
    assert scores(theatre) == BY_CARD
    theatre.activity("ada", after(6), "form")
    assert theatre.run(after(7)).written == 1
    assert scores(theatre)["ada"] == "43"


def test_reasons_follow_where_a_score_is_agreed_and_a_plan_tells_who_crosses_the_threshold(
    theatre: Theatre,
) -> None:
    asking(theatre, 40)
    theatre.run(after(2))
    assert "no: score - a score of at least 40 is needed" in theatre.shown("dan").ours["reasons"]
    approved(theatre, CARD, after(3))
    report, plan, _ = theatre.plan(after(4))
    assert (report.ready_now, report.ready_no_more) == (0, 3)
    assert report.remarks()[0] == (
        "leads that cross the MQL threshold: 0 newly ready for sales, 3 no longer ready"
    )
    assert {change.lead_id for change in plan.changes} == {"ada", "bob", "cleo", "dan"}
    report = theatre.run(after(5))
    assert (report.ready_now, report.ready_no_more) == (0, 3)
    assert report.as_json()["ready_no_more"] == 3
    assert theatre.shown("ada").ours["qualification"] == "not_yet"
    assert "no: score" in theatre.shown("ada").ours["reasons"]


def test_rolling_back_returns_the_scores_there_were(theatre: Theatre) -> None:
    approved(theatre, OTHER, after(2))
    theatre.run(after(3))
    first = scores(theatre)
    approved(theatre, CARD, after(4))
    theatre.run(after(5))
    assert scores(theatre) == BY_CARD != first
    assert rolled_back(theatre, after(6)) == OTHER.version
    theatre.run(after(7))
    assert scores(theatre) == first
    assert rolled_back(theatre, after(8)) is None
    theatre.run(after(9))
    assert scores(theatre) == STARTING
    with pytest.raises(NothingToRollBack):
        rolled_back(theatre, after(10))


def test_what_was_in_force_when_is_kept_to_the_runs_own_instants(theatre: Theatre) -> None:
    """Approved by a clock that goes wrong: the CRM's own tells since when a card counts."""
    approved(theatre, CARD, after(500))
    theatre.run(after(5))
    rolled_back(theatre, after(-500))
    theatre.run(after(6))
    with theatre.store.begin() as db:
        found = Cards(theatre.crm.name).in_force(db, after(7))
        (kept,) = Cards(theatre.crm.name).kept(db)
    assert [(one.card, one.since) for one in found] == [(CARD, after(5)), (None, after(6))]
    assert (kept.approvals, kept.is_in_force) == ([(after(500), BOTH)], False)


def test_a_clock_keeps_what_the_card_of_its_beginning_said(theatre: Theatre) -> None:
    response = {"name": "response", "phase": "mql", "within": "2h", "promise": "answer"}
    calm = {**response, "name": "calm", "within": "8h"}
    targets = [{**response, "when": [{"score": 40}]}, calm]
    raw = the_agreement().model_dump(by_alias=True)
    theatre.agreement = Agreement.model_validate({**raw, "target": targets})
    theatre.change("ada", after(2), stage="mql", by="flow")
    theatre.run(after(3))
    approved(theatre, CARD, after(4))
    theatre.change("bob", after(5), stage="mql", by="flow")
    theatre.run(after(6))  # in force from here on: bob was handed over before
    theatre.change("cleo", after(7), stage="mql", by="flow")
    theatre.run(after(8))
    with theatre.store.begin() as db:
        verdicts = {one.lead_id: one for one in Work(theatre.crm.name).verdicts(db)}
    targets = {name: [clock.target for clock in verdicts[name].clocks] for name in ("ada", "bob", "cleo")}
    assert targets == {"ada": ["response"], "bob": ["response"], "cleo": ["calm"]}


def test_leads_held_out_are_ready_without_the_score_and_their_verdict_says_so(theatre: Theatre) -> None:
    approved(theatre, CARD, after(2))
    asking(theatre, 99, holdout=0.5)
    theatre.run(after(3))
    with theatre.store.begin() as db:
        verdicts = {one.lead_id: one for one in Work(theatre.crm.name).verdicts(db)}
    held = {name for name, one in verdicts.items() if one.held_out}
    assert held
    assert held == {name for name, one in verdicts.items() if one.is_mql}
    assert held < verdicts.keys()
    assert all("held out" in theatre.shown(name).ours["reasons"] for name in held)


def test_a_card_that_changes_many_leads_waits_for_consent_as_an_agreement_does(theatre: Theatre) -> None:
    theatre.settings = replace(theatre.settings, brakes=Brakes(share=0.1, floor=1))
    approved(theatre, CARD, after(2))
    with pytest.raises(GuardStopped, match="--allow-mass-change"):
        theatre.run(after(3))
    assert scores(theatre) == STARTING
    _, plan, _ = theatre.plan(after(4))
    assert theatre.run(after(5), approved=plan).written == 4
    assert scores(theatre) == BY_CARD
    assert theatre.run(after(6)).planned == 0, "nothing is left that the brake could hold"
    rolled_back(theatre, after(6))
    assert theatre.run(after(7), allow_mass_change=True).written == 4
    assert scores(theatre) == STARTING


def in_force(theatre: Theatre) -> list[tuple[str, datetime]]:
    with theatre.store.begin() as db:
        found = Cards(theatre.crm.name).in_force(db, after(9_999))
    return [(one.card.version if one.card else "", one.since) for one in found]


def test_after_the_brake_a_plan_still_says_who_crosses_and_nothing_is_in_force(theatre: Theatre) -> None:
    asking(theatre, 40)
    theatre.run(after(2))
    first = theatre.agreement
    theatre.settings = replace(theatre.settings, brakes=Brakes(share=0.1, floor=1))
    approved(theatre, CARD, after(3))
    asking(theatre, 35)
    for minute in (4, 5):
        with pytest.raises(GuardStopped):
            theatre.run(after(minute))
        report, _, _ = theatre.plan(after(minute))
        assert (report.ready_now, report.ready_no_more) == (0, 3)
    with theatre.store.begin() as db:
        signed = [version for version, _ in Agreements(theatre.crm.name).history(db, first.name)]
    assert signed[-1] == first.version, "a run that wrote nothing binds nobody"
    assert in_force(theatre) == [(CARD.version, after(9_999))], "as if it began now"
    report = theatre.run(after(6), allow_mass_change=True)
    assert (report.ready_now, report.ready_no_more) == (0, 3)
    assert in_force(theatre) == [(CARD.version, after(6))]
    assert theatre.plan(after(7))[0].ready_no_more == 0


def test_a_card_rolled_back_after_the_brake_held_it_leaves_nobody_crossing(theatre: Theatre) -> None:
    asking(theatre, 40)
    theatre.run(after(2))
    theatre.settings = replace(theatre.settings, brakes=Brakes(share=0.1, floor=1))
    approved(theatre, CARD, after(3))
    with pytest.raises(GuardStopped):
        theatre.run(after(4))
    rolled_back(theatre, after(5))
    report = theatre.run(after(6))
    assert (report.ready_now, report.ready_no_more, report.planned) == (0, 0, 0)


def test_an_approved_plan_puts_card_and_agreement_in_force_and_is_announced_once(theatre: Theatre) -> None:
    asking(theatre, 40)
    theatre.run(after(2))
    approved(theatre, CARD, after(2))
    asking(theatre, 35)
    _, plan, _ = theatre.plan(after(3))
    report = theatre.run(after(4), approved=plan)
    assert (report.written, report.ready_no_more, in_force(theatre)) == (4, 3, [(CARD.version, after(4))])
    with theatre.store.begin() as db:
        signed = Agreements(theatre.crm.name).history(db, theatre.agreement.name)
        verdicts = Work(theatre.crm.name).verdicts(db)
    assert signed[-1] == (theatre.agreement.version, after(4))
    assert {str(one.score) for one in verdicts} == set(BY_CARD.values())
    report, plan, _ = theatre.plan(after(5))
    assert (report.ready_now, report.ready_no_more, plan.changes) == (0, 0, ())
    assert theatre.run(after(6)).planned == 0


def test_what_a_lead_needs_by_now_follows_an_approved_plan_that_is_older(theatre: Theatre) -> None:
    theatre.change("ada", after(2), stage="mql", by="flow")
    approved(theatre, CARD, after(2))
    _, plan, _ = theatre.plan(after(3))
    theatre.run(after(115), approved=plan)  # at risk meanwhile
    assert theatre.shown("ada").ours["status"] == "running"
    theatre.run(after(116))
    assert theatre.shown("ada").ours["status"] == "at_risk"


def test_a_lead_held_out_shows_the_score_that_explain_explains(theatre: Theatre) -> None:
    approved(theatre, CARD, after(2))
    asking(theatre, 99, holdout=0.5)
    theatre.run(after(3))
    with theatre.store.begin() as db:
        book = Agreements(theatre.crm.name).with_past(db, Book.of(theatre.agreement), after(4))
        known = list(Facts(theatre.crm.name).known(db, sorted(BY_CARD)))
    assert any(theatre.agreement.scoring.holds_out(one.seen.lead.id) for one in known)
    for one in known:
        told = explain_score(one.history, book.agreements[0], after(4))
        assert theatre.shown(one.seen.lead.id).ours["score"] == str(sum(line.points for line in told.lines))


def test_a_plan_read_before_another_card_was_approved_is_void(theatre: Theatre) -> None:
    _, plan, _ = theatre.plan(after(2))
    approved(theatre, CARD, after(3))
    with pytest.raises(Misconfigured, match="another agreement, card or"):
        theatre.run(after(4), approved=plan)


def test_shadow_mode_judges_by_the_card_and_puts_nothing_in_force(theatre: Theatre) -> None:
    theatre.settings = replace(theatre.settings, mode="shadow")
    theatre.run(after(2))
    approved(theatre, CARD, after(3))
    assert theatre.run(after(4)).would["SetFields"] == 4
    with theatre.store.begin() as db:
        (one,) = Cards(theatre.crm.name).in_force(db, after(9))
    assert one.since == after(9), "as if it began now"
    theatre.settings = replace(theatre.settings, mode="live")
    theatre.run(after(10))
    with theatre.store.begin() as db:
        (one,) = Cards(theatre.crm.name).in_force(db, after(11))
    assert one.since == after(10)


def test_cards_belong_to_one_connection_and_never_travel_with_an_agreement(theatre: Theatre) -> None:
    approved(theatre, CARD, after(2))
    theatre.run(after(3))
    with theatre.store.begin() as db:
        assert Cards("another").in_force(db, after(4)) == ()
        stored = db.execute(sa.text("SELECT body FROM agreements")).scalars().all()
        assert not any("Germany" in body or "learning" in body for body in stored)
        asking(theatre, 40)
        book = Agreements(theatre.crm.name).with_past(db, Book.of(theatre.agreement), after(4))
    (chapter,) = book.chapters
    ((signed, _),) = chapter.earlier
    assert chapter.current.cards == signed.cards
    assert chapter.current.cards[0].card == CARD


def test_the_same_card_proposed_twice_is_one(theatre: Theatre) -> None:
    with theatre.store.begin() as db:
        cards = Cards(theatre.crm.name)
        versions = {cards.propose(db, CARD, after(minute)) for minute in (2, 3)}
        kept = cards.kept(db)
        with pytest.raises(KeyError):
            cards.approve(db, "nonsense", BOTH, after(4))
    assert versions == {CARD.version}
    assert [(one.card, one.proposed_at) for one in kept] == [(CARD, after(2))]


def test_a_card_of_another_leadsla_leaves_the_starting_score(theatre: Theatre) -> None:
    approved(theatre, CARD, after(2))
    with theatre.store.begin() as db:
        db.execute(sa.text("UPDATE cards SET body = '{\"lines\": 1}'"))
    report = theatre.run(after(3))
    assert scores(theatre) == STARTING
    (told,) = report.remarks()
    assert told.startswith(f"warning: this leadsla cannot read the approved card {CARD.version}")
    assert theatre.plan(after(4))[0].unreadable_card == CARD.version
    rolled_back(theatre, after(5))
    assert theatre.run(after(6)).remarks() == []


def test_a_state_of_before_there_were_cards_goes_on(tmp_path: Path) -> None:
    """Facts and verdicts stay; nothing is judged anew, since nobody approved anything."""
    theatre = Theatre.open(tmp_path, NINE)
    theatre.lead("ada", NINE)
    theatre.run(after(1))
    with theatre.store.engine.begin() as db:
        db.execute(sa.text("DROP TABLE cards"))
        db.execute(sa.text("DROP TABLE cards_in_force"))
        db.execute(sa.text("DROP TABLE removed"))
        db.execute(sa.text("DROP TABLE visits"))
        db.execute(sa.text("DROP TABLE hints"))
        db.execute(sa.text("ALTER TABLE leads DROP COLUMN mark"))
        db.execute(sa.text("UPDATE alembic_version SET version_num = '0004'"))
        text = db.execute(sa.text("SELECT verdict FROM leads")).scalar_one()
        old = text.replace(',"held_out":false', "")
        assert old != text
        db.execute(sa.text("UPDATE leads SET verdict = :old"), {"old": old})
    theatre.close()
    theatre.store = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    with theatre.store.begin() as db:
        (known,) = Facts("memory").known(db, ["ada"])
        (verdict,) = Work("memory").verdicts(db)
        assert Work("memory").were_ready(db, ["ada", "nobody"]) == {"ada": verdict.is_mql}
    assert (known.seen.lead.id, verdict.held_out) == ("ada", False)
    assert theatre.run(after(2)).evaluated == 0
    approved(theatre, CARD, after(3))
    assert theatre.run(after(4)).evaluated == 1
    theatre.close()
