"""The escalation ladder in a CRM: a forgotten lead goes to the next in line, the breach stays behind."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from connectors.base import AssignOwner
from sla_engine.agreement import Agreement
from sla_engine.book import Book
from sla_engine.verdict import ClockState
from sync.store.work import Work


def with_ladder(office, people):
    """The shipped agreement, but after twice the time a lead goes to the next of these people."""
    raw = office.settings.book.agreements[0].model_dump(mode="json", by_alias=True)
    for target in raw["target"]:
        if target["phase"] == ["mql"]:
            target["escalate"] = [{"at": 2.0, "do": "reassign", "to": "next_in_line"}]
    raw["people"] = {one: {"in_line": True} for one in people}
    return replace(office.settings, book=Book.of(Agreement.model_validate(raw)))


def verdicts(office):
    with office.store.begin() as db:
        return {one.lead_id: one for one in Work(office.crm).verdicts(db)}


def owners(office):
    return {lead_id: row.get(office.words["owner"]) for lead_id, row in office.leads().items()}


def test_forgotten_leads_go_to_the_next_in_line_once_an_admin_allows_it(office):
    people = Counter(one for one in owners(office).values() if one and not one.startswith("00G"))  # no queues
    busiest = [one for one, _ in people.most_common(3)]
    office.settings = with_ladder(office, busiest)
    before = owners(office)
    _, plan, _ = office.plan()
    assert not any(isinstance(change, AssignOwner) for change in plan.changes)
    assert owners(office) == before

    office.rollout = {**office.rollout, "owner_writable": True}
    given = office.sync().changes["AssignOwner"]
    after = owners(office)
    moved = {lead_id for lead_id in after if after[lead_id] != before[lead_id]}
    assert len(moved) == given > 0
    assert {after[lead_id] for lead_id in moved} <= set(busiest)

    office.clock.advance(60)
    office.sync()
    judged = verdicts(office)
    tasks = {office.lead_of(task): task for task in office.our_tasks() if office.is_open(task)}
    for lead_id in moved:
        *_, broken, fresh = judged[lead_id].clocks
        assert (broken.state, broken.owner) == (ClockState.BREACHED, before[lead_id] or None)
        assert (fresh.is_open, fresh.owner) == (True, after[lead_id])
        assert tasks[lead_id][office.words["owner"]] == after[lead_id]
    assert max(Counter(office.lead_of(task) for task in office.our_tasks()).values()) == 1

    office.clock.advance(60)
    assert office.sync().planned == 0
