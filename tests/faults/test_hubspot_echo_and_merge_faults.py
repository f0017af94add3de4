"""More of the fault catalogue on HubSpot: what comes back of our own writing, and merges in a bad moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.base import CreateTask, SetFields
from tests.faults.hubspot_office import HubSpotOffice, hubspot_office
from tests.scenarios.conftest import MONDAY_NOON, no_pacing

__all__ = ["no_pacing"]

TEXT = "a\x00b\ud83d שלום 😀 \u202eabc é"


@pytest.fixture(params=[False, True], ids=["key looked up", "unique key"])
def any_office(request: Any, tmp_path: Path, no_pacing: None) -> Iterator[HubSpotOffice]:
    with hubspot_office(tmp_path, unique_key=request.param) as one:
        yield one


@pytest.mark.slow
@pytest.mark.parametrize("is_new", [False, True], ids=["one survives", "the survivor is new"])
def test_fault_42_leads_merged_while_nobody_knows_of_their_tasks_keep_one_open_task_and_no_key_twice(
    any_office: HubSpotOffice, is_new: bool
) -> None:
    """The answers to the creates are lost, and a person merges two of the leads before the next run."""
    office = any_office
    office.fault(method="POST", path="/tasks/batch/(create|upsert)", do="cut_after", times=None)
    office.sync()
    office.no_more_faults()
    unknown = office.outbox("unknown")
    gone, survivor = unknown[0].lead_id, unknown[1].lead_id
    made = len(office.our_tasks())
    office.clock.advance(60)
    switches = {"merge_makes_new_record": is_new}
    requests.post(f"{office.url}/_localcrm/switches", json=switches, timeout=5).raise_for_status()
    office.edit("lead", gone, {"merge_into": survivor})
    reports = []
    for _ in range(4):
        reports.append(office.sync())
        office.clock.advance(60)
    assert len(office.our_tasks()) == made, "none was made a second time"
    assert set(office.tasks_per_key().values()) == {1}
    assert set(office.open_per_lead().values()) == {1}
    assert [one.rejected for one in reports] == [0, 0, 0, 0]
    assert reports[-1].planned == 0


@pytest.mark.slow
def test_fault_62_echo(any_office: HubSpotOffice) -> None:
    """What we wrote comes back at the next poll, and nothing is written again."""
    office = any_office
    assert office.sync().written > 20
    office.clock.advance(60)
    office.reset_calls()
    second = office.sync()
    assert (second.evaluated, second.planned, second.written) == (0, 0, 0)
    assert not [one for one in office.calls() if one.endswith(("/update", "/create", "/upsert"))]


def test_fault_69_nul_lone_surrogate_rtl_emoji(any_office: HubSpotOffice) -> None:
    office = any_office
    one = next(iter(office.leads()))
    with office.opened() as crm:
        task = CreateTask(one, "k" * 40, None, TEXT, TEXT, MONDAY_NOON, "UTC", "")
        receipts = crm.apply([SetFields(one, {"next_step": TEXT}, ""), task])
    assert [receipt.status for receipt in receipts] == ["written", "written"]
    (made,) = office.our_tasks()
    shown = [office.leads()[one]["leadsla_next_step"], made["hs_task_subject"], made["hs_task_body"]]
    assert shown == ["ab\ufffd שלום 😀 \u202eabc é"] * 3
