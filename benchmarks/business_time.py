"""Business time side by side: ours, peers and the floor, the same deadlines in one run.

Work: random instants in two years, four working hours each, Mon-Fri 09-17 Europe/Berlin, German
holidays. Slow peers get fewer instants; every rate is per second. Figures depend on the machine.

    python benchmarks/business_time.py [--json]

businesstimedelta is measured if it is installed, and the Ruby gem biz if `ruby -e "require 'biz'"` works;
nothing else of leadsla needs them.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from sla_engine.business_time import BusinessHours

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
TWO_YEARS = 2 * 365 * 86400
FOUR_HOURS = timedelta(hours=4)
WEEK = ("mon", "tue", "wed", "thu", "fri")
HOURS = BusinessHours(
    tz="Europe/Berlin",
    weekly={day: [["09:00", "17:00"]] for day in WEEK},
    holidays={"country": "DE"},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    rows = measure()
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{platform.machine()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}")
    for name, rate in rows.items():
        print(f"{name:44} {rate:>14,.0f} /s")


def measure() -> dict[str, float]:
    dice = random.Random(1)
    million = np.array([dice.randrange(TWO_YEARS) for _ in range(1_000_000)]) + int(FIRST.timestamp())
    instants = [datetime.fromtimestamp(int(second), UTC) for second in million[:200_000]]
    array = million.astype("datetime64[s]")
    HOURS.add(instants[0], timedelta(days=200))  # compiled once, outside the clock
    due = HOURS.add_many(array, FOUR_HOURS)
    found = {
        "leadsla add, one by one": rate(
            lambda: [HOURS.add(one, FOUR_HOURS) for one in instants], len(instants)
        ),
        "leadsla between, one by one": rate(
            lambda: [HOURS.between(FIRST, one) for one in instants], len(instants)
        ),
        "leadsla add_many": rate(lambda: HOURS.add_many(array, FOUR_HOURS), len(array)),
        "leadsla between_many": rate(lambda: HOURS.between_many(array, due), len(array)),
        "floor: one np.searchsorted, random order": rate(
            lambda: np.searchsorted(_edges(), million), len(million)
        ),
        "floor: np.sort": rate(lambda: np.sort(million), len(million)),
        "pandas CustomBusinessHour": pandas_rate(instants[:5_000]),
    }
    if find_spec("businesstimedelta"):
        found["businesstimedelta"] = businesstimedelta_rate(instants[:2_000])
    biz = biz_rate(instants[:3_000])
    if biz is not None:
        found["biz (Ruby)"] = biz
    return found


def rate(work: Callable[[], object], amount: int, tries: int = 3) -> float:
    """The best of a few tries, per second."""
    best = float("inf")
    for _ in range(tries):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return amount / best


def _edges() -> np.ndarray:
    return np.arange(int(FIRST.timestamp()), int(FIRST.timestamp()) + TWO_YEARS, TWO_YEARS // 522)


def _german_holidays() -> list[object]:
    return sorted(holidays.country_holidays("DE", years=range(2023, 2028)))


def pandas_rate(instants: list[datetime]) -> float:
    """On naive wall times, where it is right most often and fastest."""
    hour = pd.offsets.CustomBusinessHour(4, start="09:00", end="17:00", holidays=_german_holidays())
    walls = [pd.Timestamp(one.astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None)) for one in instants]
    return rate(lambda: [one + hour for one in walls], len(walls), tries=1)


def businesstimedelta_rate(instants: list[datetime]) -> float:
    import pytz  # noqa: PLC0415 - it comes with businesstimedelta

    btd = import_module("businesstimedelta")
    days = btd.WorkDayRule(
        start_time=datetime(2024, 1, 1, 9).time(),  # noqa: DTZ001 - only its time of day
        end_time=datetime(2024, 1, 1, 17).time(),  # noqa: DTZ001
        working_days=[0, 1, 2, 3, 4],
        tz=pytz.timezone("Europe/Berlin"),
    )
    closed = btd.HolidayRule(
        holidays.country_holidays("DE", years=range(2023, 2028)), tz=pytz.timezone("Europe/Berlin")
    )
    four = btd.BusinessTimeDelta(btd.Rules([days, closed]), hours=4)
    return rate(lambda: [one + four for one in instants], len(instants), tries=1)


def biz_rate(instants: list[datetime]) -> float | None:
    """None where there is no Ruby, or no biz."""
    script = Path(__file__).with_name("biz.rb")
    days = [str(day) for day in _german_holidays()]
    lines = "\n".join(str(int(one.timestamp())) for one in instants)
    try:
        done = subprocess.run(
            ["ruby", str(script), *days], input=lines, capture_output=True, text=True, check=True
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    return float(done.stdout)


if __name__ == "__main__":
    main()
