"""Where the state is kept: every place that does not serve is told in one sentence, with what to do."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from sync.store import Store, StoreUnusable, address_from


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("leadsla.db", "is no address of a database"),
        ("mysql://me:canary@host/db", "keeps no state in mysql"),
        ("postgresql+nosuch://me:canary@host/db", "is no address of a database"),
    ],
)
def test_an_address_that_is_none_is_refused_without_telling_it(url, says):
    with pytest.raises(StoreUnusable, match=says) as refusal:
        address_from(url, Path("/etc"))
    assert "canary" not in str(refusal.value)


def test_a_driver_that_is_not_there_is_named_with_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreUnusable, match=r'pip install "psycopg\[binary\]"'):
        address_from("postgresql+psycopg://me@host/db", Path("/etc"))


def test_only_a_relative_file_is_taken_from_the_folder():
    assert address_from("sqlite:///a/b.db", Path("/etc")) == "sqlite:////etc/a/b.db"
    assert address_from("sqlite:////a/b.db", Path("/etc")) == "sqlite:////a/b.db"
    assert address_from("sqlite:///:memory:", Path("/etc")) == "sqlite:///:memory:"


def unusable(path):
    with pytest.raises(StoreUnusable) as refusal:
        Store.open(f"sqlite:///{path}").close()
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_places_that_do_not_serve(tmp_path):
    assert "is a directory" in unusable(tmp_path)
    (tmp_path / "file").write_text("x")
    assert "name a file that you can write" in unusable(tmp_path / "file" / "state.db")
    (tmp_path / "text.db").write_text("no database at all " * 100)
    assert "holds something else than leadsla's state" in unusable(tmp_path / "text.db")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE leads (x)")
    other.close()
    assert "holds something else than leadsla's state" in unusable(tmp_path / "other.db")


def test_a_state_of_a_newer_leadsla_is_left_alone(tmp_path):
    path = tmp_path / "state.db"
    Store.open(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.close()
    assert "was written by a newer leadsla" in unusable(path)


def test_reading_makes_nothing(tmp_path):
    path = tmp_path / "folder" / "state.db"
    assert Store.existing(f"sqlite:///{path}") is None
    assert not path.parent.exists()
    fresh = tmp_path / "fresh.db"
    Store.open(f"sqlite:///{fresh}").close()
    assert Store.existing(f"sqlite:///{fresh}") is None, "no run has kept anything"
