"""Exports as CSV: what is read, and that everything wrong is said at once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from localcrm.company import Change, Queue, Touch
from localcrm.exports import BadExport, read_exports
from tests.leadforge_world import UNTIL, write_leadforge_csvs

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _instant(day, hour=0):
    return datetime(2026, 11, day, hour, tzinfo=UTC)


@pytest.fixture
def read(tmp_path):
    """Reads exports given as text."""

    def read(leads, activities=None, *, until=None, encoding="utf-8"):
        (tmp_path / "leads.csv").write_text(leads, encoding=encoding)
        path = None
        if activities is not None:
            path = tmp_path / "activities.csv"
            path.write_text(activities, encoding=encoding)
        return read_exports(tmp_path / "leads.csv", path, until=until, at_least=NOW)

    return read


def _problems(call):
    with pytest.raises(BadExport) as caught:
        call()
    return [str(one) for one in caught.value.problems]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_utf8_with_or_without_bom_and_both_delimiters(read, encoding, delimiter):
    text = "Lead ID,Created at,Last name,Company,Employees,email_opt_out,Region\n7,2026-11-01,Größmann,Käse & Söhne,12,yes,Nord\n"
    lead = read(text.replace(",", delimiter), encoding=encoding).leads[0]
    assert (lead.key, lead.created_at, lead.last_name) == ("7", _instant(1), "Größmann")
    assert (lead.company, lead.employees, lead.email_opt_out, lead.stage) == ("Käse & Söhne", 12, True, "new")
    assert lead.extra == {"region": "Nord"}


def test_stage_columns_become_changes_and_the_stage(read):
    company = read(
        "key,created_at,owner,accepted_at,mql_at\nA,2026-11-01,Ute Sauer,2026-11-03T09:00:00Z,2026-11-02\n"
    )
    assert company.changes == (
        Change("A", "stage", "new", "mql", _instant(2), "automation"),
        Change("A", "stage", "mql", "accepted", _instant(3, 9), "Ute Sauer"),
    )
    assert company.leads[0].stage == "accepted"


def test_activities_become_touches_and_changes(read):
    company = read(
        "key,created_at\nA,2026-11-01\n",
        "lead,kind,at,content,by,outcome,logged_at,old,new\n"
        "A,call,2026-11-04T10:00:00+01:00,Call,ute@example.com,connected,2026-11-05,,\n"
        "A,form,2026-11-02,Whitepaper,,,,,\n"
        "A,stage,2026-11-03,,,,,new,mql\n"
        "A,owner,2026-11-03,,,,,queue:Inbound,ute@example.com\n",
    )
    assert company.touches == (
        Touch("A", "form", _instant(2), "Whitepaper"),
        Touch("A", "call", _instant(4, 9), "Call", "ute@example.com", "connected", _instant(5)),
    )
    assert company.changes == (
        Change("A", "stage", "new", "mql", _instant(3), "automation"),
        Change("A", "owner", "queue:Inbound", "ute@example.com", _instant(3), "automation"),
    )
    assert (company.leads[0].stage, company.leads[0].owner) == ("mql", "ute@example.com")
    assert company.queues == (Queue("queue:Inbound", "Inbound"),)


def test_owners_and_actors_become_people(read):
    company = read(
        "key,created_at,owner\nA,2026-11-01,Ute Sauer\nB,2026-11-01,jörg.vogel@example.com\nC,2026-11-01,rep_1\n"
    )
    people = {rep.key: (rep.first_name, rep.last_name, rep.email) for rep in company.reps}
    assert people["Ute Sauer"] == ("Ute", "Sauer", "ute-sauer@example.com")
    assert people["jörg.vogel@example.com"][:2] == ("Jörg", "Vogel")
    assert people["rep_1"][1] == "rep_1"
    assert [rep.key for rep in company.reps if rep.automation] == ["automation"]


def test_the_told_time_is_the_last_instant_but_at_least_now(read):
    assert read("key,created_at\nA,2026-11-01\n").told_until == NOW
    assert read("key,created_at\nA,2027-01-01\n").told_until == datetime(2027, 1, 1, tzinfo=UTC)


def test_all_bad_lines_of_both_files_are_told_at_once_and_no_value_with_them(read):
    problems = _problems(
        lambda: read(
            "key,created_at,employees,stage,email_opt_out,owner\n"
            "A,2026-11-01,12,mql,,\n"
            "A,secret,about 12,ready,perhaps,\n"
            ",2026-11-30,,,,\n"
            "C,2026-11-01\n",
            "lead,kind,at,new,old\nA,call,,,\nZ,telegram,2026-11-02,,\nA,stage,2026-11-02,hot,\nA,owner,2026-11-02,,\n",
            until=NOW,
        )
    )
    assert problems == [
        "leads.csv, line 3, key: stands twice",
        "leads.csv, line 3, created_at: is no ISO 8601 date or instant (2026-11-20 or 2026-11-20T12:00:00Z)",
        "leads.csv, line 3, stage: must be one of new, mql, accepted, qualified, opportunity, customer, recycled, disqualified",
        "leads.csv, line 3, employees: is no whole number",
        "leads.csv, line 3, email_opt_out: must be true or false",
        "leads.csv, line 4, key: is missing",
        "leads.csv, line 4, created_at: is later than --now",
        "leads.csv, line 5: has 2 cells, the header has 6",
        "activities.csv, line 2, at: is missing",
        "activities.csv, line 3, lead: is not in the leads file",
        problems[10],
        "activities.csv, line 4, new: must be one of new, mql, accepted, qualified, opportunity, customer, recycled, disqualified",
        "activities.csv, line 5, new: is missing",
    ]
    assert problems[10].startswith("activities.csv, line 3, kind: must be one of email_open,")
    assert "secret" not in "".join(problems)
    assert "telegram" not in "".join(problems)


def test_a_stage_that_contradicts_its_history_is_told(read):
    problems = _problems(
        lambda: read(
            "key,created_at,stage\nA,2026-11-01,customer\n",
            "lead,kind,at,old,new\nA,stage,2026-11-02,new,mql\n",
        )
    )
    assert problems == ["leads.csv, line 2, stage: is not where the last stage change ends"]


def test_a_stage_without_its_date_is_fine(read):
    company = read("key,created_at,stage,mql_at\nA,2026-11-01,qualified,2026-11-02\n")
    assert company.leads[0].stage == "qualified"
    assert [change.new for change in company.changes] == ["mql"]


def test_missing_columns_an_empty_file_and_a_missing_file_are_told(read, tmp_path):
    assert _problems(lambda: read("name\nx\n")) == [
        "leads.csv, line 1, key: this column is required",
        "leads.csv, line 1, created_at: this column is required",
    ]
    assert _problems(lambda: read("")) == ["leads.csv, line 1: the file is empty"]
    assert _problems(lambda: read_exports(tmp_path / "no.csv", None, until=None, at_least=NOW)) == [
        "no.csv: cannot be read: No such file or directory"
    ]
    assert _problems(lambda: read("key,created_at\n", encoding="utf-16")) == ["leads.csv: is not UTF-8"]


@pytest.mark.slow
def test_a_leadforge_world_is_read_whole_and_each_lead_ends_at_its_stage(tmp_path):
    leads, activities = write_leadforge_csvs(tmp_path, n_leads=200)
    company = read_exports(leads, activities, until=UNTIL, at_least=UNTIL)
    last = {change.lead: change.new for change in company.changes}
    created = {lead.key: lead.created_at for lead in company.leads}
    assert last == {lead.key: lead.stage for lead in company.leads}
    assert len(company.leads) == 200
    assert all(created[one.lead] <= one.at <= UNTIL for one in (*company.touches, *company.changes))
    assert {lead.email.partition("@")[2].rpartition(".")[2] for lead in company.leads} == {"", "example"}
