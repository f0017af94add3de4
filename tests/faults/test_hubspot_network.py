"""The network killed in the middle of every kind of call: a receipt or a deferral, never a hang or a duplicate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from connectors.base import ProvisionStep
from connectors.connection import Patience
from connectors.errors import Misconfigured, OutcomeUnknown, Unavailable
from leadsla.cli.exits import Exit
from tests.faults.hubspot_lab import SHORT, Lab, Saved, State, a_working_day, opened_lab

pytestmark = pytest.mark.slow
FAULTS: dict[str, dict[str, Any]] = {
    "cut_before": {"do": "cut_before"},
    "cut_after": {"do": "cut_after"},
    "truncate": {"do": "truncate"},
    "hang": {"do": "hang"},
    "html": {"do": "html"},
    "502": {"do": "status", "status": 502},
}
NEW_TASKS = "POST /crm/objects/2026-03/tasks/batch/create"
LOOK_UP = "POST /crm/associations/2026-03/contacts/tasks/batch/read"
WRITES = {
    "POST /crm/objects/2026-03/contacts/batch/update",
    NEW_TASKS,
    "POST /crm/objects/2026-03/tasks/batch/update",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One run to break: where it starts, what it leaves when nothing breaks, the routes to break it on."""

    start: Saved
    fixpoint: State
    routes: tuple[str, ...]
    first: str  # its first call: only there a web page means that the address is another's


@dataclass(frozen=True, slots=True)
class Theatre:
    lab: Lab
    stages: tuple[Stage, ...]


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    with opened_lab(tmp_path_factory.mktemp("network")) as lab:
        first = stage(lab, "first load", set())
        lab.restore(first.start)
        lab.run()
        a_working_day(lab)
        day = stage(lab, "working day", set(first.routes))
        lab.restore(day.start)
        lab.fault(NEW_TASKS, do="cut_after", times=None)
        lab.run()
        lab.mend()
        lab.clock.advance(5)
        unsettled = stage(lab, "a task of which nobody knows", {*first.routes, *day.routes} - WRITES)
        yield Theatre(lab, (first, day, unsettled))


def stage(lab: Lab, name: str, known: set[str]) -> Stage:
    start = lab.save(name)
    calls = lab.run().calls
    lab.clock.advance(5)
    lab.run()
    lab.clock.advance(5)
    last = lab.run()
    assert last.report is not None
    assert last.report.planned == 0, "without faults the third run has nothing to do"
    routes = tuple(one for one in calls if one not in known or one in WRITES)
    first = "GET /crm/properties/2026-03/contacts"
    assert first in calls
    return Stage(start, lab.state(), routes, first)


def test_the_runs_call_every_route_of_reading_and_writing(theatre):
    called = {route for one in theatre.stages for route in one.routes}
    assert called >= WRITES | {LOOK_UP}
    assert len(called) > 20


@pytest.mark.parametrize("times", [1, None], ids=["once", "for the whole run"])
@pytest.mark.parametrize("how", FAULTS)
def test_whatever_breaks_on_any_route_the_next_run_reaches_the_same_state_with_no_task_twice(
    theatre, how, times
):
    for one in theatre.stages:
        for route in one.routes:
            broken(theatre.lab, one, route, how, times)


def broken(lab: Lab, one: Stage, route: str, how: str, times: int | None) -> None:
    told = f"{how} on {route}"
    lab.restore(one.start)
    lab.fault(route, times=times, **FAULTS[how])
    hit = lab.run(patience=SHORT) if how == "hang" else lab.run()
    assert hit.calls.get(route), f"{told}: the route was not called"
    if how == "html" and route == one.first:
        assert isinstance(hit.error, Misconfigured), told
        assert hit.code is Exit.CONFIGURATION, told
    else:
        assert hit.code in {Exit.DONE, Exit.PARTIAL}, f"{told}: {hit.error}"
        if hit.code is Exit.PARTIAL:
            assert hit.error or hit.report.troubles or hit.report.deferred, told
        if times is None and route not in WRITES:
            assert hit.code is Exit.PARTIAL, f"{told}: part of the CRM was never read, and nobody is told"
    if hit.report:
        report = hit.report
        sums = report.written + report.unchanged + report.rejected + report.deferred
        assert report.planned == sums, told
    lab.state()  # no task twice, not even for the time being
    lab.mend()
    if hit.code is not Exit.DONE:
        lab.clock.advance(5)
        mended = lab.run()
        assert mended.code in {Exit.DONE, Exit.PARTIAL}, f"{told}: {mended.error}"
    lab.clock.advance(5)
    last = lab.run()
    assert last.report is not None, f"{told}: {last.error}"
    assert last.report.planned == 0, f"{told}: there is still something to write"
    assert lab.state() == one.fixpoint, told


@pytest.mark.parametrize("how", FAULTS)
def test_whatever_breaks_while_fields_are_made_running_it_again_makes_the_rest(theatre, how):
    lab = theatre.lab
    lab.restore(lab.unprovisioned)
    requests.post(f"{lab.url}/_localcrm/reset-calls", timeout=5)
    everything = {step.what for step in provisioned(lab)}
    for route in lab.calls():
        lab.restore(lab.unprovisioned)
        lab.fault(route, times=1, **FAULTS[how])
        with suppress(Unavailable, OutcomeUnknown, Misconfigured):
            provisioned(lab, patience=SHORT if how == "hang" else Patience())
        lab.mend()
        assert {step.what for step in provisioned(lab)} == everything, f"{how} on {route}"
        assert all(step.exists for step in provisioned(lab)), f"{how} on {route}"


def provisioned(lab: Lab, **parts: Any) -> list[ProvisionStep]:
    crm = lab.opened(**parts)
    try:
        return crm.provision(dry_run=False)
    finally:
        crm.close()
