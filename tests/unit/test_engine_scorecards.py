"""An approved card makes the score: line by line, for sure or not at all, and by the card of that time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from leadsla.cli.learned_words import condition
from sla_engine.card import CardInForce, Scorecard
from sla_engine.evaluate import evaluate
from sla_engine.learning.candidates import Candidate, binned, line_of
from sla_engine.learning.points import scores_of
from sla_engine.learning.sample import Feature, Sample
from sla_engine.model import ActivityKind
from sla_engine.score_explained import explain_score
from sla_engine.texts import LANGUAGES
from sla_engine.wording import Wording
from sync.store.packing import verdict_form
from tests.unit.engine_builders import a_lead, agreement, clocks, entered, lead_did, on, shows, target

MICROSECOND = timedelta(microseconds=1)
LONG_AGO = on("mon 00:00")


def line(name, points, group="fit", within=None, **when):
    return {"name": name, "group": group, "points": points, "when": when, "within": within}


GERMAN = line("german", 4, field="country", **{"is": "DE"})
PRICES = line("prices", 6, "interest", "2d", activity="page_visit", content="(?i)pric")
FORM = line("form", 10, "interest", activity="form")


def card(*lines, **more):
    return Scorecard.model_validate({"lines": lines, **more})


def carded(*lines, since=LONG_AGO, parts=None, **more):
    """An agreement under one card."""
    return agreement(**(parts or {})).with_cards((CardInForce(card=card(*lines, **more), since=since),))


def score(lead, agreed, now="wed 10:00"):
    return evaluate(lead, agreed, on(now)).score


def test_lines_that_hold_add_to_what_an_unremarkable_lead_has():
    lead = a_lead(lead_did("form", "mon 10:00"), fields={"country": "de"})
    assert score(lead, carded(GERMAN, FORM)) == 25 + 4 + 10
    assert score(a_lead(), carded(GERMAN, FORM)) == 25, "what nobody knows is worth nothing"
    assert score(lead, agreement()) == 20, "without a card the starting score stays"


@pytest.mark.parametrize("empty", [None, ""])
def test_not_of_what_nobody_knows_is_worth_nothing_either(empty):
    elsewhere = line("elsewhere", 5, **{"not": {"field": "country", "is": "DE"}})
    assert score(a_lead(fields={"country": empty}), carded(elsewhere)) == 25
    assert score(a_lead(fields={"country": "FR"}), carded(elsewhere)) == 30


def test_only_what_happened_in_the_window_counts_to_the_microsecond():
    lead, agreed = a_lead(lead_did("page_visit", "mon 12:00", "Pricing")), carded(PRICES)
    leaves = on("wed 12:00")
    assert evaluate(lead, agreed, leaves - MICROSECOND).score == 31
    assert evaluate(lead, agreed, leaves).score == 25
    assert evaluate(lead, agreed, on("mon 12:00") - MICROSECOND).score == 25


def test_other_content_and_what_was_tracked_without_a_ground_count_nothing():
    assert score(a_lead(lead_did("page_visit", "tue 12:00", "Jobs")), carded(PRICES)) == 25
    untracked = replace(lead_did("page_visit", "tue 12:00", "Pricing"), consent="")
    assert score(a_lead(untracked), carded(PRICES)) == 25


def test_a_verdict_says_when_the_last_visit_leaves_its_window():
    visits = [lead_did("page_visit", at, "Pricing") for at in ("mon 09:00", "mon 15:00")]
    lead = a_lead(*visits, entered("sal", "tue 11:00", by="anna"))
    verdict = evaluate(lead, carded(PRICES), on("tue 12:00"))
    assert verdict.valid_until == on("wed 15:00")


def test_of_several_windows_the_first_to_be_left_ends_the_verdict():
    lead = a_lead(lead_did("page_visit", "tue 08:00", "Prices"), lead_did("form", "mon 08:00"))
    form = {**FORM, "within": "4d"}
    for lines in ((PRICES, form), (form, PRICES)):
        verdict = evaluate(lead, carded(*lines), on("tue 12:00"))
        assert (verdict.score, verdict.valid_until) == (41, on("thu 08:00"))


def test_caps_and_bounds_hold_and_the_lines_add_up_to_the_score():
    lead = a_lead(lead_did("form", "mon 10:00"), fields={"country": "DE"})
    agreed = carded(GERMAN, FORM, caps={"fit": 3, "interest": 8}, intercept=-2.0)
    told = explain_score(lead, agreed, on("wed 10:00"))
    assert [(one.code, one.points, one.detail) for one in told.lines] == [
        ("score_start", 25, ""),
        ("score_line", 4, "german"),
        ("score_line", 10, "form"),
        ("score_cap_fit", -1, ""),
        ("score_cap_interest", -2, ""),
    ]
    assert sum(one.points for one in told.lines) == score(lead, agreed) == 36
    assert told.card == agreed.cards[0].card.version
    assert told.chance == agreed.cards[0].card.chance(11)
    bad = [line(f"bad {number}", -10, field="country", **{"is": "DE"}) for number in range(4)]
    low = explain_score(lead, carded(*bad, caps={"fit": 40}), on("wed 10:00"))
    assert sum(one.points for one in low.lines) == 0
    for language in LANGUAGES:
        assert all(Wording.of(language).score_line(one) for one in (*told.lines, *low.lines))


def test_somebody_who_never_buys_scores_nothing_by_any_card():
    never = {"name": "never", "verdict": "not_a_buyer", "because": "so", "field": "country", "is": "DE"}
    agreed = carded(GERMAN, parts={"fit": [never]})
    lead = a_lead(fields={"country": "DE"})
    assert score(lead, agreed) == 0
    told = explain_score(lead, agreed, on("wed 10:00"))
    assert ([one.code for one in told.lines], told.chance) == (["score_not_a_buyer"], None)


def warm_and_cold():
    """A clock for leads with a score of 35, another for the rest."""
    return agreement(
        target("warm", promise="answer", when=[{"score": 35}]), target("cold", promise="answer", within="8h")
    )


def test_a_clock_that_began_under_one_card_keeps_its_answer_under_the_next():
    lead = a_lead(lead_did("form", "mon 10:00"))
    first = CardInForce(card=card(FORM), since=LONG_AGO)
    later = CardInForce(card=card(GERMAN), since=on("tue 11:00"))
    agreed = warm_and_cold()
    assert shows(clocks(lead, agreed.with_cards((first, later)), "wed 10:00"), "target") == ["warm"]
    assert shows(clocks(lead, agreed.with_cards((later,)), "wed 10:00"), "target") == ["cold"]
    assert evaluate(lead, agreed.with_cards((first, later)), on("wed 10:00")).score == 25


def test_a_card_taken_back_leaves_the_starting_score_from_then_on_only():
    lead = a_lead(lead_did("form", "mon 10:00"))
    cards = (CardInForce(card=card(FORM), since=LONG_AGO), CardInForce(card=None, since=on("wed 09:00")))
    agreed = warm_and_cold().with_cards(cards)
    assert evaluate(lead, agreed, on("wed 08:00")).score == 35
    assert evaluate(lead, agreed, on("wed 10:00")).score == 20
    assert shows(clocks(lead, agreed, "wed 10:00"), "target") == ["warm"]


def test_a_verdict_holds_no_longer_than_until_the_next_card():
    agreed = carded(GERMAN, since=on("tue 12:00"))
    lead = a_lead(entered("sal", "tue 10:30", by="anna"))
    assert evaluate(lead, agreed, on("tue 11:00")).valid_until == on("tue 12:00")


def ready(lead, wanted, holdout=0.0, now="mon 12:00", **more):
    handover = {"interest": "none", "score": wanted}
    agreed = carded(GERMAN, parts={"handover": handover, "scoring": {"holdout": holdout}, **more})
    verdict = evaluate(lead, agreed, on(now))
    return verdict.is_mql, [(one.met, one.code) for one in verdict.reasons if one.criterion == "score"]


def test_a_score_may_be_needed_beside_data_fit_and_interest():
    german, unknown = a_lead(fields={"country": "DE"}), a_lead()
    assert ready(german, 29) == (True, [(True, "score_wanted")])
    assert ready(unknown, 29) == (False, [(False, "score_wanted")])
    assert ready(german, None) == (True, []), "unless it is agreed, no score decides"
    wanted = Wording.of("en").say("score_wanted", {"least": 29})
    assert wanted == "a score of at least 29 is needed"


def test_where_only_the_score_is_too_low_the_next_step_says_so():
    asked = {"handover": {"interest": "none", "score": 29}}
    step = evaluate(a_lead(), carded(GERMAN, parts=asked), on("mon 12:00")).next_step
    assert (step.code, step.responsible) == ("nurture_score", "marketing")
    asked["handover"]["interest"] = "medium"
    step = evaluate(a_lead(), carded(GERMAN, parts=asked), on("mon 12:00")).next_step
    assert step.code == "nurture", "interest comes first"
    for language in LANGUAGES:
        texts = Wording.of(language)
        assert texts.say("nurture_score") != texts.say("nurture")


CONTENTS = (
    "/pricing",
    "/pricing/terms",
    "/old/pricing",
    "/pricing ",
    "/PRICING",
    "a.b",
    "axb",
    "a.b\n",
    "(x",
    "",
)


@pytest.mark.parametrize("seed", range(20))
def test_content_learned_by_equality_scores_in_the_engine_as_it_was_counted(seed):
    dice = np.random.default_rng(seed)
    window = timedelta(days=14)
    visits = [dice.choice(len(CONTENTS), size=dice.integers(0, 4)) for _ in range(40)]
    columns = tuple(
        Feature(
            f"page_visit: {content}",
            "interest",
            "yes_no",
            np.array([any(CONTENTS[at] == content for at in each) for each in visits]).astype(np.int64),
            activity=ActivityKind.PAGE_VISIT,
            content=content,
            window=window,
        )
        for content in CONTENTS[:-1]
    )
    sample = Sample(np.arange(40) % 2 == 0, features=columns)
    one_by_one = [binned(column, sample.won) for column in columns]
    yes = np.array([False, False, True])
    lines = [
        line_of(Candidate(at, yes, "is", value=True), one_by_one, int(dice.integers(1, 5)))
        for at in range(len(columns))
    ]
    learned = Scorecard(lines=tuple(lines))
    agreed = agreement().with_cards((CardInForce(card=learned, since=LONG_AGO),))
    by_engine = [
        score(a_lead(*(lead_did("page_visit", "tue 12:00", CONTENTS[at]) for at in each)), agreed)
        for each in visits
    ]
    assert by_engine == scores_of(learned, sample).tolist()
    assert [condition(line) for line in lines] == [
        f'page visit "{content}" within 14 days' for content in CONTENTS[:-1]
    ]


def test_a_lead_held_out_is_routed_as_if_nobody_knew_its_score():
    """Of the leads "a" and "c", both with a score of 35, the hash draws the first."""
    warm = a_lead(lead_did("form", "mon 10:00"))
    held, free = (replace(warm, lead=replace(warm.lead, id=one)) for one in ("a", "c"))
    assert ready(held, 99, holdout=0.5) == (True, [(None, "score_held_out")])
    other = target("low", promise="other", when=[{"not": {"score": 90}}])
    agreed = agreement(*warm_and_cold().target, other, scoring={"holdout": 0.5})
    agreed = agreed.with_cards((CardInForce(card=card(FORM), since=LONG_AGO),))
    for lead, is_held, targets in ((held, True, ["cold"]), (free, False, ["low", "warm"])):
        verdict = evaluate(lead, agreed, on("wed 10:00"))
        assert (verdict.held_out, verdict.score) == (is_held, 35)
        assert shows(verdict.clocks, "target") == targets


def test_the_share_held_out_is_about_the_one_agreed_and_grows_without_changing_sides():
    ids = [f"00Q{number:06}" for number in range(4_000)]
    few, more = (agreement(scoring={"holdout": share}).scoring for share in (0.1, 0.3))
    held = {one for one in ids if few.holds_out(one)}
    assert 0.08 < len(held) / len(ids) < 0.12
    assert held < {one for one in ids if more.holds_out(one)}


def test_a_recycled_lead_whose_agreed_date_has_come_is_asked_for_no_score():
    back = a_lead(
        entered("recycled", "tue 12:00", by="anna"), fields={"back_on": on("thu 09:00"), "country": "FR"}
    )
    rules = {"rejection": {"recycle": ["no budget"], "return_on": "back_on"}}
    assert ready(back, 60, now="thu 10:00", **rules) == (True, [])
    assert ready(back, 60, now="wed 10:00", **rules) == (False, [(False, "score_wanted")])


def test_cards_and_learning_are_no_part_of_what_was_signed():
    plain, under = agreement(), carded(GERMAN)
    learning = agreement(learning={"landmark": "30d", "fields": ["country"]})
    assert plain.version == under.version == learning.version
    before = "ac1377fdb536"
    assert agreement(target()).version == before, "what was signed before there were scores is no other now"
    assert plain.roster == learning.roster != under.roster
    assert under.with_cards(()).roster == plain.roster
    assert "cards" not in under.model_dump()
    assert plain.version != agreement(scoring={"holdout": 0.1}).version
    assert plain.version != agreement(handover={"score": 30}).version
    with pytest.raises(ValueError, match="cards"):
        agreement(cards=[])


def test_reasons_that_mean_wrong_data_are_agreed_reasons():
    reasons = {"recycle": ["no budget"], "disqualify": ["wrong data"]}
    agreement(rejection=reasons, learning={"bad_data": ["Wrong data"]})
    with pytest.raises(ValueError, match='did you mean "wrong data"'):
        agreement(rejection=reasons, learning={"bad_data": ["wrong date"]})


def test_a_verdict_stored_before_there_was_a_hold_out_can_still_be_read():
    verdict = evaluate(a_lead(), agreement(target()), on("tue 11:00"))
    text = verdict_form.dump_json(verdict).decode()
    assert verdict_form.validate_json(text.replace(',"held_out":false', "")) == verdict
