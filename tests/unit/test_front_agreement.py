"""``leadsla agreement``: both sides can read what they signed, and which days it counts on."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date
from pathlib import Path

from typer.testing import CliRunner

from leadsla.cli.agreement import told
from leadsla.cli.commands import app
from sla_engine.agreement import Agreement

ROOT = Path(__file__).parents[2]
RICH = Agreement.model_validate(
    tomllib.loads((ROOT / "tests" / "rich_agreement.toml").read_text(encoding="utf-8"))
)


def test_an_agreement_that_uses_everything_is_told_whole():
    lines = list(told(RICH, date(2026, 11, 24)))
    for said in (
        "  must be known: last_name, company, email or phone, job_title",
        "  rules out a buyer: works for a competitor (company in Rival, Rival AG)",
        '  target "assign": operations, 1 working hour once the lead is mql',
        (
            '  target "reply": sales, 4 working hours with each email reply or hand raise of a lead that is'
            " mql or sal or sql"
        ),
        "    at 150%, then every 2 working hours, 2 times in all: remind owner",
        "    after 6 working hours: tell manager",
        "    at 800%: reassign to next_in_line",
        "    stands still: waiting for lead, at most 2 days",
        "    not reachable: only after 3 attempts on 2 channels within 5 working days",
        "  marketing hands over 4 a month from Web",
        "    mon: 09:00-12:00, 13:00-17:00",
        "    closed Fri 25 Dec 2026: Christmas Day",
    ):
        assert said in lines, said
    (size,) = (line for line in lines if "large enough" in line)
    assert size.endswith(
        "((employees at least 50.0 or (industry is software and not employees at most 5.0)))"
    )


def test_holidays_on_which_nobody_works_anyway_are_left_out():
    """Boxing Day 2026 is a Saturday."""
    assert not any("26 Dec" in line for line in told(RICH, date(2026, 11, 24)))


def test_the_shipped_agreement_is_shown_as_text_and_as_json():
    asked = ["agreement", "--config", str(ROOT / "config.toml"), "--as-of", "2026-11-24T12:00:00Z"]
    text = CliRunner().invoke(app, asked)
    assert text.exit_code == 0
    assert "hours of berlin (Europe/Berlin)" in text.output
    plain = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    assert plain[0]["holidays_ahead"]["new_york"]["2026-11-26"] == "Thanksgiving Day"
    assert plain[0]["version"] in text.output


def test_what_the_shipped_agreement_offers_in_comments_is_right_too():
    """Uncommented, every suggestion loads beside the others."""
    text = (ROOT / "leadsla" / "templates" / "agreement.toml").read_text(encoding="utf-8")
    whole = re.sub(r"^# (?=\[|[a-z_]+ = |  \{|\])", "", text, flags=re.MULTILINE)
    raw = tomllib.loads(whole)["agreement"]
    raw["people"] = {"anna": {"in_line": True, "manager": "ben"}}
    agreed = Agreement.model_validate(raw)
    assert {"assign", "reply", "enrol"} <= {target.name for target in agreed.target}
    assert agreed.rejection.cadence
    assert agreed.not_new
    assert agreed.volume.per_month
