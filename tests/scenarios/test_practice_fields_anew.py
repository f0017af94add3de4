"""Our fields are taken away and made again: what they are to show is written again, without a person's help."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.errors import Misconfigured
from leadsla.settings import StoreSettings
from leadsla.wiring import fields_made_anew, opened_crm


def shown(office):
    """How many living leads show a status."""
    status = office.words["status"]
    living = [row for row in office.leads().values() if not row.get("IsConverted")]
    return sum(bool(row.get(status)) for row in living)


def made_anew(office):
    with opened_crm(office.crm, office.settings.connections[office.crm]) as crm:
        crm.unprovision(dry_run=False)
        crm.provision(dry_run=False)


def test_a_run_that_was_refused_for_want_of_our_fields_is_followed_by_one_that_fills_them(office):
    office.sync()
    before = shown(office)
    assert before > 20
    with opened_crm(office.crm, office.settings.connections[office.crm]) as crm:
        crm.unprovision(dry_run=False)
        with pytest.raises(Misconfigured):
            office.sync()
        crm.provision(dry_run=False)
    assert shown(office) == 0
    office.sync()
    assert shown(office) == before
    office.clock.advance(600)
    office.sync()
    assert office.sync().written == 0


def with_its_store(office, folder):
    return replace(office.settings, store=StoreSettings(url=f"sqlite:///{folder / 'state.db'}"))


def test_fields_that_provision_itself_made_anew_are_filled_by_the_next_run(office, tmp_path):
    office.sync()
    before = shown(office)
    made_anew(office)
    fields_made_anew(with_its_store(office, tmp_path), office.crm)
    office.sync()
    assert shown(office) == before


def test_where_no_run_has_been_nothing_is_made_of_it(office, tmp_path):
    office.store.close()
    for kept in tmp_path.glob("state.db*"):
        kept.unlink()
    fields_made_anew(with_its_store(office, tmp_path), office.crm)
    assert not list(tmp_path.glob("state.db*"))
