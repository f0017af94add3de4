"""`leadsla learn` on an export: sentences for people, stable keys for machines, one line for each mistake."""

from __future__ import annotations

import csv
import json
import sys
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from leadsla.cli import commands
from leadsla.cli.learned_files import csv_table, svg_chart
from sla_engine.learning.lift import Lift, LiftReport
from tests.unit.past_leads import EDUCATION, b2b_rows, education_rows, text_of


@pytest.fixture
def typed(monkeypatch, capsys, tmp_path):
    """Type a command in a folder of its own: (exit code, what was printed, what was said)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["leadsla", *arguments])
        with pytest.raises(SystemExit) as end:
            commands.run()
        said = capsys.readouterr()
        return end.value.code or 0, said.out, said.err

    return run


@pytest.fixture(scope="module")
def education(tmp_path_factory):
    path = tmp_path_factory.mktemp("education") / "leads.csv"
    path.write_text(text_of(education_rows(700), EDUCATION, ","), encoding="utf-8", newline="")
    return path


@pytest.fixture(scope="module")
def printed(education, tmp_path_factory):
    """One run with everything: (JSON, the SVG's path, the CSV's path)."""
    folder = tmp_path_factory.mktemp("printed")
    svg, table = folder / "lifts.svg", folder / "lifts.csv"
    with pytest.MonkeyPatch.context() as patch, (folder / "out.json").open("w", encoding="utf-8") as out:
        line = ["learn", "--leads", str(education), "--outcome", "Converted", "--json", "--keep", "Tags"]
        patch.setattr(sys, "argv", ["leadsla", *line, "--svg", str(svg), "--csv", str(table)])
        patch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as end:
            commands.run()
    assert not end.value.code
    return json.loads((folder / "out.json").read_text(encoding="utf-8")), svg, table


def test_it_needs_no_configuration_and_tells_everything_in_sentences(typed, education):
    code, out, err = typed("learn", "--leads", str(education), "--outcome", "Converted")
    assert code == 0, err
    for part in (
        "700 leads count",
        "Converted is 1",
        "in order of Lead Number",
        "one point multiplies the odds of winning by 1.25",
        "Lead Origin is ",
        "AUC",
        "Brier score",
        "lift in the top 10 %",
        "won in the top 20 %",
        "calibration slope",
        "price of readability",
        "Magazine: is always",
        "Tags (--keep NAME brings one back)",
        "Prospect ID: is the lead's id",
        "Which content marks good leads",
        "need not be the reason",
    ):
        assert part in out, part
    assert "nan" not in out


KEYS = {
    *(
        "schema",
        "leads_file",
        "activities_file",
        "columns",
        "outcome",
        "counted",
        "card",
        "held_out",
        "challenger",
    ),
    *("card_to_challenger", "blocked", "dropped", "lifts", "notes", "warnings", "written"),
}


def test_the_keys_of_the_json_stay(printed):
    found = printed[0]
    assert set(found) == KEYS
    assert found["counted"]["leads"] == 700
    assert found["columns"]["sequence"] == "Lead Number"
    assert {"auc", "brier", "slope", "lift_top_tenth", "precision_top_fifth", "bins"} <= set(
        found["held_out"]
    )
    assert {"value", "low", "high"} == set(found["held_out"]["auc"])
    assert {"version", "intercept", "slope", "caps", "lines", "high", "medium"} <= set(found["card"])
    assert {"name", "group", "points", "when", "within_days", "text", "leads", "rate"} == set(
        found["card"]["lines"][0]
    )
    assert {"rows", "tested", "not_tested", "base", "seldom", "units", "design_effect"} == set(found["lifts"])


def test_a_field_that_knows_the_outcome_is_blocked_with_the_reason_even_if_kept(printed):
    blocked = {one["field"]: one for one in printed[0]["blocked"]}
    assert "Tags" in blocked
    assert "won" in blocked["Tags"]["text"]
    assert not any("Tags" in line["text"] for line in printed[0]["card"]["lines"])


def test_chart_and_table_are_whole_files(printed):
    _, svg, table = printed
    text = "".join(ET.fromstring(svg.read_text(encoding="utf-8")).itertext())
    assert "Lead Origin: Lead Add Form" in text
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["family"] for row in rows} == {"content"}
    assert "Lead Origin: Lead Add Form" in {row["name"] for row in rows}
    assert not [one for one in svg.parent.iterdir() if one.name.startswith(".")]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--svg", "leads.csv"), "--svg: leads.csv is the file of --leads"),
        (("--csv", "linked.csv"), "--csv: linked.csv is the file of --leads"),
        (("--activities", "a.csv", "--csv", "./a.csv"), "--csv: a.csv is the file of --activities"),
        (("--svg", "out", "--csv", "../{}/out"), "is the file of --svg"),
        (("--as-of", "2999-01-01T00:00Z"), "--as-of: 2999-01-01 lies in the future"),
    ],
)
def test_no_file_is_written_over_what_is_read_or_over_another(typed, tmp_path, options, words):
    (tmp_path / "leads.csv").write_text("Won,a\n", encoding="utf-8")
    (tmp_path / "a.csv").write_text("Lead,Type,At\n", encoding="utf-8")
    (tmp_path / "linked.csv").symlink_to("leads.csv")
    options = [one.format(tmp_path.name) for one in options]
    code, _, err = typed("learn", "--leads", "leads.csv", "--outcome", "Won", *options)
    assert code == 2
    assert words in err
    assert (tmp_path / "leads.csv").read_text(encoding="utf-8") == "Won,a\n"


def test_every_mistake_is_told_at_once_and_nothing_is_written(typed, tmp_path):
    code, out, err = typed(
        "learn", "--leads", "no.csv", "--holdout", "2", "--svg", "none/x.svg", "--landmark", "-1"
    )
    assert (code, out) == (2, "")
    for part in (
        "--outcome: is missing",
        "--holdout: 2",
        "--svg: there is no folder none",
        "no.csv: cannot be read",
    ):
        assert part in err, part
    assert err.count("\n") == 6
    assert "5 problems; nothing was touched" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"Won,a\n\x81,\x90\n", "is neither UTF-8, UTF-16 nor Windows text"),
        (b"Won,a,a\n1,2,3\n", 'names "a" twice'),
        (b"Win,a\n1,2\n", 'has no column "Won" - did you mean "Win"?'),
        (b"Won,a\n1,2\n1\xc3\xa4,2,3\n", "does not fit the header"),
        (b"Won,a\n" + b"1,2\n0,3\n" * 5, "only 10 leads with a known outcome"),
        (b"Won,a\n" + b"1,2\n1,3\n" * 50, "all 100 leads were won"),
    ],
)
def test_a_bad_export_ends_with_2_and_one_line(typed, tmp_path, content, words):
    (tmp_path / "leads.csv").write_bytes(content)
    code, out, err = typed("learn", "--leads", "leads.csv", "--outcome", "Won", "--svg", "x.svg")
    problems = [line for line in err.splitlines() if line.startswith("problem: ")]
    assert (code, out, len(problems)) == (2, "", 1)
    assert words in problems[0]
    assert not (tmp_path / "x.svg").exists()


def test_activities_that_cannot_be_joined_are_told(typed, tmp_path):
    (tmp_path / "leads.csv").write_text(text_of(b2b_rows(300)), encoding="utf-8", newline="")
    (tmp_path / "a.csv").write_text("Who,Type,At\nx,Call,2023-01-05\ny,Call,2023-01-06\n", encoding="utf-8")
    code, _, err = typed("learn", "--leads", "leads.csv", "--outcome", "Status", "--activities", "a.csv")
    assert code == 2
    assert "has no column with the leads' ids" in err
    assert "--lead-id" in err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("--leads", "a.csv", "--rollback"), "--leads and --rollback do not go together"),
        (("--by", "Anna"), "--by belongs to --approve VERSION"),
        (("--outcome", "Won"), "name the export of past leads: --leads FILE"),
    ],
)
def test_options_that_do_not_go_together_are_refused(typed, line, words):
    code, _, err = typed("learn", *line)
    assert code == 2
    assert words in err


def test_a_name_that_a_spreadsheet_would_calculate_is_made_harmless():
    nan = float("nan")
    row = Lift("=1+1 <b>", "content", 40, 20, 400, 40, 2.5, 1.5, 4.0, nan, nan, "good_sign", "yes")
    report = LiftReport((row,), 1, 0, 0.1, "leads", 1.0)
    assert "\n'=1+1 <b>,content,good_sign,40,20,0.5," in csv_table(report).replace("\r", "")
    assert ET.fromstring(svg_chart(report)) is not None
    assert np.isnan(row.p)
