"""The store: private, migrated, and giving back what it was given."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from connectors.base import Page
from sla_engine.conditions import Condition
from sla_engine.model import Owner
from sync.store import Store, schema
from sync.store.facts import Facts
from sync.store.packing import pack_lead, unpack_lead
from sync.store.visits import Visits
from sync.store.work import Work
from tests.scenarios.theatre import Theatre

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "inner" / "state.db"
    Store.open(f"sqlite:///{path}").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_migrations_build_exactly_the_schema(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    with store.begin() as db:
        assert compare_metadata(MigrationContext.configure(db), schema.metadata) == []
    store.close()


def test_opening_twice_changes_nothing(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, NINE)
    theatre.lead("ada", NINE)
    theatre.run(NINE + timedelta(minutes=1))
    theatre.close()
    store = Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    with store.begin() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(schema.leads)).scalar_one() == 1
    store.close()


def test_a_lead_comes_back_with_instants_as_instants(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, NINE)
    theatre.lead("ada", NINE)
    lead = theatre.shown("ada").lead
    object.__setattr__(lead, "fields", {**lead.fields, "met_at": NINE, "employees": 12, "opt_out": False})
    assert unpack_lead(pack_lead(lead)) == lead
    theatre.close()


def test_one_lead_is_told_whole_for_explain(tmp_path: Path) -> None:
    """History, verdict with clocks, task and what was written about it."""
    theatre = Theatre.open(tmp_path, NINE)
    theatre.lead("ada", NINE)
    theatre.activity("ada", NINE, "page_visit")
    theatre.run(NINE + timedelta(minutes=1))
    with theatre.store.begin() as db:
        (known,) = Facts("memory").known(db, ["ada"])
        (verdict,) = Work("memory").verdicts(db, ["ada"])
    assert [one.kind for one in known.history.activities] == ["page_visit"]
    assert [one.stage for one in known.history.stages] == ["mql"]
    assert [task.id for task in known.tasks] == [task.id for task in theatre.tasks("ada")]
    assert [clock.state for clock in verdict.clocks] == ["running"]
    assert {row.kind for row in theatre.outbox("written")} == {"SetFields", "CreateTask"}
    theatre.close()


def test_the_first_verdict_to_run_out_wakes_the_schedule(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, NINE)
    theatre.lead("ada", NINE)
    theatre.run(NINE + timedelta(minutes=1))
    with theatre.store.begin() as db:
        due = Work("memory").next_due(db)
    assert due == NINE + timedelta(minutes=90)
    theatre.close()


def test_another_agreement_or_mode_judges_every_lead_again(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, NINE, mode="shadow")
    theatre.lead("ada", NINE)
    assert theatre.run(NINE + timedelta(minutes=1)).evaluated == 1
    assert theatre.run(NINE + timedelta(minutes=2)).evaluated == 0
    theatre.settings = replace(theatre.settings, mode="live")
    assert theatre.run(NINE + timedelta(minutes=3)).written == 2
    theatre.agreement = theatre.agreement.model_copy(update={"name": "Another"})
    theatre.agreement.__dict__.pop("version", None)
    assert theatre.run(NINE + timedelta(minutes=4)).evaluated == 1
    theatre.close()


def test_an_owner_who_moved_to_another_zone_reads_the_deadline_in_it(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, NINE)
    theatre.lead("ada", NINE)
    theatre.run(NINE + timedelta(minutes=1))
    theatre.records.hire(Owner("eva", "Eva", time_zone="Europe/London"))
    with theatre.store.begin() as db:  # owners are asked for again an hour later
        Visits("memory").note(db, "owners", datetime.now(UTC) - timedelta(minutes=61))
    theatre.run(NINE + timedelta(minutes=2))
    (task,) = theatre.tasks("ada")
    assert task.subject == "Answer this lead by Mon 23 Nov 11:00 (Europe/London)"
    theatre.close()


def fields_told(theatre: Theatre, name: str) -> list[tuple[str, object]]:
    with theatre.store.begin() as db:
        (known,) = Facts("memory").known(db, [name])
    return [(one.field, one.before) for one in known.history.fields]


def test_what_a_field_held_before_a_change_is_kept_and_its_echo_is_no_change(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, NINE)
    theatre.lead("ada", NINE)
    theatre.run(NINE + timedelta(minutes=1))
    fields = theatre.shown("ada").lead.fields
    theatre.change("ada", NINE + timedelta(minutes=2), fields={**fields, "met_at": NINE, "size": 12})
    theatre.run(NINE + timedelta(minutes=3))
    theatre.change("ada", NINE + timedelta(minutes=4), fields={**fields, "size": 13})
    theatre.run(NINE + timedelta(minutes=5))
    theatre.run(NINE + timedelta(minutes=6))
    told = [("met_at", None), ("size", None), ("met_at", NINE), ("size", 12)]
    assert fields_told(theatre, "ada") == told
    theatre.close()


def test_a_field_set_with_the_handover_counts_although_somebody_touched_the_lead_since(
    tmp_path: Path,
) -> None:
    """The CRM dates a record by its last touch: between two looks nobody knows when a field changed."""
    theatre = Theatre.open(tmp_path, NINE)
    abroad = theatre.agreement.target[0].model_copy(
        update={"when": (Condition.model_validate({"field": "country", "is": "BR"}),)}
    )
    theatre.agreement = theatre.agreement.model_copy(update={"target": (abroad,)})
    theatre.lead("ada", NINE, stage="inquiry", country="DE")
    theatre.run(NINE + timedelta(minutes=1))
    fields = theatre.shown("ada").lead.fields
    theatre.change(
        "ada", NINE + timedelta(minutes=9), by="flow", stage="mql", fields={**fields, "country": "BR"}
    )
    theatre.change("ada", NINE + timedelta(minutes=10), reason="touched")
    theatre.run(NINE + timedelta(minutes=15))
    with theatre.store.begin() as db:
        (verdict,) = Work("memory").verdicts(db, ["ada"])
    assert [one.started_at for one in verdict.clocks] == [NINE + timedelta(minutes=9)]
    theatre.change("ada", NINE + timedelta(minutes=20), fields={**fields, "country": "AT"})
    theatre.run(NINE + timedelta(minutes=25))
    with theatre.store.begin() as db:
        (verdict,) = Work("memory").verdicts(db, ["ada"])
    assert [one.started_at for one in verdict.clocks] == [NINE + timedelta(minutes=9)]
    theatre.close()


def test_of_two_changes_under_one_stamp_the_older_value_stays(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, NINE)
    theatre.lead("ada", NINE, country="DE")
    theatre.run(NINE + timedelta(minutes=1))
    seen = theatre.shown("ada")
    with theatre.store.begin() as db:
        for country in ("AT", "BR"):
            lead = replace(seen.lead, fields={**seen.lead.fields, "country": country})
            again = replace(seen, lead=lead, modified_at=NINE + timedelta(minutes=5))
            Facts("memory").keep_page(db, Page(leads=(again,)), "")
    assert fields_told(theatre, "ada") == [("country", "DE")]
    theatre.close()


def test_another_mapping_is_no_change_of_a_field(tmp_path: Path) -> None:
    theatre = Theatre.open(tmp_path, NINE)
    theatre.lead("ada", NINE)
    theatre.run(NINE + timedelta(minutes=1))
    theatre.settings = replace(theatre.settings, mapping="another")
    lead = theatre.shown("ada").lead
    object.__setattr__(lead, "fields", {**lead.fields, "company": "read from elsewhere"})
    theatre.run(NINE + timedelta(minutes=2))
    assert fields_told(theatre, "ada") == []
    theatre.close()
