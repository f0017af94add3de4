"""What every CRM that keeps notes of ours keeps to, however often and whatever goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
import requests

from connectors.base import Crm, KeepsNotes, Note, Receipt, ReceiptStatus, SetFields
from connectors.memory import MemoryCrm
from localcrm.clock import Clock
from localcrm.company import Company
from localcrm.salesforce import SalesforceFace
from localcrm.server import running
from sync.notes import publish
from tests.contract.benches import NOW, Bench, hubspot_bench, memory_bench, open_crm, salesforce_bench

BENCHES = {"memory": memory_bench, "salesforce": salesforce_bench, "hubspot": hubspot_bench}
LINES = (
    "1,204 leads, 96 wins, January to June",
    'Good sign: Webinar "Care & cure", lift 2.1 (1.6 to 2.8)',
    "Bad sign: <price> 'only' pages – lift 0.6",
    "No clear difference: news\u200bletter\nclicks",
    "Not enough data: 3 of 11",
)
NOTE = Note("learning.2026-h1", "What marks good leads", LINES)
CREATES = {"salesforce": r"/sobjects/ContentNote$", "hubspot": r"/notes/batch/create$"}
READS = {"salesforce": r"FROM ContentNote", "hubspot": r"/notes/search$"}
DENIALS = {
    "salesforce": [{"errorCode": "INSUFFICIENT_ACCESS_OR_READONLY", "message": "insufficient access rights"}],
    "hubspot": {"status": "error", "category": "MISSING_SCOPES", "message": "scopes are required"},
}
RIGHTS = {"memory": "right to write notes", "salesforce": "ContentNote", "hubspot": "contacts.write"}


@pytest.fixture(params=list(BENCHES))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with BENCHES[request.param]() as one:
        one.crm.provision(dry_run=False)
        yield one


def put(crm: Crm, note: Note) -> Receipt:
    assert isinstance(crm, KeepsNotes)
    return crm.publish_note(note)


def texts(bench: Bench) -> dict[str, str]:
    """What every note says, title included, by id."""
    if isinstance(bench.crm, MemoryCrm):
        return {one: "\n".join((note.title, *note.lines)) for one, note in bench.crm.records.notes.items()}
    assert bench.practice is not None
    if bench.practice.name == "hubspot":
        found = bench.practice.records("notes")
        return {one["id"]: unescape(one["properties"]["hs_note_body"]) for one in found}
    return {
        one["Id"]: f"{one['Title']}\n{content(bench, one)}" for one in bench.practice.records("ContentNote")
    }


def content(bench: Bench, note: dict[str, Any]) -> str:
    assert bench.practice is not None
    headers = {"Authorization": "Bearer localcrm"}
    answer = requests.get(f"{bench.practice.url}{note['Content']}", headers=headers, timeout=10)
    return unescape(answer.content.decode())


def goes_wrong(bench: Bench, paths: dict[str, str], **fault: Any) -> None:
    assert bench.practice is not None
    rule = {"path": paths[bench.practice.name], **fault}
    assert requests.post(f"{bench.practice.url}/_localcrm/faults", json=[rule], timeout=10).ok


def test_a_note_says_what_it_was_given_and_published_twice_it_is_one(bench):
    receipt = put(bench.crm, NOTE)
    assert receipt.status is ReceiptStatus.WRITTEN, receipt.message
    ((note_id, text),) = texts(bench).items()
    assert note_id == receipt.record_id
    assert NOTE.title in text
    shown = text.replace("\u200b", "").replace("\nclicks", " clicks")  # the memory keeps it as it is
    assert all(line in shown for line in (*LINES[:3], "No clear difference: newsletter clicks", LINES[4]))
    assert put(bench.crm, NOTE) == Receipt(ReceiptStatus.UNCHANGED, note_id)
    assert texts(bench) == {note_id: text}


def test_changed_words_go_into_the_same_note(bench):
    first = put(bench.crm, NOTE)
    for change in ({"lines": (*LINES[:4], "Not enough data: 4")}, {"title": "Good leads"}):
        second = put(bench.crm, replace(NOTE, **change))
        assert (second.status, second.record_id) == (ReceiptStatus.WRITTEN, first.record_id)
        ((_, text),) = texts(bench).items()
        assert ("Not enough data: 4" in text) is ("lines" in change)
        assert (NOTE.title in text) is ("lines" in change)


def test_another_key_is_another_note(bench):
    keys = (f"x{NOTE.key}", NOTE.key, "2026-h1", "h1")  # each holds the next
    made = [put(bench.crm, replace(NOTE, key=key)).record_id for key in keys]
    again = [put(bench.crm, replace(NOTE, key=key)).record_id for key in keys]
    assert made == again
    assert set(made) == set(texts(bench))
    assert len(set(made)) == len(keys)


@pytest.mark.parametrize("happens", [True, False])
def test_a_create_whose_answer_is_lost_and_is_repeated_is_one_note(bench, happens):
    if isinstance(bench.crm, MemoryCrm):
        faults = bench.crm.records.faults
        faults.lose_after, faults.lose_before = (1, 0) if happens else (0, 1)
    else:
        goes_wrong(bench, CREATES, method="POST", do="cut_after" if happens else "cut_before")
    first = put(bench.crm, NOTE)
    assert first.status in (
        {ReceiptStatus.WRITTEN, ReceiptStatus.UNKNOWN} if happens else {ReceiptStatus.UNKNOWN}
    )
    assert len(texts(bench)) == happens
    assert put(bench.crm, NOTE).record_id == min(texts(bench))
    assert len(texts(bench)) == 1


def test_a_missing_right_is_named_and_hinders_nothing_else(bench):
    for paths in (CREATES, READS):
        if isinstance(bench.crm, MemoryCrm):
            name, bench.crm.records.faults.forbid_notes = "memory", True
        else:
            name = bench.practice.name
            goes_wrong(bench, paths, do="status", status=403, body=DENIALS[name])
        receipt = put(bench.crm, NOTE)
        assert receipt.status is ReceiptStatus.REJECTED
        assert RIGHTS[name] in receipt.message
    assert texts(bench) == {}
    seen = next(seen for page in bench.crm.pull("", bench.until()) for seen in page.leads)
    (written,) = bench.crm.apply([SetFields(seen.lead.id, {"status": "met"}, "answered")])
    assert written.status is ReceiptStatus.WRITTEN


@pytest.mark.parametrize("name", ["salesforce", "hubspot"])
def test_a_crm_that_is_down_is_asked_again_later(name):
    with BENCHES[name]() as bench:
        bench.crm.provision(dry_run=False)
        goes_wrong(bench, READS, do="status", status=503, times=None, body={})
        assert put(bench.crm, NOTE).status is ReceiptStatus.DEFERRED


def test_in_shadow_mode_and_without_the_ability_nothing_is_written(bench):
    shadow = publish(bench.crm, NOTE, "shadow")
    assert (shadow.status, "shadow" in shadow.message) == (ReceiptStatus.DEFERRED, True)
    assert publish(object(), NOTE, "live").status is ReceiptStatus.REJECTED  # type: ignore[arg-type]
    assert texts(bench) == {}
    assert publish(bench.crm, NOTE, "fields").status is ReceiptStatus.WRITTEN


@pytest.mark.parametrize("wrong", [{"key": "%"}, {"key": "a_b"}, {"key": "A"}, {"key": ""}, {"title": " "}])
def test_a_note_without_a_usable_key_or_title_is_none(wrong):
    with pytest.raises(ValueError, match="a note needs"):
        replace(NOTE, **wrong)


def test_a_salesforce_note_is_shared_with_the_company_once_and_says_so_if_it_cannot_be():
    with salesforce_bench() as bench:
        goes_wrong(
            bench, {"salesforce": "ContentDocumentLink$"}, method="POST", do="status", status=403, body=[]
        )
        told = put(bench.crm, NOTE)
        assert (told.status, "share the note" in told.message) == (ReceiptStatus.WRITTEN, True)
        assert (
            put(bench.crm, NOTE) == put(bench.crm, NOTE) == Receipt(ReceiptStatus.UNCHANGED, told.record_id)
        )
        (link,) = bench.practice.records("ContentDocumentLink")
        assert (link["ContentDocumentId"], link["LinkedEntityId"]) == (told.record_id, bench.crm.account_id())


def test_a_salesforce_org_without_notes_is_told_to_enable_them():
    clock = Clock(NOW)
    face = SalesforceFace(clock, limits=False, notes=False)
    with running(Company((), (), (), (), (), NOW), clock=clock, told={"salesforce": face}) as practice:
        crm = open_crm("salesforce", practice.urls["salesforce"])
        receipt = put(crm, NOTE)
        crm.close()
    assert (receipt.status, "enable Notes in Setup" in receipt.message) == (ReceiptStatus.REJECTED, True)


def test_a_hubspot_account_without_our_property_is_told_to_provision():
    with hubspot_bench() as bench:
        receipt = put(bench.crm, NOTE)
        assert (receipt.status, "leadsla provision" in receipt.message) == (ReceiptStatus.REJECTED, True)


def test_a_hubspot_account_that_refuses_notes_is_provisioned_all_the_same():
    with hubspot_bench() as bench:
        notes = {"hubspot": r"/properties/[^/]+/notes"}
        goes_wrong(bench, notes, do="status", status=403, times=None, body=DENIALS["hubspot"])
        steps = bench.crm.provision(dry_run=False)
        assert all(step.created for step in steps)
        assert not [step for step in steps if "notes" in step.what]
        assert [problem for problem in bench.crm.check() if not problem.is_warning] == []
