"""Sources of activities beside the usual ones: forms, deals, notes, two sources of one object."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.base import Page
from connectors.mapping import ActivitySource
from sla_engine.model import ActivityKind
from tests.unit.test_hubspot_crm import Bench, bench  # noqa: F401 - a fixture

DEMO, GUIDE = "Budget", "Guide"


def sent(bench: Bench, form: str, number: int, **values: Any) -> None:  # noqa: F811
    row = {"form": form, "email": f"l{number:03}@example.com", "pageUrl": "https://x.test/demo"}
    bench.face.edit("form_submissions", [{**row, "values": values}])


def form_id(bench: Bench, name: str) -> str:  # noqa: F811
    return next(guid for guid, one in bench.face.portal.forms.items() if one == name)


def source(**parts: Any) -> dict[str, Any]:
    return {"forms": {"object": "form_submissions", "kind": "form", "consent": "declared", **parts}}


def found(pages: list[Page]) -> list[tuple[str, str, str]]:
    return [(lead_id, str(one.kind), one.content) for page in pages for lead_id, one in page.activities]


def ids(bench: Bench) -> list[str]:  # noqa: F811
    return [str(row["id"]) for row in bench.face.records("contacts")]


def test_what_was_sent_in_belongs_to_the_contact_with_the_address(bench: Bench) -> None:  # noqa: F811
    for number in (0, 1):
        sent(bench, DEMO, number, budget="big" if number else "small")
    sent(bench, GUIDE, 2)
    sent(bench, DEMO, 99)
    one, two, *_ = ids(bench)
    kinds = {"kind_from": "budget", "kinds": {"big": "hand_raise"}, "content": "pageUrl"}
    crm = bench.open(activities=source(forms=[form_id(bench, DEMO)], **kinds))
    first = bench.pull("", crm)
    assert sorted(found(first)) == [
        (one, "form", "https://x.test/demo"),
        (two, "hand_raise", "https://x.test/demo"),
    ]
    assert len({one.id for page in first for _, one in page.activities}) == 2


def test_only_what_is_new_is_read_of_a_form_and_nothing_of_it_is_lost(bench: Bench) -> None:  # noqa: F811
    for _ in range(30):
        for number in range(4):
            sent(bench, GUIDE, number)
        bench.clock.advance(1)
    crm = bench.open(activities=source(forms=[form_id(bench, GUIDE)]))
    pages = bench.pull("", crm)
    assert len(found(pages)) == 120
    bench.clock.advance(3600)
    pages = bench.pull(pages[-1].cursor, crm)  # what the look-back brings again
    bench.clock.advance(3600)
    sent(bench, GUIDE, 3)
    before = crm.calls().total
    (again,) = found(bench.pull(pages[-1].cursor, crm))
    assert again[0] == ids(bench)[3]
    assert crm.calls().total - before == len({"contacts", "the form", "tasks"})


def test_a_form_that_is_gone_is_told_and_the_others_are_read(bench: Bench) -> None:  # noqa: F811
    sent(bench, GUIDE, 0)
    gone = "00000000-0000-0000-0000-000000000000"
    crm = bench.open(activities=source(forms=[gone, form_id(bench, GUIDE)]))
    pages = bench.pull("", crm)
    assert len(found(pages)) == 1
    assert [trouble for page in pages for trouble in page.troubles] == [
        f"form_submissions: there is no form {gone}"
    ]
    (problem,) = [one for one in crm.check() if one.where == "activities.forms.forms"]
    assert gone in problem.what


@pytest.mark.parametrize(
    "parts",
    [
        {"object": "form_submissions", "kind": "form"},
        {"object": "calls", "kind": "call", "forms": ["00000000-0000"]},
        {"object": "form_submissions", "kind": "form", "forms": ["../owners"]},
    ],
)
def test_forms_are_named_where_they_are_read_and_by_their_ids(parts: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="forms"):
        ActivitySource.model_validate(parts)


def test_two_sources_of_one_object_cost_one_search_and_the_first_that_takes_a_record_has_it(
    bench: Bench,  # noqa: F811
) -> None:
    long = {
        "object": "calls",
        "kind": "meeting",
        "only": {"hs_call_title": "x call"},
        "content": "hs_call_title",
    }
    crm = bench.open(activities={"long": long, "calls": {"object": "calls", "kind": "call"}})
    first = bench.pull("", crm)
    assert {kind for _, kind, _ in found(first)} == {"meeting"}
    bench.clock.advance(3600)
    at = str(int(bench.clock.now().timestamp() * 1000))
    bench.face.edit("calls", [{"hs_timestamp": at, "associations": [{"to": ids(bench)[0]}]}])
    before = crm.calls().by_kind["search"]
    assert [kind for _, kind, _ in found(bench.pull(first[-1].cursor, crm))] == ["call"]
    assert crm.calls().by_kind["search"] - before == len({"contacts", "calls", "tasks"})


def test_a_task_of_a_person_and_a_task_of_ours_come_by_one_search(bench: Bench) -> None:  # noqa: F811
    crm = bench.open(activities={"tasks": {"object": "tasks", "kind": "task"}})
    first = bench.pull("", crm)
    one = ids(bench)[0]
    at = str(int(bench.clock.now().timestamp() * 1000))
    mine = {"leadsla_key": "k" * 40, "hs_timestamp": at, "associations": [{"to": one}]}
    theirs = {"hs_timestamp": at, "hs_task_status": "COMPLETED", "associations": [{"to": one}]}
    bench.face.edit("tasks", [mine, theirs])
    before = crm.calls().by_kind["search"]
    pages = bench.pull(first[-1].cursor, crm)
    assert [(task.lead_id, task.key) for page in pages for task in page.tasks] == [(one, "k" * 40)]
    assert [(lead_id, kind) for lead_id, kind, _ in found(pages)] == [(one, "task")]
    assert crm.calls().by_kind["search"] - before == len({"contacts", "tasks"})


def test_notes_and_deals_can_be_sources(bench: Bench) -> None:  # noqa: F811
    one = ids(bench)[0]
    at = str(int(bench.clock.now().timestamp() * 1000))
    bench.face.edit(
        "notes", [{"hs_timestamp": at, "hs_note_body": "said yes", "associations": [{"to": one}]}]
    )
    bench.face.edit("deals", [{"dealname": "Big", "associations": [{"to": one}]}])
    notes = {"object": "notes", "kind": "task", "content": "hs_note_body"}
    deals = {"object": "deals", "kind": "meeting", "content": "dealname"}
    pages = bench.pull("", bench.open(activities={"notes": notes, "deals": deals}))
    assert sorted(found(pages)) == [(one, "meeting", "Big"), (one, "task", "said yes")]
    assert {activity.kind for page in pages for _, activity in page.activities} == {
        ActivityKind.MEETING,
        ActivityKind.TASK,
    }
