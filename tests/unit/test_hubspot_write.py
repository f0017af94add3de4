"""Writing to HubSpot in many batches at once, and to records that are no longer what we knew."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from connectors.base import CloseTask, CreateTask, Crm, Receipt, SetFields, SetStage
from connectors.errors import BudgetSpent, Unauthorised
from connectors.hubspot import delivery
from connectors.hubspot.fields import rich_text
from connectors.hubspot.flight import in_flight
from connectors.hubspot.texts import LONGEST, body_of, with_note
from localcrm.clock import Clock
from localcrm.hubspot import HubSpotFace
from localcrm.server import running
from sla_engine.model import LifecycleStage
from tests.contract.benches import make_key_unique, open_crm
from tests.faults.proxy import Proxy, Sent, Told, running_proxy

pytestmark = pytest.mark.slow  # over HTTP, minutes in all

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
UPDATE = "/objects/2026-03/contacts/batch/update"
MADE = "/objects/2026-03/tasks/batch/create"
DAILY = {"status": "error", "policyName": "DAILY", "message": "You have reached your daily limit."}
NO_SCOPE = {"status": "error", "category": "MISSING_SCOPES"}


@dataclass
class Bench:
    """250 contacts, so that an update of all of them takes three batches."""

    face: HubSpotFace
    proxy: Proxy
    crm: Crm
    ids: list[str]

    def apply_all(self, status: str = "met") -> list[Receipt]:
        return self.crm.apply([SetFields(one, {"status": status}, "") for one in self.ids])

    def shown(self, name: str = "leadsla_status") -> list[str | None]:
        return [row["properties"].get(name) for row in self.face.records("contacts")]


@pytest.fixture(params=[False])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    clock = Clock(NOW)
    face = HubSpotFace(clock, limits=False, task_unique_property=request.param)
    with (
        running(None, clock=clock, told={"hubspot": face}) as practice,
        running_proxy(practice.urls["hubspot"]) as proxy,
    ):
        if request.param:
            make_key_unique(practice.urls["hubspot"])
        made = face.edit("contacts", [{"lastname": f"Last{n}"} for n in range(250)])
        crm = open_crm("hubspot", proxy.url)
        crm.provision(dry_run=False)
        yield Bench(face, proxy, crm, [one["id"] for one in made])
        crm.close()


unique = pytest.mark.parametrize("bench", [True], indirect=True)


def answering(status: int, body: Any, when: Callable[[Sent], bool]) -> Any:
    return lambda sent, forward: Told.json(status, body) if when(sent) else forward()


def statuses(receipts: list[Receipt]) -> list[str]:
    return [str(one.status) for one in receipts]


def a_task(lead_id: str, key: str) -> CreateTask:
    due = NOW + timedelta(hours=3)
    return CreateTask(lead_id, key, None, "Call", "Because.", due, "Europe/Berlin", "due")


def test_jobs_in_flight_come_back_in_order_and_leave_no_thread():
    met = threading.Barrier(3, timeout=10)

    def job(n: int) -> int:
        met.wait()  # passes only when three are under way
        return n

    before = threading.active_count()
    assert in_flight([lambda n=n: job(n) for n in range(9)], at_once=3) == list(range(9))
    assert in_flight([lambda: 7]) == [7]
    assert in_flight([]) == []
    assert threading.active_count() == before


def test_a_job_that_fails_keeps_the_rest_from_beginning_and_lets_the_others_finish():
    begun, finished, failed = [], [], threading.Event()

    def job(n: int) -> int:
        begun.append(n)
        if n == 1:
            failed.set()
            raise BudgetSpent("the day is over")
        assert failed.wait(10)
        finished.append(n)
        return n

    before = threading.active_count()
    with pytest.raises(BudgetSpent, match="the day is over"):
        in_flight([lambda n=n: job(n) for n in range(40)], at_once=2)
    assert len(begun) < 40
    assert set(finished) == set(begun) - {1}
    assert threading.active_count() == before


def test_the_batches_of_one_kind_are_in_flight_together_and_receipts_keep_their_order(bench):
    together = threading.Barrier(3, timeout=10)

    def wait_for_the_others(sent: Sent, forward: Any) -> Told:
        if UPDATE in sent.path:
            together.wait()  # passes only when all three batches are under way
        return forward()

    bench.proxy.meddle = wait_for_the_others
    receipts = bench.apply_all()
    assert [one.record_id for one in receipts] == bench.ids
    assert set(statuses(receipts)) == {"written"}
    assert set(bench.shown()) == {"met"}
    opened = len(bench.proxy.connections)
    bench.apply_all("at_risk")
    assert len(bench.proxy.connections) == opened  # open connections are used again


@pytest.mark.parametrize(("status", "body"), [(429, DAILY), (403, NO_SCOPE), (503, {})])
def test_trouble_with_the_connection_stops_new_batches_and_loses_no_receipt(bench, monkeypatch, status, body):
    monkeypatch.setattr(delivery, "AT_ONCE", 1)
    second = bench.ids[100]
    bench.proxy.meddle = answering(
        status, body, lambda sent: UPDATE in sent.path and any(row["id"] == second for row in sent.rows)
    )
    receipts = bench.apply_all()
    assert statuses(receipts) == ["written"] * 100 + ["deferred"] * 150
    assert bench.shown() == ["met"] * 100 + [None] * 150
    assert not any(row["id"] == bench.ids[-1] for call in bench.proxy.calls(UPDATE) for row in call.rows)


@pytest.mark.parametrize(("status", "body"), [(429, DAILY), (403, NO_SCOPE), (503, {})])
def test_batches_in_flight_beside_the_one_that_failed_bring_their_receipts(bench, status, body):
    second = bench.ids[100]
    bench.proxy.meddle = answering(
        status, body, lambda sent: UPDATE in sent.path and any(row["id"] == second for row in sent.rows)
    )
    receipts = bench.apply_all()
    written = [one == "written" for one in statuses(receipts)]
    assert written[100:200] == [False] * 100
    assert [value == "met" for value in bench.shown()] == written


@pytest.mark.parametrize(
    ("status", "body", "kind"), [(429, DAILY, BudgetSpent), (403, NO_SCOPE, Unauthorised)]
)
def test_trouble_that_comes_before_any_receipt_is_raised(bench, status, body, kind):
    bench.proxy.meddle = answering(status, body, lambda sent: UPDATE in sent.path)
    with pytest.raises(kind):
        bench.apply_all()
    assert set(bench.shown()) == {None}


def test_a_lead_merged_away_is_never_taken_for_written(bench):
    survivor, gone = bench.ids[:2]
    bench.face.edit("contacts", [{"id": gone, "merge_into": survivor}])
    (receipt,) = bench.crm.apply([SetFields(gone, {"status": "met"}, "")])
    assert (str(receipt.status), receipt.record_id) == ("rejected", survivor)
    assert receipt.message == (
        f"it was merged into {survivor} in HubSpot, which is looked at again in the next run"
    )
    (guarded,) = bench.crm.apply([SetStage(gone, LifecycleStage.MQL, None, "")])
    assert str(guarded.status) == "rejected"


def test_a_stage_that_was_cleared_and_not_set_again_is_told_with_what_to_do(bench):
    one = bench.ids[0]
    bench.face.edit("contacts", [{"id": one, "lifecyclestage": "opportunity"}])
    asked = [0]

    def down_after_the_clearing(sent: Sent, forward: Any) -> Told:
        asked[0] += UPDATE in sent.path
        return forward() if asked[0] < 3 else Told.json(503, {})

    bench.proxy.meddle = down_after_the_clearing
    (receipt,) = bench.crm.apply([SetStage(one, LifecycleStage.MQL, LifecycleStage.OPPORTUNITY, "")])
    assert str(receipt.status) == "rejected"
    assert receipt.message == (
        "lifecyclestage was cleared and could not be set after that:"
        " set it to marketingqualifiedlead in HubSpot"
    )


def test_a_stage_goes_back_in_two_steps_and_is_read_back(bench):
    one = bench.ids[0]
    bench.face.edit("contacts", [{"id": one, "lifecyclestage": "opportunity"}])
    (receipt,) = bench.crm.apply([SetStage(one, LifecycleStage.MQL, LifecycleStage.OPPORTUNITY, "")])
    assert str(receipt.status) == "written"
    sent = [row["properties"] for call in bench.proxy.calls(UPDATE) for row in call.rows]
    assert sent == [
        {"lifecyclestage": "marketingqualifiedlead"},
        {"lifecyclestage": ""},
        {"lifecyclestage": "marketingqualifiedlead"},
    ]
    assert bench.shown("lifecyclestage")[0] == "marketingqualifiedlead"


def test_recycling_writes_the_lead_status_and_leaves_the_lifecycle_stage(bench):
    one = bench.ids[0]
    bench.face.edit("contacts", [{"id": one, "lifecyclestage": "marketingqualifiedlead"}])
    (receipt,) = bench.crm.apply([SetStage(one, LifecycleStage.RECYCLED, LifecycleStage.MQL, "")])
    assert str(receipt.status) == "written"
    shown = bench.face.records("contacts")[0]["properties"]
    assert (shown["hs_lead_status"], shown["lifecyclestage"]) == ("BAD_TIMING", "marketingqualifiedlead")


def test_every_value_that_leaves_is_text_and_every_row_has_its_own_trace(bench):
    one, two = bench.ids[:2]
    values = {"score": 42.0, "due_at": NOW, "responded_at": None, "status": "met"}
    bench.crm.apply([SetFields(one, values, ""), SetFields(two, values, ""), a_task(one, "a" * 40)])
    rows = [row for path in (UPDATE, MADE) for call in bench.proxy.calls(path) for row in call.rows]
    assert all(isinstance(value, str) for row in rows for value in row["properties"].values())
    assert len({row["objectWriteTraceId"] for row in rows}) == len(rows) == 3
    assert rows[0]["properties"] == {
        "leadsla_score": "42",
        "leadsla_due_at": "1795435200000",
        "leadsla_responded_at": "",
        "leadsla_status": "met",
    }


def test_a_thousand_tasks_cost_ten_calls(bench):
    tasks = [a_task(bench.ids[n % 250], f"{n:040}") for n in range(1000)]
    bench.crm.apply([a_task(bench.ids[0], "warm" * 10)])
    before = bench.crm.calls().total
    assert set(statuses(bench.crm.apply(tasks))) == {"written"}
    assert bench.crm.calls().total - before == 10


@unique
def test_a_thousand_tasks_by_their_unique_key_cost_one_call_more(bench):
    tasks = [a_task(bench.ids[n % 250], f"{n:040}") for n in range(1000)]
    bench.crm.apply([a_task(bench.ids[0], "warm" * 10)])
    before = bench.crm.calls().total
    first = bench.crm.apply(tasks)
    assert bench.crm.calls().total - before == 11
    again = bench.crm.apply(tasks)
    assert [one.record_id for one in first] == [one.record_id for one in again]
    assert len(bench.face.records("tasks")) == 1001
    assert all(task["associations"]["contacts"]["results"] for task in bench.face.records("tasks"))


@unique
def test_a_task_found_by_its_key_on_no_lead_is_put_on_its_lead(bench):
    one = bench.ids[0]
    bench.face.edit("tasks", [{"leadsla_key": "a" * 40, "hs_timestamp": "2026-11-23T12:00:00Z"}])
    found = bench.crm.find_tasks([a_task(one, "a" * 40), a_task(one, "b" * 40)])
    assert {key: task.lead_id for key, task in found.items()} == {"a" * 40: one}
    (task,) = bench.face.records("tasks")
    assert [end["id"] for end in task["associations"]["contacts"]["results"]] == [one]
    assert [task.key for task in bench.crm.read_tasks([one])] == ["a" * 40]


ROUTES = (
    "/contacts/batch/read",
    UPDATE,
    "/tasks/batch/read",
    "/tasks/batch/update",
    MADE,
    "/tasks/batch/upsert",
    "/batch/associate/default",
    "/properties/2026-03/tasks",
)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cut_before", "cut_after", "html"])
@pytest.mark.parametrize("bench", [False, True], indirect=True, ids=["key looked up", "unique key"])
def test_a_network_that_breaks_on_any_route_ends_in_receipts_and_a_repeat_sets_all_right(bench, how):
    door = bench.proxy.target
    for route in ROUTES:
        one, two = bench.ids[:2]
        bench.ids = bench.ids[2:]
        old, new = (a_task(lead_id, f"{lead_id}{'k' * 30}") for lead_id in (one, two))
        made = bench.crm.apply([old])[0].record_id
        wanted = [
            SetStage(one, LifecycleStage.MQL, None, ""),
            SetFields(one, {"status": "met"}, ""),
            CloseTask(one, made, old.key, "answered", ""),
            new,
        ]
        crm = open_crm("hubspot", bench.proxy.url)  # one that knows no schema yet, but the account
        crm.account_id()
        rule = {"path": route, "times": None, "do": how}
        requests.post(f"{door}/_localcrm/faults", json=[rule], timeout=5).raise_for_status()
        first = crm.apply(wanted)
        requests.delete(f"{door}/_localcrm/faults", timeout=5).raise_for_status()
        assert set(statuses(first)) <= {"written", "unknown", "deferred"}, route
        found = crm.find_tasks([new]) if str(first[3].status) == "unknown" else {}
        left = [
            change
            for change, receipt in zip(wanted, first, strict=True)
            if str(receipt.status) != "written" and not (change is new and found)
        ]
        assert set(statuses(crm.apply(left))) <= {"written", "unchanged"}, route
        crm.close()
        shown = next(row for row in bench.face.records("contacts") if row["id"] == one)["properties"]
        assert (shown["lifecyclestage"], shown["leadsla_status"]) == ("marketingqualifiedlead", "met"), route
        tasks = {task.key: task for lead_id in (one, two) for task in bench.crm.read_tasks([lead_id])}
        assert {key: task.is_open for key, task in tasks.items()} == {old.key: False, new.key: True}, route
    assert len(bench.face.records("tasks")) == 2 * len(ROUTES)


@pytest.mark.parametrize("letter", ["&", "x", "\N{GRINNING FACE}", "\n", "\ud800"])
def test_a_body_is_cut_between_letters_to_what_hubspot_takes(letter):
    body = body_of(letter * 70_000)
    assert LONGEST - 6 <= len(body.encode("utf-16-le", "surrogatepass")) // 2 <= LONGEST
    assert body == rich_text(letter) * ((len(body) - 1) // len(rich_text(letter))) + "…"


def test_a_note_goes_below_a_body_only_where_there_is_room():
    assert with_note("", "answered") == "answered"
    assert with_note("theirs", "answered & done") == "theirs<br>answered &amp; done"
    full = "x" * (LONGEST - 5)
    assert with_note(full, "answered") == full
