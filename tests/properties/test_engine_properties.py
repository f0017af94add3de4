"""What must hold for every calendar, history and instant."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import connectors
import leadsla
import sla_engine
import sync
from sla_engine.agreement import Agreement
from sla_engine.business_time import BusinessHours
from sla_engine.evaluate import evaluate
from sla_engine.history import history_of
from sla_engine.model import Activity, ActivityKind, ActorKind, Lead, LifecycleStage, StageChange

AGREEMENT = Agreement.model_validate(
    tomllib.loads((Path(__file__).parents[2] / "config.toml").read_text(encoding="utf-8"))["agreement"]
)
SHIFTS = st.lists(
    st.tuples(st.integers(0, 95), st.integers(1, 96)).filter(lambda pair: pair[0] != pair[1] % 96),
    max_size=2,
).map(lambda pairs: [[_clock(a), _clock(b)] for a, b in pairs])
CALENDARS = st.builds(
    lambda tz, days: BusinessHours(tz=tz, weekly={**days, "wed": [["09:00", "17:00"]]}),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]),
    st.dictionaries(st.sampled_from(["mon", "tue", "thu", "sun"]), SHIFTS),
)
INSTANTS = st.integers(0, 60 * 86400).map(lambda s: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=s))
DURATIONS = st.integers(1, 200 * 3600).map(lambda s: timedelta(seconds=s))


def _clock(quarter):
    return f"{quarter // 4:02d}:{quarter % 4 * 15:02d}"


@given(CALENDARS, INSTANTS, DURATIONS)
@settings(max_examples=150, deadline=None)
def test_adding_and_measuring_agree(hours, start, duration):
    end = hours.add(start, duration)
    assert hours.between(start, end) == duration
    assert hours.add(end, -duration) >= start
    assert hours.is_open(end - timedelta(seconds=1))


@given(CALENDARS, INSTANTS, DURATIONS, DURATIONS)
@settings(max_examples=100, deadline=None)
def test_adding_twice_is_adding_the_sum_and_grows_with_start(hours, start, first, second):
    assert hours.add(hours.add(start, first), second) == hours.add(start, first + second)
    assert hours.add(start, first) <= hours.add(start + second, first)


@given(CALENDARS, INSTANTS)
@settings(max_examples=50, deadline=None)
def test_a_day_measured_equals_a_walk_minute_by_minute(hours, start):
    start = start.replace(second=0)
    minutes = sum(hours.is_open(start + timedelta(minutes=n)) for n in range(300))
    assert hours.between(start, start + timedelta(minutes=300)) == timedelta(minutes=minutes)


ACTIVITIES = st.lists(
    st.builds(
        lambda kind, at, by, n: Activity(f"{kind}-{n}-{at}", kind, at, at, "rep", by, content=str(n)),
        st.sampled_from(list(ActivityKind)),
        INSTANTS,
        st.sampled_from(list(ActorKind)),
        st.integers(0, 5),
    ),
    max_size=12,
)
STAGES = st.lists(
    st.builds(
        lambda stage, at, by: StageChange(at, stage, "rep", by, id=f"{stage}-{by}-{at}"),
        st.sampled_from(list(LifecycleStage)),
        INSTANTS,
        st.sampled_from(list(ActorKind)),
    ),
    max_size=6,
)
LEAD = Lead(
    "L", datetime(2026, 2, 1, tzinfo=UTC), LifecycleStage.INQUIRY, fields={"company": "X", "country": "DE"}
)


def judged(verdict):
    """A verdict without the numbers that are functions of time."""
    return replace(verdict, as_of=verdict.interest.as_of, interest=verdict.interest.band, valid_until=None)


@given(ACTIVITIES, STAGES, INSTANTS, st.floats(0, 0.999))
@settings(max_examples=300, deadline=None)
def test_a_verdict_holds_until_it_says_it_may_change(activities, stages, now, share):
    history = history_of(LEAD, tuple(activities), tuple(stages))
    verdict = evaluate(history, AGREEMENT, now)
    end = verdict.valid_until or now + timedelta(days=4000)
    assert end > now
    microseconds = int((end - now) / timedelta(microseconds=1) * share)  # rounded down: the end is not in it
    later = evaluate(history, AGREEMENT, now + timedelta(microseconds=microseconds))
    assert replace(judged(later), as_of=now) == replace(judged(verdict), as_of=now)


@given(ACTIVITIES, STAGES, INSTANTS, st.randoms())
@settings(max_examples=100, deadline=None)
def test_order_and_repetition_of_facts_change_nothing(activities, stages, now, random):
    shuffled = activities * 2
    random.shuffle(shuffled)
    once = history_of(LEAD, tuple(activities), tuple(stages))
    again = history_of(LEAD, tuple(shuffled), tuple(reversed(stages)))
    assert evaluate(once, AGREEMENT, now) == evaluate(again, AGREEMENT, now)


def _modules(*packages):
    for package in packages:
        yield package.__name__
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" not in found.name and not found.name.endswith("__main__"):
                yield found.name


@pytest.mark.parametrize("name", list(_modules(sla_engine, connectors, sync, leadsla)))
def test_every_example_in_a_docstring_runs(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def _public(module):
    """The classes and functions a module makes for others, by name; what it only imports is not its own."""
    for name, value in vars(module).items():
        kind = inspect.unwrap(value) if callable(value) else value
        is_own = getattr(kind, "__module__", None) == module.__name__
        is_public = name.isidentifier() and not name.startswith("_")  # pydantic adds "RootModel[...]"
        if is_own and is_public and (inspect.isclass(kind) or inspect.isfunction(kind)):
            yield name, kind


def _methods(kind):
    """The public methods and properties that a class defines itself, by name."""
    for name, value in vars(kind).items() if inspect.isclass(kind) else ():
        inner = (
            getattr(value, "fget", None) or getattr(value, "func", None) or getattr(value, "__func__", value)
        )
        if not name.startswith("_") and inspect.isfunction(inner):
            yield name, inner


def _examples(kind):
    """The code that a docstring shows."""
    return "".join(one.source for one in doctest.DocTestParser().get_examples(kind.__doc__ or ""))


@pytest.mark.parametrize("name", list(_modules(sla_engine)))
def test_every_public_name_of_the_engine_is_documented_and_shown(name):
    """A docstring for each, and an example that doctest finds and so runs.

    A method or property may be shown by its class's example instead of one of its own.
    """
    module = importlib.import_module(name)
    shown = {found.name for found in doctest.DocTestFinder().find(module) if found.examples}
    public = dict(_public(module))
    methods = {f"{one}.{method}": inner for one, kind in public.items() for method, inner in _methods(kind)}
    used = {
        f"{one}.{method}"
        for one, kind in public.items()
        for method, _ in _methods(kind)
        if re.search(rf"\.{method}\b", _examples(kind))
    }
    every = public | methods
    assert module.__doc__
    assert {
        "no docstring": [one for one, kind in every.items() if not vars(kind).get("__doc__", kind.__doc__)],
        "no example": [one for one in every if f"{name}.{one}" not in shown and one not in used],
    } == {
        "no docstring": [],
        "no example": [],
    }
