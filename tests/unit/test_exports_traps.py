"""Exports as people really save them: copies, ticks, typing mistakes, personal data. None of it may mislead."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadsla.cli.learned_files import csv_table
from leadsla.cli.learned_json import as_json
from leadsla.exports.activities import ActivityWishes, read_activities
from leadsla.exports.columns import Gathering
from leadsla.exports.counting import Times, counted, repeated
from leadsla.exports.leads import Wishes, read_leads, without_future
from leadsla.exports.learning import Request, learn
from leadsla.exports.reading import BadExport
from tests.unit.past_leads import text_of

START = datetime(2025, 1, 1, 9, tzinfo=UTC)
HEADER = ("Record ID", "Create Date", "Employees", "Source", "Status")


def rows_of(leads=600, seed=4, date="{:%Y-%m-%d %H:%M}", hours=7):
    """True: referrals are won more often."""
    pick = random.Random(seed)
    rows = []
    for number in range(leads):
        source = pick.choice(["Web", "Referral", "List"])
        won = pick.random() < (0.5 if source == "Referral" else 0.15)
        came = date.format(START + timedelta(hours=hours * number))
        rows.append((f"00Q{number:05d}", came, pick.randint(1, 500), source, "Won" if won else "Lost"))
    return rows


@pytest.fixture
def kept(tmp_path):
    def write(rows, header=HEADER, name="leads.csv", delimiter=","):
        path = tmp_path / name
        text = rows if isinstance(rows, str) else text_of(rows, header, delimiter)
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write


def with_column(name, cells, rows=None):
    rows = rows_of() if rows is None else rows
    added = [(*row[:-1], cell, row[-1]) for row, cell in zip(rows, cells, strict=True)]
    return added, (*HEADER[:-1], name, HEADER[-1])


def warned(learned, words):
    return any(words in line for line in as_json(learned)["warnings"])


def test_copies_of_rows_change_nothing(kept):
    rows = rows_of()
    one = as_json(learn(Request(kept(rows), Wishes("Status=Won"))))
    again = [*rows, *random.Random(1).sample(rows, 300)]
    other = as_json(learn(Request(kept(again), Wishes("Status=Won"))))
    assert other["counted"]["excluded"]["duplicate"] == 300
    for key in ("card", "held_out", "challenger", "lifts", "blocked", "columns", "warnings"):
        assert one[key] == other[key], key


def test_copies_are_known_without_an_id_where_a_column_tells_rows_apart(kept):
    rows = [row[1:] for row in rows_of()]
    leads = read_leads(kept([*rows, *rows[:200]], HEADER[1:]), Wishes("Status=Won"), [])
    assert leads.ids is None
    assert repeated(leads).sum() == 200


def test_equal_rows_that_may_be_different_leads_count_and_are_told(kept):
    rows = [row[3:] for row in rows_of()]
    found = learn(Request(kept(rows, HEADER[3:]), Wishes("Status=Won")))
    assert found.counting.leads == 600
    assert warned(found, "rows are the same as another in every cell")


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        ([], "has a header and no rows"),
        ([(*row, "a", "b") for row in rows_of()], "600 rows do not fit the header of 5 cells"),
        ([(*row[:3], "x" * 140_000, row[4]) for row in rows_of(40)], "more than 131,072 characters"),
    ],
)
def test_a_head_that_cannot_be_read_is_told_in_words(kept, tail, words):
    with pytest.raises(BadExport) as end:
        learn(Request(kept(tail), Wishes("Status=Won")))
    assert words in str(end.value)


def test_a_comma_too_many_on_every_row_does_not_matter(kept):
    leads = read_leads(kept([(*row, "") for row in rows_of(60)]), Wishes("Status=Won"), [])
    assert (leads.size, leads.roles.lead_id, leads.roles.created) == (60, "Record ID", "Create Date")


@pytest.mark.parametrize("leads", [20, 22, 25, 40])
@pytest.mark.parametrize("wins", ["newest", "oldest", "mixed"])
def test_too_few_leads_to_measure_on_end_in_words_or_figures_never_in_an_error(kept, leads, wins):
    place = {"newest": range(leads - 5, leads), "oldest": range(5), "mixed": range(1, leads, 4)}[wins]
    rows = [
        (*row[:-1], "Won" if number in place else "Lost")
        for number, row in enumerate(rows_of(leads, hours=24))
    ]
    with suppress(BadExport):
        learn(Request(kept(rows), Wishes("Status=Won")))


def test_wins_of_the_newest_leads_only_are_told(kept):
    rows = [(*row[:-1], "Won" if number > 52 else "Lost") for number, row in enumerate(rows_of(60, hours=24))]
    with pytest.raises(BadExport, match="none of the 45 older leads, to be learned from, were won"):
        learn(Request(kept(rows), Wishes("Status=Won")))


def test_a_date_mistyped_into_the_future_counts_as_unknown(kept):
    ended = [START + timedelta(hours=7 * number, days=30) for number in range(600)]
    rows, header = with_column("Closed Date", [f"{at:%Y-%m-%d}" for at in ended])
    rows[5] = (*rows[5][:-2], "2206-01-05", "Won")
    now = datetime(2025, 9, 1, tzinfo=UTC)
    found = learn(Request(kept(rows, header), Wishes("Status=Won"), times=Times(now=now)))
    assert found.counting.as_of <= now
    assert dict(found.counting.excluded)["won_without_date"] == 1
    assert warned(found, "Closed Date: 1 date lies in the future and counts as unknown")


def test_the_day_it_is_as_of_never_lies_in_the_future(kept):
    leads = read_leads(kept(rows_of()), Wishes("Status=Won"), [])
    now = START + timedelta(days=100)
    assert counted(without_future(leads, now), Times(now=now), []).as_of <= now
    assert counted(leads, Times(now=now), []).as_of == now


def ticked(yes, no, seed=5):
    pick = random.Random(seed)
    return [yes if pick.random() < (0.65 if row[-1] == "Won" else 0.2) else no for row in rows_of()]


def test_a_ticked_column_is_read_as_one_of_yes_and_no(kept):
    cards = []
    for yes, no in (("x", ""), ("true", ""), ("ja", "nein")):
        found = learn(Request(kept(*with_column("Visited fair", ticked(yes, no))), Wishes("Status=Won")))
        assert not found.blocked
        cards.append([(line.name, line.points) for line in found.card.lines])
    assert cards[0] == cards[1] == cards[2]
    assert any("Visited fair" in name for name, _ in cards[0])


def test_a_tick_that_sales_sets_at_the_win_is_still_found_out(kept):
    cells = ["x" if row[-1] == "Won" else "" for row in rows_of()]
    found = learn(Request(kept(*with_column("Handed to project", cells)), Wishes("Status=Won")))
    assert [(one.field, one.code) for one in found.blocked] == [("Handed to project", "too_good")]


def joined(kept, leads, rows, header=("Record ID", "Date", "Type", "Page")):
    path = kept(rows, header, "activities.csv")
    return read_activities(path, leads, timedelta(days=14), ActivityWishes(), [])


def test_the_form_that_made_a_lead_belongs_to_it(kept):
    leads = read_leads(kept(rows_of(50)), Wishes("Status=Won"), [])
    done = [
        (
            f"  00Q{number:05d} ",
            f"{START + timedelta(hours=7 * number, seconds=-4):%Y-%m-%d %H:%M:%S}",
            "Form",
            "/a",
        )
        for number in range(50)
    ]
    done.append(("00Q00003", f"{START - timedelta(days=3):%Y-%m-%d %H:%M:%S}", "Form", "/a"))
    counts = joined(kept, leads, done).counts
    assert (counts.within, counts.outside, counts.of_no_lead) == (50, 1, 0)


@pytest.mark.parametrize("days", [2, 40])
def test_days_of_activities_are_read_as_the_whole_file_or_the_leads_say(kept, days):
    """The first 5,000 rows say nothing: all of them are of days 1 to 12."""
    rows = rows_of(400, date="{:%d/%m/%Y %H:%M}", hours=days * 24 / 400 if days > 2 else 1)
    rows += [("z", "31/01/2025 10:00", 5, "Web", "Lost")]
    leads = read_leads(kept(rows), Wishes("Status=Won"), [])
    done = []
    for row in rows[:400]:
        came = datetime.strptime(row[1], "%d/%m/%Y %H:%M").replace(tzinfo=UTC)
        done += [(row[0], f"{came + timedelta(hours=n):%d/%m/%Y %H:%M}", "Call", "/a") for n in range(1, 17)]
    if days == 2:
        done = [one for one in done if int(one[1][:2]) <= 12]
    counts = joined(kept, leads, done).counts
    assert (counts.within, counts.without_time) == (len(done), 0)


@pytest.mark.slow
@pytest.mark.parametrize("day_first", [True, False])
def test_the_first_day_that_tells_decides_for_all_rows_of_a_long_column(day_first):
    form = "%d/%m/%Y %H:%M:%S" if day_first else "%m/%d/%Y %H:%M:%S"
    instants = [START + timedelta(seconds=15 * number) for number in range(90_000)]
    gathering = Gathering("at")
    for start in range(0, 90_000, 20_000):
        gathering.add(tuple(f"{at:{form}}" for at in instants[start : start + 20_000]))
    found = gathering.column()
    seconds = np.array([int(at.timestamp()) for at in instants])
    assert (found.kind, found.odd) == ("date", 0)
    assert np.array_equal(found.values // 1_000_000, seconds)


def test_activities_without_a_readable_time_are_told(kept):
    rows = rows_of(400)
    done = [(row[0], row[1], "Call", "/a") for row in rows] * 13
    header = ("Record ID", "Date", "Type", "Page")
    late = [(row[0], "soon", "Call", "/a") for row in rows]
    few = learn(Request(kept(rows), Wishes("Status=Won"), kept(done + late, header, "few.csv")))
    many = learn(Request(kept(rows), Wishes("Status=Won"), kept(done + late * 2, header, "many.csv")))
    assert not warned(few, "activities have no time")
    assert warned(many, "800 of 6,000 activities have no time that can be read (Date) and do not count")


def test_nobody_is_named_in_what_is_learned(kept):
    rows = rows_of()
    pick = random.Random(2)
    names = [pick.choice(["Anna Maus", "Ben Igel"]) for _ in rows]
    reached = [pick.choice(["+49 171 2345678", "+49 30 9876543"]) for _ in rows]
    referred = [pick.choice(["hans@firma.de", "eva@firma.de"]) for _ in rows]
    header = (*HEADER[:-1], "First Name", "Desk", "Referred By", "Campaign Source", "Status")
    more = [
        (*row[:-1], *cells, f"mail to x{n % 3}@firma.de" if n % 2 else "fair", row[-1])
        for n, (row, *cells) in enumerate(zip(rows, names, reached, referred, strict=True))
    ]
    done = [
        (row[0], row[1], "Page view", f"https://x.de/unsubscribe/p{n}@firma.de?email=p{n}@firma.de")
        for n, row in enumerate(rows)
    ]
    path = kept(done, ("Record ID", "Date", "Type", "URL"), "activities.csv")
    found = learn(Request(kept(more, header), Wishes("Status=Won", keep=("First Name",)), path))
    told = f"{as_json(found)} {csv_table(found.lifts)}"
    for word in ("@firma", "%40", "Anna", "Igel", "2345678"):
        assert word not in told
    why = {one.field: one.why for one in found.assembled.dropped}
    assert [why[one] for one in ("First Name", "Desk", "Referred By")] == ["personal"] * 3
    names = [row.name for row in found.lifts.rows]
    assert "https://x.de/unsubscribe/(e-mail)" in names
    assert "Campaign Source: mail to (e-mail)" in names


def test_only_the_column_that_was_named_is_left_out(kept):
    rows = [(*row[:-1], n % 5, n % 7, row[-1]) for n, row in enumerate(rows_of())]
    header = (*HEADER[:-1], "Basket", "Basket #", "Status")
    found = learn(Request(kept(rows, header), Wishes("Status=Won", exclude=("Basket",))))
    assert [one.field for one in found.assembled.dropped if one.why == "excluded"] == ["Basket"]


def test_a_column_named_like_a_beginning_that_holds_no_dates_is_told(kept):
    rows = [(row[0], f"week {n // 20}", *row[2:]) for n, row in enumerate(rows_of())]
    assert warned(learn(Request(kept(rows), Wishes("Status=Won"))), "Create Date holds no dates")


def test_what_is_too_good_or_rests_on_few_leads_is_told(kept):
    rows = [
        (f"L{n}", f"2025-01-{1 + n % 28:02d}", n % 9, "Net 30" if n % 3 == 0 else "", n % 3)
        for n in range(60)
    ]
    rows = [(*row[:-1], "Lost" if row[-1] else "Won") for row in rows]
    found = learn(Request(kept(rows), Wishes("Status=Won")))
    assert warned(found, "an AUC of 1.00 is better")
    assert warned(found, "the line Source is Net 30 rests on 20 leads")


def test_the_value_suggested_for_won_is_never_that_of_a_loss(kept):
    rows = [(*row[:-1], "Lost" if row[-1] == "Lost" else "Deal done") for row in rows_of(60)]
    with pytest.raises(BadExport) as end:
        learn(Request(kept(rows), Wishes("Status=Won")))
    assert end.value.problems[0].remedy == 'write --outcome "Status=VALUE" with the value that means won'
