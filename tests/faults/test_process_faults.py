"""Rows 77, 79, 82, 84 and 86 of the fault catalogue: two runs, a lost or newer state, clocks, a typo."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync.lease import Busy, held
from sync.store import Store, StoreUnusable


def writes(office):
    """Calls that change something in the CRM."""
    return [route for route in office.calls() if "batch/" in route and "read" not in route] + [
        route for route in office.calls() if route.startswith("PATCH")
    ]


def test_fault_77_two_syncs_at_once_the_second_steps_aside_and_writes_nothing(office):
    office.reset_calls()
    with held(office.store, office.crm), pytest.raises(Busy, match=rf"^{office.crm}: held by "):
        office.sync()
    assert not writes(office)
    assert office.sync().written > 0


def test_fault_79_state_lost_makes_no_second_task(office, tmp_path):
    office.sync()
    before = Counter(office.lead_of(task) for task in office.our_tasks() if office.is_open(task))
    office.store.close()
    office.store = Store.open(f"sqlite:///{tmp_path / 'new.db'}")
    office.clock.advance(60)
    office.sync()
    after = Counter(office.lead_of(task) for task in office.our_tasks() if office.is_open(task))
    assert after == before
    assert set(after.values()) == {1}
    assert office.sync().written == 0


def test_fault_82_a_state_of_a_newer_leadsla_is_refused_with_what_to_do(tmp_path):
    url = f"sqlite:///{tmp_path / 'state.db'}"
    store = Store.open(url)
    with store.begin() as db:
        db.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StoreUnusable, match=r"written by a newer leadsla .* install that, or name another"):
        Store.open(url)


def test_fault_84_our_own_clock_decides_nothing(office):
    """The CRM's clock stands at some Monday noon, whatever this machine says."""
    office.clock.advance(-30 * 24 * 3600)
    early = office.sync()
    assert abs(early.at - office.clock.now()) < timedelta(seconds=5)
    office.clock.advance(30 * 24 * 3600)
    assert abs(office.sync().at - office.clock.now()) < timedelta(seconds=5)


def test_fault_86_a_typo_in_the_configuration_ends_before_any_call(office, tmp_path):
    config = tmp_path / "config.toml"
    text = config.read_text(encoding="utf-8").replace("[connections.", "[conections.", 1)
    config.write_text(text, encoding="utf-8")
    office.reset_calls()
    line = [sys.executable, "-m", "leadsla", "sync", "--config", str(config)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert 'did you mean "connections"?' in done.stderr
    assert not office.calls()
