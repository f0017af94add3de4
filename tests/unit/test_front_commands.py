"""Mistakes at the command line end with one plain line and 2, and what a command says next is true."""

from __future__ import annotations

import sqlite3
import sys
import threading
from importlib.resources import files
from pathlib import Path

import pytest
import typer
from sqlalchemy.exc import OperationalError

from connectors.errors import BudgetSpent, Misconfigured, RateLimited, Unauthorised, Unavailable
from leadsla.cli import commands, schedule
from leadsla.cli.exits import Exit, code_of, end_of
from leadsla.cli.schedule import Rounds
from leadsla.settings import load
from sync.guard import GuardStopped
from sync.lease import Busy
from sync.report import RunReport

SHIPPED = Path(__file__).parents[2] / "config.toml"


@pytest.fixture
def typed(monkeypatch, capsys, tmp_path):
    """Type a command in a folder of its own: (exit code, what it said)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["leadsla", *arguments])
        with pytest.raises(SystemExit) as end:
            commands.run()
        said = capsys.readouterr()
        return end.value.code or 0, said.out + said.err

    return run


def one_line(result, *words):
    code, said = result
    assert code == 2, said
    assert said.count("\n") == 1
    for word in words:
        assert word in said


def test_ordinary_mistakes_end_with_2_and_one_line(typed, tmp_path):
    (tmp_path / "folder").mkdir()
    one_line(
        typed("init", "--config", "no/such.toml"),
        "no/such.toml",
        "no such file or directory",
        "make the folder",
    )
    one_line(typed("init", "--config", "folder"), "exists")
    one_line(typed("init", "--crm", "sugar"), "salesforce, hubspot or practice")
    typed("init")
    one_line(typed("plan", "--out", "no/plan.json"), "there is no folder no")
    one_line(typed("plan", "--out", "folder"), "is a folder", "folder/plan.json")
    code, said = typed("check", "--config", "folder")
    assert code == 2
    assert "cannot be read: is a directory" in said


@pytest.mark.parametrize("place", ["/proc/none/state.db", "folder", "text"])
def test_a_state_that_cannot_be_kept_ends_with_2_and_one_line(typed, tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no database " * 50)
    text = SHIPPED.read_text(encoding="utf-8").replace("leadsla.db", place)
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    one_line(typed("sync"), "[store] url")


@pytest.mark.parametrize("command", [["report"], ["outbox"], ["explain", "00Q1"]])
def test_commands_that_only_read_make_nothing_where_no_sync_has_run(typed, tmp_path, command):
    typed("init")
    one_line(typed(*command), "no sync has run yet; run `leadsla sync`")
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_the_version_is_told(typed):
    assert typed("--version")[1].startswith("leadsla ")


def test_init_knows_crms_in_any_case_and_says_the_next_step(typed):
    code, said = typed("init", "--crm", "HubSpot", "--config", "hubspot.toml")
    assert code == 0
    assert "export HUBSPOT_TOKEN=..." in said
    assert "start `leadsla localcrm` in another terminal, then run `leadsla check`" in typed("init")[1]


@pytest.mark.parametrize("name", ["practice", "salesforce", "hubspot"])
def test_a_templates_first_lines_are_true_for_it(name):
    text = (files("leadsla") / "templates" / f"{name}.toml").read_text(encoding="utf-8")
    assert ("works as it is" in text) == (name == "practice")
    assert ('"practice"' in text) == (name == "practice")
    assert "base_url = " in text
    assert "# effective_from = " in text


def test_the_exit_code_is_that_of_what_a_person_must_act_on():
    away, later = Unavailable("away"), BudgetSpent("later")
    assert code_of([]) is Exit.DONE
    assert code_of([away, later, RateLimited("slow", 1.0)]) is Exit.PARTIAL
    assert code_of([later, Busy("held")]) is Exit.STOPPED
    assert code_of([away, Unauthorised("who")]) is Exit.AUTHENTICATION
    assert code_of([Unauthorised("who"), Misconfigured("what")]) is Exit.CONFIGURATION
    assert code_of([away, GuardStopped("mass")]) is Exit.STOPPED


class Told:
    """Rounds whose runs end as the test says, and the lines they told."""

    def __init__(self, monkeypatch, tmp_path):
        self.config = tmp_path / "config.toml"
        self.config.write_bytes(SHIPPED.read_bytes())
        self.lines = []
        self.ends = None
        monkeypatch.setattr(schedule, "say", lambda text, *_: self.lines.append(text))
        monkeypatch.setattr(Rounds, "_run", self.run)
        stop = threading.Event()
        self.rounds = Rounds(self.config, load(self.config), ["salesforce"], None, stop)

    def run(self, _present, name):
        if self.ends:
            raise self.ends
        return RunReport(name, "live", None)

    def after(self, end=None):
        """One more round that ends so; what it told."""
        self.ends, before = end, len(self.lines)
        self.rounds.run_all()
        return self.lines[before:]


@pytest.fixture
def scheduled(monkeypatch, tmp_path):
    return Told(monkeypatch, tmp_path)


def test_what_only_a_person_can_mend_ends_schedule_in_its_first_round(scheduled):
    with pytest.raises(typer.Exit) as end:
        scheduled.after(Unauthorised("salesforce: refused"))
    assert end.value.exit_code == Exit.AUTHENTICATION


def test_a_crm_that_is_away_is_tried_again_from_the_first_round_on(scheduled):
    assert scheduled.after(Unavailable("salesforce: away")) == [
        "salesforce: away; trying again at the next interval"
    ]
    assert len(scheduled.after()) == 1


def test_later_a_lasting_problem_is_told_once_and_again_when_it_changes(scheduled):
    scheduled.after()
    assert len(scheduled.after(Unauthorised("salesforce: refused"))) == 1
    assert scheduled.after(Unauthorised("salesforce: refused")) == []
    assert len(scheduled.after(Unauthorised("salesforce: a right is missing"))) == 1
    scheduled.after()
    assert len(scheduled.after(Unauthorised("salesforce: refused"))) == 1, "it had been well in between"


def test_a_configuration_broken_later_is_told_once_and_the_last_good_one_used(scheduled):
    good = scheduled.config.read_text(encoding="utf-8")
    scheduled.after()
    scheduled.config.write_text(good.replace("every =", "evry ="), encoding="utf-8")
    first, second = scheduled.after(), scheduled.after()
    assert "schedule.evry" in first[0]
    assert first[-1].startswith("salesforce: read")
    assert len(second) == 1


def test_an_error_that_says_what_to_do_gets_no_second_advice():
    assert "What to do" not in end_of(Unauthorised("salesforce: refused; renew the secret")).message
    assert "What to do: check these credentials" in end_of(Unauthorised("hubspot: refused")).message


def test_a_database_that_fails_on_the_way_is_told_without_statement_and_values():
    error = OperationalError(
        "INSERT canary", {"name": "canary"}, sqlite3.OperationalError("database is locked")
    )
    end = end_of(error)
    assert end.code is Exit.CONFIGURATION
    assert end.message == "the state database is in use by another program; close that, then run again"
