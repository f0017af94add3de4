"""Stories told in ``*.toml``: situations on top, steps, and what each run does, in sentences.

A step is a deed of a person at an instant, or a run with its golden result: ``does`` are the
sentences of every task, stage and owner change; ``shows`` is the status each lead's field says.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.base import SetFields
from sync.wording import sentence
from tests.scenarios.theatre import Theatre

STORIES = sorted(path for path in Path(__file__).parent.glob("*.toml") if path.name != "agreement.toml")


@pytest.mark.parametrize("path", STORIES, ids=[path.stem for path in STORIES])
def test_scenario(path: Path, tmp_path: Path) -> None:
    """The story comes out as told, and running again at its end does nothing."""
    story = tomllib.loads(path.read_text(encoding="utf-8"))
    first = story["step"][0]["at"]
    theatre = Theatre.open(tmp_path, first, **story.get("settings", {}))
    try:
        for step in story["step"]:
            play(theatre, dict(step))
        again = theatre.run(theatre.records.now)
        assert (again.planned - again.deferred, again.written) == (0, 0), "a second run without news"
    finally:
        theatre.close()


def play(theatre: Theatre, step: dict[str, Any]) -> None:
    deed, at = step.pop("do"), step.pop("at")
    if deed == "run":
        play_run(theatre, at, step)
    elif deed == "tick off":
        theatre.tick_off(step["lead"], at)
    else:
        deeds = {"lead": theatre.lead, "change": theatre.change, "activity": theatre.activity}
        deeds[deed](step.pop("lead"), at, **step)


def play_run(theatre: Theatre, at: datetime, golden: Mapping[str, Any]) -> None:
    already = {row.id for row in theatre.outbox()}
    _, _, would = theatre.plan(at)
    report = theatre.run(at)
    rows = [row for row in theatre.outbox() if row.id not in already]
    did = [sentence(row.change) for row in rows if not isinstance(row.change, SetFields)]
    wrote = [row.lead_id for row in rows if isinstance(row.change, SetFields)]
    shows = {name: theatre.shown(name).ours.get("status", "") for name in golden.get("shows", {})}
    told = {
        **{name: getattr(report, name) for name in golden if name in report.as_json()},
        "does": did,
        "fields": sorted(wrote),
        "shows": shows,
        "would": [text for text in would if not text.startswith("set ")],
    }
    assert {name: told[name] for name in golden} == dict(golden)
    assert report.planned == report.written + report.unchanged + report.rejected + report.deferred
