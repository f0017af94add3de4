"""A record that the CRM named is read at once, by id; polling alone stays correct."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from connectors.errors import Unavailable
from sync.store.facts import Facts
from sync.store.hints import Hints

FIELD = {"salesforce": "Company", "hubspot": "company"}


def company_of(office, lead_id):
    with office.store.begin() as db:
        (known,) = Facts(office.crm).known(db, [lead_id])
    return known.seen.lead.fields["company"]


def hint(office, *ids):
    with office.store.begin() as db:
        Hints(office.crm).add(db, ids, datetime.now(UTC))


def some_lead(office):
    return next(key for key, row in sorted(office.leads().items()) if not row.get("IsConverted"))


def test_a_hinted_record_is_read_before_any_poll_may_show_it(office):
    office.sync()
    lead_id = some_lead(office)
    office.edit("lead", lead_id, {FIELD[office.crm]: "Just Changed Ltd"})
    office.sync()
    assert company_of(office, lead_id) != "Just Changed Ltd"  # too young for a poll
    hint(office, lead_id)
    office.sync()
    assert company_of(office, lead_id) == "Just Changed Ltd"
    with office.store.begin() as db:
        assert not Hints(office.crm).any(db)
    office.clock.advance(10)
    assert office.sync().written == 0


def test_a_hint_about_a_lead_that_is_gone_or_never_was_harms_nothing(office):
    office.sync()
    lead_id = some_lead(office)
    office.edit("lead", lead_id, {"delete": True})
    unknown = {"salesforce": "00QLc000000zzzzMAA", "hubspot": "9999999"}[office.crm]
    hint(office, lead_id, unknown)
    report = office.sync()
    assert report.gone == 1
    assert not report.troubles


def test_a_hint_that_could_not_be_followed_stays(office):
    office.sync()
    lead_id = some_lead(office)
    hint(office, lead_id)
    office.fault(method="*", path="/crm/|/query|/composite", do="status", status=503, times=None)
    with suppress(Unavailable):
        office.sync()
    with office.store.begin() as db:
        assert Hints(office.crm).any(db)
