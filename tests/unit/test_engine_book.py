"""Who is not a new lead, which agreement covers one, which version a clock keeps, and replaying it all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sla_engine.book import Book, Chapter
from sla_engine.evaluate import evaluate
from sla_engine.replay import replay
from sla_engine.verdict import NextStep
from tests.unit.engine_builders import (
    a_lead,
    agreement,
    clocks,
    done,
    entered,
    given,
    known_as,
    lead_did,
    on,
    shows,
    target,
)

# ---------------------------------------------------------------- not a new lead


@pytest.mark.parametrize("kind", ["customer", "open_opportunity", "in_work"])
def test_somebody_known_elsewhere_belongs_to_the_owner_there_and_gets_no_second_clock(kind):
    known = known_as(kind, "R7", "ben", "mon 08:00")
    verdict = evaluate(a_lead(known), agreement(target()), on("wed 12:00"))
    assert (verdict.clocks, verdict.belongs_to, verdict.sla_status) == ((), known, "none")
    assert (verdict.is_mql, verdict.uncovered, verdict.assign_to) == (False, False, None)
    values = {"kind": kind, "record": "R7", "owner": "ben"}
    assert verdict.next_step == NextStep("known_already", "sales", values=values)


def test_a_lead_is_new_until_it_becomes_known_elsewhere():
    lead = a_lead(known_as("customer", "R7", "ben", "wed 09:00"))
    before = evaluate(lead, agreement(target()), on("tue 13:30"))
    assert (before.belongs_to, shows(before.clocks, "state")) == (None, ["at_risk"])
    assert before.valid_until == on("tue 14:00:01")
    assert evaluate(lead, agreement(target()), on("wed 09:00")).belongs_to == lead.relations[0]


OURS = {
    "name": "customer",
    "when": [{"any": [{"field": "customer", "is": True}, {"field": "account", "matches": "^C-"}]}],
    "because": "is a customer",
}


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        ({"customer": True}, True),
        ({"account": "C-17"}, True),
        ({"customer": False, "account": "P-17"}, False),
        ({}, False),  # cannot tell is not yes
    ],
)
def test_a_customer_is_also_known_by_the_leads_fields(fields, known):
    verdict = evaluate(a_lead(fields=fields), agreement(target(), not_new=[OURS]), on("tue 12:00"))
    assert (verdict.belongs_to is not None, len(verdict.clocks)) == (known, not known)


def test_a_customer_who_buys_again_gets_no_clock_out_of_the_past():
    lead = a_lead(entered("opportunity", "wed 10:00", by="anna"), fields={"customer": True})
    for now in ("tue 12:00", "fri 12:00"):
        assert evaluate(lead, agreement(target(), not_new=[OURS]), on(now)).clocks == ()


def test_a_rule_of_an_agreement_the_lead_comes_under_later_takes_no_running_clock_away():
    partners = agreement(target("partner", "1h"), not_new=[OURS], scope=[{"activity": "hand_raise"}])
    named = partners.model_copy(update={"name": "partners"})
    lead = a_lead(lead_did("hand_raise", "thu 10:00"), fields={"customer": True})
    for now in ("wed 12:00", "thu 12:00"):
        assert shows(clocks(lead, Book.of(named, agreement(target())), now), "target") == ["response"]


# ---------------------------------------------------------------- agreements by scope

PARTNERS = agreement(target("partner", "1h"), name="partners", scope=[{"field": "source", "is": "Partner"}])
ABROAD = agreement(target("abroad", "2h"), name="abroad", scope=[{"field": "country", "in": ["US", "GB"]}])
EVERYBODY = agreement(target("response", "4h"), name="everybody")


@pytest.mark.parametrize(
    ("fields", "expected", "due"),
    [
        ({"source": "Partner", "country": "US"}, PARTNERS, "tue 11:00"),  # the first whose scope it is in
        ({"source": "Web", "country": "US"}, ABROAD, "tue 12:00"),
        ({"source": "Web", "country": "DE"}, EVERYBODY, "tue 14:00"),
        ({}, EVERYBODY, "tue 14:00"),
    ],
)
def test_the_first_agreement_whose_scope_the_lead_is_in_counts(fields, expected, due):
    verdict = evaluate(a_lead(fields=fields), Book.of(PARTNERS, ABROAD, EVERYBODY), on("tue 10:30"))
    assert verdict.agreement_version == expected.version
    assert shows(verdict.clocks, "agreement", "due_at") == [(expected.version, due)]


def test_about_a_lead_outside_every_scope_nobody_promised_anything():
    verdict = evaluate(a_lead(fields={"source": "Web"}), Book.of(PARTNERS, ABROAD), on("wed 12:00"))
    assert (verdict.clocks, verdict.exempt, verdict.uncovered) == ((), True, False)


# ---------------------------------------------------------------- versions

OLD = EVERYBODY
NEW = agreement(target("response", "2h"), target("reply", "1h", phase="sal"), name="everybody")
CHANGED = Book((Chapter(NEW, ((OLD, on("tue 12:00")),)),))


def test_a_clock_keeps_the_version_it_was_opened_under():
    """The second round begins under the new version, the first keeps its four hours."""
    ways = [
        entered("mql", "tue 10:00"),
        entered("recycled", "tue 13:30", "anna"),
        entered("mql", "wed 10:00"),
    ]
    seen = clocks(a_lead(*ways), CHANGED, "wed 10:30")
    assert shows(seen, "agreement", "due_at", "state") == [
        (OLD.version, "tue 14:00", "met"),
        (NEW.version, "wed 12:00", "running"),
    ]


@pytest.mark.parametrize(
    ("handed_over", "version", "due"),
    [
        ("tue 11:59", OLD, "tue 15:59"),
        ("tue 12:00", NEW, "tue 14:00"),  # in force from this instant on
    ],
)
def test_a_version_is_in_force_from_its_instant_on(handed_over, version, due):
    seen = clocks(a_lead(entered("mql", handed_over)), CHANGED, "tue 12:30")
    assert shows(seen, "agreement", "due_at") == [(version.version, due)]


def test_a_new_owner_after_the_change_is_promised_by_the_new_version():
    old, new = (agreement(target(within=within, starts="assigned")) for within in ("4h", "2h"))
    lead = a_lead(given("anna", "mon 09:00"), given("ben", "wed 10:00"), owner="ben")
    seen = clocks(lead, Book((Chapter(new, ((old, on("tue 12:00")),)),)), "wed 10:30")
    assert shows(seen, "owner", "agreement", "due_at", "state") == [
        ("anna", old.version, "tue 14:00", "breached"),
        ("ben", new.version, "wed 12:00", "running"),
    ]


def test_a_target_that_only_the_old_version_had_is_still_asked_for():
    old = agreement(target("call", "8h", met_by=["call"]), name="everybody")
    verdict = evaluate(a_lead(), Book((Chapter(NEW, ((old, on("tue 12:00")),)),)), on("tue 13:00"))
    assert (shows(verdict.clocks, "target"), verdict.next_step.code) == (["call"], "answer")
    assert verdict.agreement_version == NEW.version


@pytest.mark.parametrize(
    ("change", "is_another"),
    [
        ({}, False),
        ({"people": {"anna": {"deputy": "ben"}}, "language": "de", "texts": {"answer": "Antworten"}}, False),
        ({"name": "everyone"}, True),
        ({"scope": [{"field": "country", "is": "DE"}]}, True),
        ({"region": "land"}, True),
    ],
)
def test_people_and_words_make_no_new_version_and_everything_else_does(change, is_another):
    assert (agreement(target(), **change).version != agreement(target()).version) is is_another


def test_leads_handed_over_before_an_agreement_was_in_effect_get_no_clock():
    verdict = evaluate(a_lead(), EVERYBODY, on("tue 12:00"), effective_from=on("tue 10:01"))
    assert (verdict.clocks, verdict.exempt, verdict.uncovered) == ((), True, False)


# ---------------------------------------------------------------- replay


def test_replay_tells_the_whole_story_in_order():
    agreed = agreement(
        target(escalate=[{"at": 2.0, "do": "tell_manager"}]), people={"anna": {"manager": "boss"}}
    )
    lead = a_lead(done("call", "wed 12:00"))
    story = [
        (
            verdict.as_of,
            verdict.sla_status,
            len(verdict.clocks and verdict.clocks[0].steps),
        )
        for verdict in replay(lead, agreed, on("fri 09:00"))
    ]
    assert story == [
        (on("mon 09:00"), "none", 0),
        (on("tue 10:00"), "running", 0),
        (on("tue 13:00"), "at_risk", 0),
        (on("tue 14:00:01"), "breached", 0),
        (on("wed 10:00"), "breached", 1),
        (on("wed 12:00"), "met_late", 1),
    ]


def test_replay_under_a_book_ends_where_judging_ends():
    facts = [lead_did("hand_raise", "tue 11:00"), given("anna", "mon 10:00"), given("ben", "wed 10:00")]
    lead = a_lead(*facts, entered("sal", "wed 11:00", "ben"), owner="ben")
    *_, last = replay(lead, CHANGED, on("thu 12:00"))
    judged = evaluate(lead, CHANGED, on("thu 12:00"))
    assert (last.clocks, last.next_step) == (judged.clocks, judged.next_step)
    assert (
        replace(last, as_of=judged.as_of, interest=judged.interest, valid_until=judged.valid_until) == judged
    )
