"""Bad input: refused with lead, field and remedy, or with its place in the agreement."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pydantic import ValidationError

from sla_engine.agreement import Agreement
from sla_engine.business_time import BusinessHours
from sla_engine.errors import BadFact, NaiveInstant
from sla_engine.evaluate import evaluate
from sla_engine.history import history_of
from sla_engine.model import Activity, ActivityKind, Lead, LifecycleStage, OwnerChange, StageChange
from sla_engine.replay import replay

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
NAIVE = NOW.replace(tzinfo=None)
DAY = [["09:00", "17:00"]]
CALL, MQL, RECYCLED = ActivityKind.CALL, LifecycleStage.MQL, LifecycleStage.RECYCLED


def history(*, created=NOW, activities=(), stages=(), owners=()):
    lead = Lead(
        "L7", created, LifecycleStage.INQUIRY, fields={"email": "eva@kontor.de", "last_name": "Muster"}
    )
    return history_of(lead, activities, stages, owners)


@pytest.mark.parametrize(
    ("facts", "field", "remedy"),
    [
        ({"created": NAIVE}, "created_at", "aware"),
        ({"activities": [Activity("a1", CALL, NAIVE, NOW)]}, "activity a1, at", "aware"),
        ({"activities": [Activity("a1", CALL, NOW, NAIVE)]}, "activity a1, known_at", "aware"),
        (
            {"activities": [Activity("a1", CALL, NOW, NOW, planned_for=NAIVE)]},
            "activity a1, planned_for",
            "aware",
        ),
        ({"stages": [StageChange(NAIVE, MQL, id="s1")]}, "stage change s1", "aware"),
        ({"owners": [OwnerChange(NAIVE, "anna", id="o1")]}, "owner change o1", "aware"),
        # kinds and stages that nobody mapped; the right word as plain text is not yet a kind
        ({"activities": [Activity("a1", "fax", NOW, NOW)]}, "activity a1", "hand_raise"),
        ({"activities": [Activity("a1", "call", NOW, NOW)]}, "activity a1", "hand_raise"),
        ({"activities": [Activity("a1", None, NOW, NOW)]}, "activity a1", "hand_raise"),
        ({"stages": [StageChange(NOW, "won", id="s1")]}, "stage", "opportunity"),
        ({"stages": [StageChange(NOW, "mql", id="s1")]}, "stage", "opportunity"),
        # an id names a round: two entries with one id would be two rounds that overlap
        (
            {"stages": [StageChange(NOW, MQL, id="s1"), StageChange(NOW + timedelta(days=1), MQL, id="s1")]},
            "stage change s1",
            "id of its own",
        ),
        (
            {"stages": [StageChange(NOW, MQL, id="s1"), StageChange(NOW, RECYCLED, id="s1")]},
            "stage change s1",
            "id of its own",
        ),
    ],
)
def test_a_fact_that_makes_no_sense_is_refused_with_lead_field_and_remedy(facts, field, remedy):
    with pytest.raises(BadFact) as refused:
        history(**facts)
    assert (refused.value.lead_id, refused.value.field) == ("L7", field)
    assert remedy in refused.value.remedy
    told = str(refused.value)
    assert told.startswith(f"lead L7, {field}: ")
    assert told.endswith(refused.value.remedy)
    assert "kontor" not in told  # no names, no addresses
    assert "Muster" not in told


def test_the_same_fact_twice_is_no_mistake():
    change, call = StageChange(NOW, MQL, id="s1"), Activity("a1", CALL, NOW, NOW)
    assert history(stages=[change, change], activities=[call, call]) == history(
        stages=[change], activities=[call]
    )


def agreement():
    """A small agreement as the configuration writes it."""
    return {
        "name": "A",
        "default_hours": "berlin",
        "hours": {"berlin": {"tz": "Europe/Berlin", "weekly": {"mon": DAY, "tue": DAY}}},
        "minimum": {"required": ["company", ["email", "phone"]]},
        "fit": [
            {"name": "market", "field": "country", "in": ["DE"], "verdict": "buyer", "because": "we sell"}
        ],
        "interest": {"points": {"form": 10}},
        "target": [{"name": "response", "phase": "mql", "within": "4h"}],
    }


def test_the_agreement_under_attack_is_sound():
    loaded = Agreement.model_validate(agreement())
    assert loaded.hours["berlin"].is_open(datetime(2026, 3, 2, 8, tzinfo=UTC))


def test_no_question_is_answered_about_an_instant_without_a_zone():
    now, loaded, lead = NAIVE, Agreement.model_validate(agreement()), history()
    hours = loaded.hours["berlin"]
    hour = timedelta(hours=1)
    for ask in (
        lambda: evaluate(lead, loaded, now),
        lambda: list(replay(lead, loaded, now)),
        lambda: hours.add(now, hour),
        lambda: hours.add(now, timedelta(0)),
        lambda: hours.between(now, NOW),
        lambda: hours.between(NOW, now),
        lambda: hours.is_open(now),
        lambda: hours.next_opening(now),
        lambda: hours.explain(now, hour),
        lambda: hours.spans(now, NOW),
        lambda: hours.end_of_working_day(now, 1),
    ):
        with pytest.raises(NaiveInstant, match="has no time zone; give an aware datetime"):
            ask()


def test_arrays_with_a_hole_in_them_are_refused():
    hours = Agreement.model_validate(agreement()).hours["berlin"]
    hole = np.array(["2026-03-02T09:00", "NaT"], "datetime64[s]")
    with pytest.raises(ValueError, match="an instant is missing"):
        hours.add_many(hole, timedelta(hours=1))


TARGET = ("target", 0)


def step(**rung):
    return (*TARGET, "escalate"), [{"at": 2.0, "do": "remind_owner", **rung}]


@pytest.mark.parametrize(
    ("where", "value", "place", "words"),
    [
        # unknown keys, however deep
        (("colour",), "red", "colour", "not permitted"),
        (("interest", "half_live"), "7d", "interest.half_live", "not permitted"),
        ((*TARGET, "whithin"), "4h", "target.0.whithin", "not permitted"),
        (("hours", "berlin", "timezone"), "UTC", "hours.berlin.timezone", "not permitted"),
        (("rejection", "reasons"), ["x"], "rejection.reasons", "not permitted"),
        # durations
        (("interest", "half_life"), "-7d", "interest.half_life", "is no duration"),
        (("interest", "half_life"), timedelta(days=-7), "interest.half_life", "is no duration"),
        (("interest", "half_life"), "0d", "interest.half_life", "is no duration"),
        (("interest", "half_life"), 14, "interest.half_life", "is no duration"),
        (("interest", "half_life"), "a week", "interest.half_life", "is no duration"),
        ((*TARGET, "within"), "1.5h", "target.0.within", "is no duration"),
        ((*TARGET, "within"), "4 h", "target.0.within", "is no duration"),
        ((*TARGET, "within"), "", "target.0.within", "is no duration"),
        ((*TARGET, "within"), "2d", "target.0.within", "a day is not the same everywhere"),
        ((*TARGET, "pauses"), [{"when": "hold", "at_most": "0h"}], "pauses.0.at_most", "is no duration"),
        # kinds, stages and parties nobody knows
        (("interest", "points"), {"fax": 3}, "interest.points.fax", "hand_raise"),
        (("interest", "cap"), [{"kind": "fax", "points": 3}], "interest.cap.0.kind", "hand_raise"),
        (("interest", "cap"), [{"kind": "form", "points": 3, "per": "year"}], "interest.cap.0.per", "month"),
        (("interest", "cap"), [{"kind": "form", "points": 0}], "interest.cap.0.points", "greater than 0"),
        (("interest", "scanners"), {"links": 1}, "interest.scanners.links", "2"),
        (("interest", "bands"), {"low": 10, "medium": 5}, "interest.bands", "bands must rise"),
        ((*TARGET, "phase"), "won", "target.0.phase", "opportunity"),
        ((*TARGET, "responsible"), "boss", "target.0.responsible", "marketing"),
        ((*TARGET, "met_by"), ["phoned"], "target.0.met_by", "call"),
        (("lifecycle",), {"moves": {"mql": ["won"]}}, "lifecycle.moves.mql", "opportunity"),
        (("language",), "fr", "language", "'de'"),
        (("minimum", "country"), "Germany", "minimum.country", "pattern"),
        # hours that point nowhere
        (("default_hours",), "berln", "", 'no hours called "berln", did you mean "berlin"?'),
        (("hours_by_time_zone",), {"UTC": "utc"}, "", "hours_by_time_zone.UTC: there are no hours"),
        (("hours_by_region",), {"US": "boston"}, "", "hours_by_region.US: there are no hours"),
        ((*TARGET, "hours"), "night", "", 'target response: there are no hours called "night"'),
        (("people",), {"anna": {"hours": "night"}}, "", "people.anna: there are no hours"),
        # targets that never end, or that nothing meets or opens
        ((*TARGET, "within"), "99999h", "", "target response never ends on the hours of berlin"),
        ((*TARGET, "met_by"), [], "target.0", "nothing meets this target"),
        ((*TARGET, "warn_at"), [], "target.0", "warn_at is a share between 0 and 1"),
        ((*TARGET, "warn_at"), 1, "target.0", "warn_at is a share between 0 and 1"),
        ((*TARGET, "starts"), "inbound_activity", "target.0", "`activities` says which"),
        ((*TARGET, "activities"), ["form"], "target.0", "`activities` says which"),
        ((*TARGET, "joins_within"), "1h", "target.0", "belongs to inbound_activity"),
        # ladders
        (*step(do="reassign"), "target.0.escalate.0", "`to` says to whom"),
        (*step(to="bob"), "target.0.escalate.0", "`to` says to whom"),
        (*step(every="1h"), "target.0.escalate.0", "belong together"),
        (*step(times=3), "target.0.escalate.0", "belong together"),
        (*step(do="reassign", to="bob", every="1h", times=2), "target.0.escalate.0", "happens once"),
        (*step(at=0), "target.0.escalate.0.at", "more than 0"),
        (*step(at=-1.5), "target.0.escalate.0.at", "more than 0"),
        (*step(at="2d"), "target.0.escalate.0.at", "a day is not the same everywhere"),
        (*step(at=True), "target.0.escalate.0.at", "is no duration"),
        (*step(every="1h", times=21), "target.0.escalate.0.times", "20"),
        (*step(do="shout"), "target.0.escalate.0.do", "tell_manager"),
        # what is judged must be asked for
        (("minimum", "must_be"), {"mobile": "phone"}, "minimum", "does not ask for: mobile"),
        (("minimum", "must_be"), {"email": "fax"}, "minimum.must_be.email", "business_email"),
        # conditions say one thing
        ((*TARGET, "when"), [{}], "target.0.when.0", "name exactly one of"),
        ((*TARGET, "when"), [{"field": "a", "is": 1, "score": 5}], "target.0.when.0", "exactly one of"),
        ((*TARGET, "when"), [{"field": "a"}], "target.0.when.0", "a `field` needs one of"),
        ((*TARGET, "when"), [{"field": "a", "matches": "("}], "when.0.matches", "regular expression"),
        ((*TARGET, "when"), [{"content": "x", "score": 5}], "target.0.when.0", "belongs to an `activity`"),
        # promises, reasons, people, texts
        (("volume",), {"accepted_share": 0}, "volume.accepted_share", "greater than 0"),
        (("volume",), {"accepted_share": 70}, "volume.accepted_share", "less than or equal to 1"),
        (("rejection",), {"cadence": {"reasons": ["x"], "attempts": 0, "working_days": 5}}, "attempts", "1"),
        (("people",), {"anna": {"deputy": "anna"}}, "people", "cannot stand in for themselves"),
        (("people",), {"anna": {"absent": [["2026-03-09", "2026-03-02"]]}}, "people", "before it begins"),
        (("texts",), {"anser": "x"}, "", "texts.anser: there is no such text"),
        (("texts",), {"answer": "{name}"}, "", "texts.answer: there is nothing to put in for {name}"),
        (("texts",), {"answer": "{"}, "", "texts.answer: "),
        # calendars
        (("hours", "berlin", "tz"), "Europe/Berln", "hours.berlin", "there is no time zone Europe/Berln"),
        (("hours", "berlin", "tz"), "", "hours.berlin", "there is no time zone"),
        (("hours", "berlin", "weekly"), {"mon": [["09:00", "09:00"]]}, "hours.berlin", "ends when it starts"),
        (("hours", "berlin", "breaks"), {"2026-03-02": [["12:00", "12:00"]]}, "hours.berlin", "ends when"),
        (("hours", "berlin", "weekly"), {}, "hours.berlin", "no working time at all"),
        (("hours", "berlin", "weekly"), {"mon": []}, "hours.berlin", "no working time at all"),
        (("hours", "berlin", "weekly"), {"mo": DAY}, "hours.berlin.weekly.mo", "'mon'"),
        (("hours", "berlin", "weekly"), {"mon": [["25:00", "26:00"]]}, "weekly.mon.0.0", "is no time of day"),
        (("hours", "berlin", "holidays"), {"country": "XX"}, "hours.berlin.holidays", "XX"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_agreement_is_refused_with_its_place(where, value, place, words):
    broken = deepcopy(agreement())
    at = broken
    for key in where[:-1]:
        at = at.setdefault(key, {}) if isinstance(at, dict) else at[key]
    at[where[-1]] = value
    with pytest.raises(ValidationError) as refused:
        Agreement.model_validate(broken)
    told = [(".".join(str(key) for key in one["loc"]), one["msg"]) for one in refused.value.errors()]
    assert any(place in spot and words in said for spot, said in told), told


@pytest.mark.parametrize("part", ["target", "fit"])
def test_two_of_one_name_are_refused(part):
    doubled = agreement()
    doubled[part] *= 2
    with pytest.raises(ValidationError, match=f"two {part}.* are called {doubled[part][0]['name']}"):
        Agreement.model_validate(doubled)


def test_nobody_in_line_is_nobody_to_reassign_to():
    broken = agreement() | {"people": {"anna": {"manager": "chef"}}}
    broken["target"][0]["escalate"] = [{"at": 2.0, "do": "reassign", "to": "next_in_line"}]
    with pytest.raises(ValidationError, match="nobody in `people` is in_line"):
        Agreement.model_validate(broken)


def test_all_names_that_point_nowhere_are_told_at_once():
    broken = agreement() | {"default_hours": "x", "hours_by_region": {"US": "y"}, "texts": {"z": ""}}
    with pytest.raises(ValidationError) as refused:
        Agreement.model_validate(broken)
    assert all(name in str(refused.value) for name in ("default_hours", "hours_by_region.US", "texts.z"))


def test_a_calendar_that_hardly_opens_says_so_instead_of_searching_for_ever():
    once = BusinessHours(tz="UTC", overrides={"2026-03-02": DAY})
    assert once.add(datetime(2026, 3, 1, tzinfo=UTC), timedelta(hours=8)) == datetime(
        2026, 3, 2, 17, tzinfo=UTC
    )
    with pytest.raises(OverflowError, match="not open often enough"):
        once.add(datetime(2026, 3, 1, tzinfo=UTC), timedelta(hours=8, seconds=1))
