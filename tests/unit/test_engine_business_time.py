"""Business time agrees with the recorded cases, to the second."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from sla_engine.business_time import BusinessHours

CASES = Path(__file__).parents[2].parent / "shared" / "data" / "business_time_cases.json"


def load():
    if not CASES.exists():
        return {}, []
    data = json.loads(CASES.read_text())
    calendars = {
        name: BusinessHours.model_validate({k: v for k, v in form.items() if k != "id"})
        for name, form in data["calendars"].items()
    }
    return calendars, data["cases"]


def instant(text):
    return datetime.fromisoformat(text)


def test_every_recorded_case_comes_out_right():
    calendars, cases = load()
    if not cases:
        pytest.skip("the recorded cases (shared/data) are not on this machine")
    wrong = []
    for case in cases:
        hours = calendars[case["calendar"]]
        start = instant(case["start"])
        if case["op"] == "elapsed":
            got = hours.between(start, instant(case["end"])) / timedelta(seconds=1)
            want = case.get("expected_seconds", case.get("expected"))
        else:
            sign = -1 if case["op"] == "sub" else 1
            got = hours.add(start, sign * timedelta(seconds=case["target_seconds"]))
            want = instant(case["expected"])
        if got != want:
            wrong.append((case["id"], case.get("note"), str(got), str(want)))
    assert wrong == []


def test_every_recorded_case_comes_out_right_in_bulk():
    calendars, cases = load()
    if not cases:
        pytest.skip("the recorded cases (shared/data) are not on this machine")
    wrong = []
    for name, hours in calendars.items():
        mine = [case for case in cases if case["calendar"] == name and case["op"] != "elapsed"]
        starts = seconds("datetime64[s]", (instant(case["start"]).timestamp() for case in mine))
        signed = (case["target_seconds"] * (-1 if case["op"] == "sub" else 1) for case in mine)
        due = hours.add_many(starts, seconds("timedelta64[s]", signed)).astype(np.int64)
        wrong += [
            case["id"]
            for case, got in zip(mine, due, strict=True)
            if got != instant(case["expected"]).timestamp()
        ]
    assert wrong == []


def seconds(kind, values):
    return np.array([int(value) for value in values], dtype=np.int64).astype(kind)
