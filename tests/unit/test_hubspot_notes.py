"""A HubSpot whose search lags: a note is found again all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import requests
from pydantic import SecretStr

from connectors.base import Note, ReceiptStatus
from connectors.connection import Connection
from connectors.hubspot.crm import HubSpotCrm
from connectors.mapping import ConnectionMapping
from localcrm.clock import Clock
from localcrm.company import Company
from localcrm.hubspot import HubSpotFace
from localcrm.server import running

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOTE = Note("learning", "What marks good leads", ("one", "two"))


@contextmanager
def portal(lag: float) -> Iterator[tuple[Callable[[], HubSpotCrm], HubSpotFace, str]]:
    """A portal whose clock moves only while we wait, and a way to open it anew."""
    clock = Clock(NOW)
    face = HubSpotFace(clock, limits=False, search_lag=lag)
    company = Company((), (), (), (), (), NOW)
    with running(company, clock=clock, told={"hubspot": face}) as practice:
        url, secret = practice.urls["hubspot"], {"token": SecretStr("localcrm")}
        mapping = ConnectionMapping.model_validate({"lead": {"email": "email"}, "stages": {}})

        def opened() -> HubSpotCrm:
            return HubSpotCrm(Connection("h", url, "token", secret, mapping, attempts=2, sleep=clock.advance))

        opened().provision(dry_run=False)
        yield opened, face, url


@pytest.mark.parametrize("do", ["cut_after", "latency"])
def test_a_new_note_is_waited_for_until_the_search_shows_it(do):
    with portal(lag=10) as (opened, face, url):
        seconds = {"seconds": 0} if do == "latency" else {}
        fault = {"path": "notes/batch/create", "do": do, **seconds}
        requests.post(f"{url}/_localcrm/faults", json=[fault], timeout=10)
        statuses = [opened().publish_note(NOTE).status for _ in range(3)]
        assert statuses == [ReceiptStatus.WRITTEN, ReceiptStatus.UNCHANGED, ReceiptStatus.UNCHANGED]
        assert len(face.records("notes")) == 1


def test_a_search_that_lags_longer_than_we_wait_is_said():
    with portal(lag=3600) as (opened, _, _):
        receipt = opened().publish_note(NOTE)
        assert receipt.status is ReceiptStatus.WRITTEN
        assert "not before" in receipt.message


def test_a_changed_note_is_compared_as_it_is_and_not_as_the_search_knows_it():
    with portal(lag=10) as (opened, face, _):
        opened().publish_note(NOTE)
        changed = Note(NOTE.key, NOTE.title, ("three",))
        statuses = [opened().publish_note(changed).status for _ in range(2)]
        assert statuses == [ReceiptStatus.WRITTEN, ReceiptStatus.UNCHANGED]
        (shown,) = face.records("notes")
        assert "three" in shown["properties"]["hs_note_body"]


def test_a_note_that_a_person_reformatted_is_left_as_it_is_and_a_deleted_one_is_made_anew():
    with portal(lag=0) as (opened, face, _):
        made = opened().publish_note(NOTE).record_id
        face.edit("notes", [{"id": made, "hs_note_body": f"<h1>{NOTE.title}</h1><p>one</p><p>two</p>"}])
        assert opened().publish_note(NOTE).status is ReceiptStatus.UNCHANGED
        face.edit("notes", [{"id": made, "delete": True}])
        assert opened().publish_note(NOTE).record_id != made
