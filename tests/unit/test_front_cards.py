"""Approving and rolling back scorecards at the front door: one clear line for each mistake, all at once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leadsla.cli.agreement import agreement
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.explain import explain
from leadsla.cli.learn_cards import approve, list_cards, rollback
from leadsla.settings import load
from sla_engine.card import Scorecard
from sync.store import Store, schema
from sync.store.cards import Cards
from tests.scenarios.theatre import Theatre

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
SHIPPED = Path(__file__).parents[2] / "config.toml"
GERMANY = {"name": "Germany", "group": "fit", "points": 5, "when": {"field": "country", "is": "DE"}}
CARD = Scorecard.model_validate({"lines": [GERMANY], "outcomes": 640})
BOTH = ("Ada", "Max")
ONE_NAME = "name one person of each with --by NAME --by NAME"


@pytest.fixture
def config(tmp_path):
    """Two connections that were synced; a card was proposed for one."""
    path = tmp_path / "config.toml"
    path.write_bytes(SHIPPED.read_bytes())
    store = Store.open(load(path).store.url)
    with store.begin() as db:
        for name in ("salesforce", "hubspot"):
            row = {"connection": name, "cursor": "x", "account": "a", "mapping": ""}
            db.execute(schema.cursors.insert().values(row))
        Cards("salesforce").propose(db, CARD, NOW)
    store.close()
    return path


def refused(what, *arguments):
    with pytest.raises(ConfigurationProblem) as refusal:
        what(*arguments)
    return str(refusal.value).splitlines()


def in_force(config, capsys):
    capsys.readouterr()
    list_cards(config, None, as_json=True)
    told = json.loads(capsys.readouterr().out)
    return {name: [one["version"] for one in kept if one["in_force"]] for name, kept in told.items()}


def test_both_sides_approve_and_what_they_approved_can_be_taken_back(config, capsys):
    approve(config, None, CARD.version, BOTH)
    assert f"salesforce: card {CARD.version} approved by Ada and Max" in capsys.readouterr().out
    assert in_force(config, capsys) == {"salesforce": [CARD.version], "hubspot": []}
    list_cards(config, None)
    shown = capsys.readouterr().out
    for told in (CARD.version, "640", "Ada and Max", "hubspot: no card was proposed yet"):
        assert told in shown
    rollback(config, None)
    assert "salesforce: rolled back, the starting score is in force again" in capsys.readouterr().out
    assert in_force(config, capsys) == {"salesforce": [], "hubspot": []}


def test_the_agreement_shows_the_card_that_counts_and_who_approved_it(config, capsys):
    agreement(config=config)
    assert "scorecard" not in capsys.readouterr().out
    approve(config, None, CARD.version, BOTH)
    capsys.readouterr()
    agreement(config=config)
    shown = capsys.readouterr().out
    assert f"scorecard of salesforce (version {CARD.version}), approved by Ada and Max on " in shown
    assert "    +5 fit: country is DE\n" in shown
    assert "scorecard of hubspot" not in shown
    agreement(config=config, as_json=True)
    (told,) = json.loads(capsys.readouterr().out)
    assert told["cards"]["salesforce"]["approved_by"] == list(BOTH)
    assert told["cards"]["salesforce"]["card"]["lines"][0]["points"] == 5
    store = Store.open(load(config).store.url)
    with store.begin() as db:
        db.execute(schema.cards.update().values(body="{}1"))
    store.close()
    agreement(config=config)
    assert "this leadsla cannot read it: the starting score counts" in capsys.readouterr().out


def test_what_is_done_can_be_read_by_machines(config, capsys):
    approve(config, "salesforce", CARD.version, BOTH, as_json=True)
    approved = json.loads(capsys.readouterr().out)
    assert approved == {"salesforce": {"in_force": CARD.version, "approved_by": list(BOTH)}}
    rollback(config, "salesforce", as_json=True)
    assert json.loads(capsys.readouterr().out) == {"salesforce": {"in_force": None}}


@pytest.mark.parametrize(
    ("by", "says"),
    [
        ((), ONE_NAME),
        (("Ada",), ONE_NAME),
        (("Ada", " "), ONE_NAME),
        (("Ada", "ada "), "Ada cannot approve for both sides; name two different people"),
    ],
)
def test_a_card_needs_two_different_people(config, capsys, by, says):
    (line,) = refused(approve, config, None, CARD.version, by)
    assert says in line
    assert in_force(config, capsys) == {"salesforce": [], "hubspot": []}


def test_a_version_that_was_never_proposed_is_told_with_the_nearest_and_the_names_beside(config):
    near = f"{CARD.version[:-1]}_"
    names, version = refused(approve, config, None, near, ("Ada",))
    assert ONE_NAME in names
    assert version.endswith(f'did you mean "{CARD.version}"?')
    (line,) = refused(approve, config, None, "zz", BOTH)
    assert line.endswith(f"there are: {CARD.version}")
    (line,) = refused(approve, config, "hubspot", CARD.version, BOTH)
    assert "none was proposed yet; run `leadsla learn`" in line


def test_a_card_in_force_is_not_approved_again_and_nothing_is_rolled_back_where_nothing_is(config):
    assert "nothing to roll back" in refused(rollback, config, None)[0]
    approve(config, None, CARD.version, BOTH)
    assert refused(approve, config, None, CARD.version, BOTH) == [
        f"card {CARD.version} is in force on salesforce already"
    ]


def test_with_cards_on_two_connections_a_rollback_asks_which(config):
    store = Store.open(load(config).store.url)
    with store.begin() as db:
        Cards("hubspot").propose(db, CARD, NOW)
    store.close()
    approve(config, None, CARD.version, BOTH)
    assert "say which with --connection" in refused(rollback, config, None)[0]
    rollback(config, "hubspot")


def test_before_the_first_sync_there_is_no_card_and_no_state_is_made(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(SHIPPED.read_bytes())
    assert refused(list_cards, path, None)[0].startswith("no sync has run yet")
    assert [one.name for one in tmp_path.iterdir()] == ["config.toml"]


def test_explain_shows_the_score_line_by_line_and_the_chance(config, capsys):
    settings = load(config)
    theatre = Theatre.open(config.parent / "beside", NOW)
    theatre.crm.name = "salesforce"
    theatre.store.close()
    theatre.store = Store.open(settings.store.url)
    with theatre.store.begin() as db:
        db.execute(schema.cursors.delete())
    theatre.lead("ada", NOW, stage="inquiry")
    theatre.run(LATER)
    approve(config, None, CARD.version, BOTH)
    theatre.close()
    capsys.readouterr()
    explain("ada", config, "salesforce", LATER, False)
    shown = capsys.readouterr().out.splitlines()
    assert "     +25 a lead nothing is known of" in shown
    assert "      +5 Germany" in shown
    assert f"    by card {CARD.version}; chance of winning 75%" in shown
    explain("ada", config, "salesforce", LATER, True)
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"]["score"] == sum(line["points"] for line in told["score"]["lines"]) == 30
