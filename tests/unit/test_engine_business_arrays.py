"""Many instants at once give what one by one gives, and a deadline can be taken apart."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from sla_engine.business_time import BusinessHours

NINE_TO_FIVE = [["09:00", "17:00"]]
BERLIN = BusinessHours(
    tz="Europe/Berlin",
    weekly=dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), NINE_TO_FIVE),
    holidays={"country": "DE", "subdivision": "BE"},
    breaks={date(2026, 11, 25): [["12:00", "13:00"]]},
)
NIGHT_SHIFT = BusinessHours(tz="America/New_York", weekly={"sat": [["21:00", "05:00"]]})


def some_instants(count=400):
    dice = random.Random(3)
    return [
        datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=dice.randrange(4 * 366 * 86400))
        for _ in range(count)
    ]


def array(instants):
    return np.array([int(one.timestamp()) for one in instants], dtype="datetime64[s]")


def instants(found):
    return [datetime.fromtimestamp(int(one), UTC) for one in found.astype(np.int64)]


@pytest.mark.parametrize("hours", [BERLIN, NIGHT_SHIFT], ids=["berlin", "night shift"])
@pytest.mark.parametrize("minutes", [-6000, -1, 0, 1, 240, 12000])
def test_many_at_once_are_as_one_by_one(hours, minutes):
    starts, duration = some_instants(), timedelta(minutes=minutes)
    due = hours.add_many(array(starts), duration)
    assert instants(due) == [hours.add(start, duration) for start in starts]
    worked = hours.between_many(array(starts), due)
    assert worked.astype(np.int64).tolist() == [
        hours.between(a, b).total_seconds() for a, b in zip(starts, instants(due), strict=True)
    ]


def test_durations_may_differ_from_start_to_start():
    starts = some_instants(50)
    minutes = [(-1) ** n * n * 7 for n in range(50)]
    due = BERLIN.add_many(array(starts), np.array([60 * one for one in minutes], dtype="timedelta64[s]"))
    expected = [BERLIN.add(a, timedelta(minutes=m)) for a, m in zip(starts, minutes, strict=True)]
    assert instants(due) == expected


def test_nothing_to_add_to_is_nothing():
    empty = np.array([], dtype="datetime64[s]")
    assert BERLIN.add_many(empty, timedelta(hours=4)).tolist() == []
    assert BERLIN.between_many(empty, empty).tolist() == []


def test_a_missing_instant_is_refused():
    with pytest.raises(ValueError, match="missing"):
        BERLIN.add_many(np.array(["NaT"], dtype="datetime64[s]"), timedelta(hours=4))


def test_a_target_that_never_ends_is_refused_in_bulk_too():
    once = BusinessHours(tz="UTC", overrides={date(2026, 11, 23): NINE_TO_FIVE})
    start = np.array(["2026-11-23T10:00"], dtype="datetime64[s]")
    assert once.add_many(start, timedelta(hours=7)).tolist() == [datetime(2026, 11, 23, 17, 0)]  # noqa: DTZ001
    with pytest.raises(OverflowError):
        once.add_many(start, timedelta(hours=8))
    with pytest.raises(OverflowError):
        once.add(datetime(2026, 11, 23, 10, 0, tzinfo=UTC), timedelta(hours=8))


def test_a_deadline_is_taken_apart_into_what_counted_and_what_did_not():
    wednesday = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)  # 11:00 in Berlin
    found = BERLIN.explain(wednesday, timedelta(hours=8))
    assert [(f"{one.start:%a %H:%M}", f"{one.end:%a %H:%M}", one.reason) for one in found] == [
        ("Wed 10:00", "Wed 11:00", "working time"),
        ("Wed 11:00", "Wed 12:00", "break"),
        ("Wed 12:00", "Wed 16:00", "working time"),
        ("Wed 16:00", "Wed 23:00", "outside hours"),
        ("Wed 23:00", "Thu 08:00", "outside hours"),
        ("Thu 08:00", "Thu 11:00", "working time"),
    ]


def test_a_holiday_is_called_by_its_name():
    christmas_eve = datetime(2026, 12, 24, 15, 0, tzinfo=UTC)
    reasons = [one.reason for one in BERLIN.explain(christmas_eve, timedelta(hours=2)) if not one.counted]
    assert reasons == [
        "outside hours", "Christmas Day", "Second Day of Christmas", "weekend", "outside hours",
    ]  # fmt: skip


@pytest.mark.parametrize("minutes", [-3000, -5, 90, 4000])
def test_what_counted_adds_up_to_the_duration(minutes):
    for start in some_instants(40):
        found = BERLIN.explain(start, timedelta(minutes=minutes))
        counted = sum((one.end - one.start for one in found if one.counted), timedelta())
        assert counted == timedelta(minutes=abs(minutes))
        assert all(a.end == b.start for a, b in pairwise(found))
