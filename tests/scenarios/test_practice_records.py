"""What stands in the CRM's own records after a sync: field by field, task by task, lead by lead."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

from connectors.mapping import parse_instant
from leadsla.settings import ConnectionSettings
from sla_engine.agreement import Agreement
from sla_engine.book import Book
from sla_engine.model import LifecycleStage
from sla_engine.wording import Wording
from sync.store.facts import Facts
from sync.store.work import Work

FIELDS = {
    "salesforce": {
        "due_at": "LeadSLA_Due_At__c",
        "score": "LeadSLA_Score__c",
        "reasons": "LeadSLA_Reasons__c",
        "next_step": "LeadSLA_Next_Step__c",
        "responded_at": "LeadSLA_Responded_At__c",
    },
    "hubspot": {
        "due_at": "leadsla_due_at",
        "score": "leadsla_score",
        "reasons": "leadsla_reasons",
        "next_step": "leadsla_next_step",
        "responded_at": "leadsla_responded_at",
    },
}
STAGE_FIELDS = {"salesforce": ("Status",), "hubspot": ("lifecyclestage", "hs_lead_status")}
FREE_FIELD = {"salesforce": "Fax", "hubspot": "mobilephone"}


def verdicts(office):
    with office.store.begin() as db:
        return {verdict.lead_id: verdict for verdict in Work(office.crm).verdicts(db)}


def living(office):
    """(verdict, record) of every lead that was not converted."""
    leads = office.leads()
    for lead_id, verdict in verdicts(office).items():
        if not leads[lead_id].get("IsConverted"):
            yield verdict, leads[lead_id]


ENGLISH = Wording.of("en")


def instant(raw):
    return parse_instant(raw) if raw else None


def whole_second(moment):
    return moment.replace(microsecond=0) if moment else None


def test_due_time_score_reasons_and_next_step_stand_on_every_lead(office):
    office.sync()
    words, seen = FIELDS[office.crm], 0
    for verdict, record in living(office):
        due = verdict.due_clock.due_at if verdict.due_clock else None
        assert instant(record[words["due_at"]]) == whole_second(due)
        assert float(record[words["score"]]) == verdict.score
        told = (*verdict.reasons, *verdict.findings)
        shown = record[words["reasons"]].split("\n")
        assert [line.split(":")[0] for line in shown] == [
            {True: "yes", False: "no", None: "?"}[reason.met] for reason in told
        ]
        for line, reason in zip(shown, told, strict=True):
            assert line.endswith(f"{reason.criterion} - {ENGLISH.reason(reason)}")
        assert record[words["next_step"]] == ENGLISH.step(verdict.next_step)
        answers = [clock.stopped_at for clock in verdict.clocks if clock.stopped_at and clock.proof]
        assert instant(record[words["responded_at"]]) == whole_second(max(answers, default=None))
        seen += 1
    assert seen > 50


def test_every_task_is_due_at_its_deadline_in_the_owners_own_time(office):
    office.sync()
    judged, zones = verdicts(office), set()
    for task in office.our_tasks():
        due = judged[office.lead_of(task)].due_clock.due_at.replace(microsecond=0)
        subject = task.get("Subject") or task["hs_task_subject"]
        zone = ZoneInfo(subject[subject.rindex("(") + 1 : -1])
        zones.add(zone.key)
        assert f"{due.astimezone(zone):%H:%M}" in subject
        if office.crm == "salesforce":
            assert task["ActivityDate"] == f"{due.astimezone(zone):%Y-%m-%d}"
            assert parse_instant(task["ReminderDateTime"]) == due.replace(second=0)
        else:
            assert parse_instant(task["hs_timestamp"]) == due
    assert zones >= {"Europe/Berlin", "America/New_York"}


def test_salesforce_shows_the_deadlines_day_as_the_owner_lives_it(office):
    """Six in the evening in New York is the next day in UTC: the date must be the owner's."""
    if office.crm != "salesforce":
        return
    office.settings = with_agreement(office, late_hours)
    office.sync()
    judged = verdicts(office)
    across = [
        (task, due.astimezone(ZoneInfo("America/New_York")))
        for task in office.our_tasks()
        if "America/New_York" in task["Subject"]
        for due in (judged[task["WhoId"]].due_clock.due_at,)
        if due.astimezone(ZoneInfo("America/New_York")).date() != due.astimezone(UTC).date()
    ]
    assert across
    assert all(task["ActivityDate"] == f"{local:%Y-%m-%d}" for task, local in across)


def late_hours(agreement):
    """New York works from four in the afternoon until midnight."""
    days = ("mon", "tue", "wed", "thu", "fri")
    agreement["hours"]["new_york"]["weekly"] = {day: [["16:00", "24:00"]] for day in days}


def with_agreement(office, edit):
    table = tomllib.loads(office.settings.path.read_text(encoding="utf-8"))["agreement"]
    edit(table)
    return replace(office.settings, book=Book.of(Agreement.model_validate(table)))


def stages_of(office):
    return {
        lead_id: tuple(record.get(field) for field in STAGE_FIELDS[office.crm])
        for lead_id, record in office.leads().items()
    }


def test_stages_and_owners_are_never_touched_unless_switched_on(office):
    before = stages_of(office)
    report = office.sync()
    assert stages_of(office) == before
    assert {"SetStage", "AssignOwner"}.isdisjoint(report.changes)


def raise_a_hand(office, lead_id):
    """The lead asks for a demo, where the CRM keeps such things."""
    if office.crm == "hubspot":
        office.edit("lead", lead_id, {"recent_conversion_event_name": "Demo request"})
        return
    asked = {"Lead__c": lead_id, "Kind__c": "hand_raise", "Content__c": "Demo"}
    at = f"{office.clock.now():%Y-%m-%dT%H:%M:%S.000+0000}"
    office.face.edit("Marketing_Activity__c", [{**asked, "Occurred_At__c": at}])


def test_a_stage_switched_on_is_set_on_qualified_inquiries_and_on_nothing_else(office):
    office.rollout = {"stages_writable": frozenset({LifecycleStage.MQL})}
    office.sync()
    stood = stages_known(office)
    cold = [
        one.lead_id
        for one in verdicts(office).values()
        if one.stage is LifecycleStage.INQUIRY and not one.is_mql and not one.missing and one.fit == "buyer"
    ]
    warming = cold[:3]
    for lead_id in warming:
        raise_a_hand(office, lead_id)
    office.clock.advance(60)
    before = stages_of(office)
    report = office.sync()
    moved = {lead_id for lead_id, stage in stages_of(office).items() if stage != before[lead_id]}
    assert moved == set(warming)
    assert report.changes["SetStage"] == len(moved) == 3
    assert {stood[lead_id] for lead_id in moved} == {LifecycleStage.INQUIRY}
    field = STAGE_FIELDS[office.crm][0]
    leads = office.leads()
    assert {leads[lead_id][field] for lead_id in moved} <= {"Marketing Qualified", "marketingqualifiedlead"}
    assert all(verdicts(office)[lead_id].is_mql for lead_id in moved)


def stages_known(office):
    """Each lead's stage as our mapping reads it, before anything is written."""
    mapping = office.settings.connections[office.crm].mapping
    return {lead_id: mapping.stage_from(record) for lead_id, record in office.leads().items()}


def reading_free_text_as_a_number(office):
    """The connection with the employees kept in a text field, as companies do."""
    one = office.settings.connections[office.crm]
    raw = one.model_dump(by_alias=True, exclude_unset=True)
    raw["lead"]["employees"] = {"field": FREE_FIELD[office.crm], "as": "integer"}
    office.settings.connections[office.crm] = ConnectionSettings.model_validate(raw)


def test_a_lead_with_rubbish_is_set_aside_with_field_value_and_reason_and_the_others_go_on(office):
    reading_free_text_as_a_number(office)
    field = FREE_FIELD[office.crm]
    sick, well, *_ = sorted(one for one, record in office.leads().items() if not record.get("IsConverted"))
    for lead_id in office.leads():
        office.edit("lead", lead_id, {field: "150"})
    office.edit("lead", sick, {field: "fifty or so"})
    office.clock.advance(60)
    report = office.sync()
    assert (report.quarantined, report.is_partial) == (1, True)
    with office.store.begin() as db:
        (aside,) = Facts(office.crm).quarantine.rows(db)
    assert (aside.lead_id, aside.field, aside.value) == (sick, field, "fifty or so")
    assert aside.reason == "is not an integer"
    leads = office.leads()
    assert not leads[sick][office.words["status"]]
    assert leads[well][FIELDS[office.crm]["reasons"]]
    office.clock.advance(60)
    office.edit("lead", sick, {field: "50"})
    office.clock.advance(60)
    cured = office.sync()
    assert cured.quarantined == 0
    assert office.leads()[sick][FIELDS[office.crm]["reasons"]]
