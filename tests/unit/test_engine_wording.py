"""What people read: both languages complete, every code with its sentence, own texts, instants by zone."""

from __future__ import annotations

import ast
import string
from datetime import UTC, datetime
from pathlib import Path

import pytest

import sla_engine
from sla_engine.agreement import Agreement
from sla_engine.interest import BEHAVIOUR
from sla_engine.model import LifecycleStage, RelationKind
from sla_engine.scorecard import ScoreLine
from sla_engine.texts import LANGUAGES
from sla_engine.verdict import InterestBand, Missing, NextStep, Reason, Trend
from sla_engine.wording import Wording

ENGLISH, GERMAN = Wording.of("en"), Wording.of("de")
NOON = datetime(2026, 7, 3, 12, 0, tzinfo=UTC)  # a Friday
# Where a code stands among the arguments of what carries it.
CARRIERS = {"Reason": 2, "NextStep": 0, "ScoreLine": 0}


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _strings(node):
    return {
        one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }


def codes_used():
    """Every literal code that the engine gives a reason, a step or a line of the score."""
    found = set()
    for path in Path(sla_engine.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CARRIERS:
                place = CARRIERS[node.func.id]
                given = node.args[place : place + 1] + [
                    one.value for one in node.keywords if one.arg == "code"
                ]
                found |= {code for one in given for code in _strings(one)}
    return found


USED = sorted(codes_used())
WORDS = [
    *InterestBand,
    *Trend,
    *LifecycleStage,
    *RelationKind,
    *sorted(BEHAVIOUR),
    *(f"why_{why}" for why in ("empty", "invalid", "free_mail", "bounced")),
]


def test_the_engines_codes_are_really_found():
    assert {"data_missing", "fit_found", "stray_move", "hand_over", "known_already", "score_fit"} <= set(USED)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", USED)
def test_every_code_of_the_engine_has_a_sentence(code, language):
    assert LANGUAGES[language][code].strip()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("word", WORDS)
def test_every_band_trend_stage_and_kind_has_its_word(word, language):
    assert str(word) in LANGUAGES[language]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", ["answer", "follow_up", "assign", "enrol", "marketing_acts"])
def test_every_step_that_a_target_asks_for_has_a_sentence(code, language):
    assert Wording.of(language).step(NextStep(code, "sales")).strip()


def test_both_languages_have_the_same_texts_in_the_same_order():
    assert list(LANGUAGES["de"]) == list(LANGUAGES["en"])


@pytest.mark.parametrize("code", LANGUAGES["en"])
def test_both_languages_say_a_text_with_the_same_values(code):
    assert placeholders(LANGUAGES["de"][code]) == placeholders(LANGUAGES["en"][code])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_seven_weekdays_and_twelve_months(language):
    texts = LANGUAGES[language]
    assert (len(texts["weekdays"].split()), len(texts["months"].split())) == (7, 12)


@pytest.mark.parametrize(
    ("reason", "english", "german"),
    [
        (
            Reason("data", False, "data_missing", {"missing": "company:empty; email|phone:invalid"}),
            "still unknown: company, email or phone (not valid)",
            "noch unbekannt: company, email oder phone (ungültig)",
        ),
        (
            Reason("market", True, "fit_found", {"because": "we sell {here}", "field": "country"}),
            "we sell {here}",  # the agreement's own words, braces and all
            "we sell {here}",
        ),
        (
            Reason("interest", False, "interest", {"band": "none", "wanted": "medium"}),
            "interest is none, medium is needed",
            "Interesse ist keines, nötig ist mittel",
        ),
        (
            Reason("rejection", False, "reason_missing", {"stage": "recycled"}),
            "recycled without a reason",
            "zurückgegeben ohne Grund",
        ),
        (
            Reason("lifecycle", False, "stray_move", {"from": "sal", "to": "inquiry", "at": NOON}),
            "moved from SAL to inquiry on Fri 3 Jul 14:00 (Europe/Berlin), which is not an agreed move",
            "am Fr 3. Juli 14:00 (Europe/Berlin) von SAL nach Anfrage gesetzt, das ist so nicht vereinbart",
        ),
        (
            Reason(
                "rejection", False, "reason_not_agreed", {"reason": "mood", "agreed": "no time, no budget"}
            ),
            '"mood" is not an agreed reason; agreed are: no time, no budget',
            "„mood“ ist kein vereinbarter Grund; vereinbart sind: no time, no budget",
        ),
    ],
)
def test_a_reason_in_plain_words(reason, english, german):
    assert [one.reason(reason, "Europe/Berlin") for one in (ENGLISH, GERMAN)] == [english, german]


@pytest.mark.parametrize(
    ("step", "english", "german"),
    [
        (
            NextStep("answer", "sales", channel="write"),
            "answer this lead: accept it, reject it with a reason, or get in touch (write, do not call)",
            GERMAN.texts["answer"] + " (schreiben, nicht anrufen)",
        ),
        (
            NextStep("try_more", "sales", values={"made": 2, "attempts": 6, "over": 1, "channels": 2}),
            "try again first: so far 2 of 6 attempts on 1 of 2 channels",
            "erst noch versuchen: bisher 2 von 6 Versuchen auf 1 von 2 Wegen",
        ),
        (
            NextStep("give_reason", "sales", values={"stage": "disqualified"}),
            "give the reason why this lead was disqualified",
            "den Grund angeben, warum dieser Lead disqualifiziert wurde",
        ),
        (
            NextStep("known_already", "sales", values={"kind": "in_work", "record": "L7", "owner": "u9"}),
            "no new lead: in work under L7; tell the owner u9",
            "kein neuer Lead: in Arbeit unter L7; u9 Bescheid geben",
        ),
    ],
)
def test_a_step_in_plain_words(step, english, german):
    assert [one.step(step) for one in (ENGLISH, GERMAN)] == [english, german]


def test_every_criterion_is_a_line_that_says_yes_no_or_cannot_tell():
    reasons = tuple(
        Reason("Market", met, "fit_found", {"because": "we sell there"}) for met in (True, False, None)
    )
    assert ENGLISH.reasons(reasons).splitlines() == [
        "yes: Market - we sell there",
        "no: Market - we sell there",
        "?: Market - we sell there",
    ]
    assert [line.split(":")[0] for line in GERMAN.reasons(reasons).splitlines()] == ["ja", "nein", "?"]


def test_groups_of_minimum_data_are_told_with_what_is_wrong_about_them():
    groups = (Missing(("company",)), Missing(("email", "phone"), "bounced"), Missing(("email",), "free_mail"))
    assert ENGLISH.missing(groups) == "company, email or phone (mail came back), email (private address)"
    assert GERMAN.missing(groups) == "company, email oder phone (Mail kam zurück), email (private Adresse)"


def test_a_line_of_the_score_tells_the_band_in_words():
    line = ScoreLine("score_interest", 35, "medium")
    assert (ENGLISH.score_line(line), GERMAN.score_line(line)) == ("interest medium", "Interesse mittel")


@pytest.mark.parametrize(
    ("instant", "zone", "english", "german"),
    [
        (NOON, "UTC", "Fri 3 Jul 12:00 (UTC)", "Fr 3. Juli 12:00 (UTC)"),
        (NOON, "Europe/Berlin", "Fri 3 Jul 14:00 (Europe/Berlin)", "Fr 3. Juli 14:00 (Europe/Berlin)"),
        (NOON, "Asia/Kolkata", "Fri 3 Jul 17:30 (Asia/Kolkata)", "Fr 3. Juli 17:30 (Asia/Kolkata)"),
        # another day than in UTC
        (
            NOON.replace(hour=23),
            "Asia/Tokyo",
            "Sat 4 Jul 08:00 (Asia/Tokyo)",
            "Sa 4. Juli 08:00 (Asia/Tokyo)",
        ),
        # before and after the clocks go forward
        (
            datetime(2026, 3, 29, 0, 59, tzinfo=UTC),
            "Europe/Berlin",
            "Sun 29 Mar 01:59 (Europe/Berlin)",
            "So 29. März 01:59 (Europe/Berlin)",
        ),
        (
            datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
            "Europe/Berlin",
            "Sun 29 Mar 03:00 (Europe/Berlin)",
            "So 29. März 03:00 (Europe/Berlin)",
        ),
    ],
)
def test_an_instant_is_told_as_people_in_a_zone_say_it(instant, zone, english, german):
    assert (ENGLISH.instant(instant, zone), GERMAN.instant(instant, zone)) == (english, german)


def agreed(**changes):
    day = [["09:00", "17:00"]]
    hours = {"utc": {"tz": "UTC", "weekly": {"mon": day}}}
    return Agreement.model_validate({"name": "A", "default_hours": "utc", "hours": hours, **changes})


def test_an_agreement_speaks_its_language_with_its_own_texts_on_top():
    wording = Wording.for_agreement(agreed(language="de", texts={"answer": "Ruf an!"}))
    assert wording.step(NextStep("answer", "sales")) == "Ruf an!"
    assert wording.step(NextStep("assign", "operations")) == GERMAN.step(NextStep("assign", "operations"))


def test_an_own_text_may_use_the_values_of_its_sentence_or_leave_them_out():
    values = {"made": 2, "attempts": 6, "over": 1, "channels": 2}
    for text, said in (("{made}/{attempts}", "2/6"), ("once more", "once more"), ("{{{made}}}", "{2}")):
        wording = Wording.for_agreement(agreed(texts={"try_more": text}))
        assert wording.step(NextStep("try_more", "sales", values=values)) == said


def test_own_texts_and_languages_are_no_part_of_what_was_signed():
    spoken = agreed(language="de", texts={"answer": "Ruf an!"})
    assert spoken.version == agreed().version
    assert spoken.roster != agreed().roster
