"""Salesforce's business hours and holidays in the agreement's form, and as tables to paste."""

from __future__ import annotations

import json
import tomllib
from datetime import date

import pytest
from typer.testing import CliRunner

from connectors.salesforce.calendars import days_of
from leadsla.cli.commands import app
from sla_engine.business_time import BusinessHours
from tests.practice_org import practice_org
from tests.unit.salesforce_reading import Reading

YEAR = (date(2026, 1, 1), date(2026, 12, 31))
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday")
SUN, MON, THU = 1, 2, 16


def recurring(kind: str, **more: object) -> dict[str, object]:
    base = {"IsRecurrence": True, "RecurrenceType": kind, "RecurrenceStartDate": "2026-01-01"}
    return {**base, **more}


@pytest.mark.parametrize(
    ("holiday", "expected"),
    [
        ({"IsRecurrence": False, "ActivityDate": "2026-05-01"}, ["2026-05-01"]),
        ({"IsRecurrence": False, "ActivityDate": "2025-05-01"}, []),  # long ago
        (
            recurring("RecursYearly", RecurrenceDayOfMonth=25, RecurrenceMonthOfYear="December"),
            ["2026-12-25"],
        ),
        (  # Thanksgiving
            recurring(
                "RecursYearlyNth",
                RecurrenceInstance="Fourth",
                RecurrenceDayOfWeekMask=THU,
                RecurrenceMonthOfYear="November",
            ),
            ["2026-11-26"],
        ),
        (  # Memorial Day
            recurring(
                "RecursYearlyNth",
                RecurrenceInstance="Last",
                RecurrenceDayOfWeekMask=MON,
                RecurrenceMonthOfYear="May",
            ),
            ["2026-05-25"],
        ),
        (
            recurring(
                "RecursMonthlyNth",
                RecurrenceInstance="First",
                RecurrenceDayOfWeekMask=MON,
                RecurrenceInterval=6,
            ),
            ["2026-01-05", "2026-07-06"],
        ),
        (
            recurring("RecursMonthly", RecurrenceDayOfMonth=31, RecurrenceInterval=3),
            ["2026-01-31", "2026-07-31", "2026-10-31"],  # April has no 31st
        ),
        (
            recurring(
                "RecursWeekly",
                RecurrenceDayOfWeekMask=SUN,
                RecurrenceInterval=2,
                RecurrenceEndDateOnly="2026-02-01",
            ),
            ["2026-01-11", "2026-01-25"],
        ),
        (
            recurring("RecursDaily", RecurrenceInterval=10, RecurrenceEndDateOnly="2026-01-25"),
            ["2026-01-01", "2026-01-11", "2026-01-21"],
        ),
    ],
)
def test_a_holiday_falls_on_its_days(holiday, expected):
    assert [day.isoformat() for day in days_of(holiday, *YEAR)] == expected


@pytest.fixture
def typed(tmp_path):
    """An org with business hours and holidays of its own; type a command at it."""
    with practice_org() as org:
        for row in org.rows("SELECT Id, IsActive FROM BusinessHours"):
            org.edit("BusinessHours", {"Id": row["Id"], "IsActive": False})
        week = {f"{day}StartTime": "08:30:00.000Z" for day in WEEKDAYS}
        week |= {f"{day}EndTime": "17:00:00.000Z" for day in WEEKDAYS}
        always = {"SaturdayStartTime": "00:00:00.000Z", "SaturdayEndTime": "00:00:00.000Z"}
        kept = {
            "Name": "Berlin Office",
            "IsActive": True,
            "IsDefault": True,
            "TimeZoneSidKey": "Europe/Berlin",
        }
        org.edit("BusinessHours", {**kept, **week, **always})
        never = {"Name": "Berlin office!", "IsActive": True, "TimeZoneSidKey": "Europe/Berlin"}
        org.edit("BusinessHours", never)
        for row in org.rows("SELECT Id FROM Holiday"):
            org.edit("Holiday", {"Id": row["Id"], "delete": True})
        org.edit("Holiday", {"Name": "Founders' day", "IsAllDay": True, "ActivityDate": "2026-09-14"})
        noon = {"IsAllDay": False, "StartTimeInMinutes": 720, "EndTimeInMinutes": 1440}
        org.edit("Holiday", {"Name": "Before Christmas", "ActivityDate": "2026-12-24", **noon})
        config = tmp_path / "config.toml"
        reading = Reading(org)
        config.write_text(reading.shipped_text(), encoding="utf-8")

        def run(*arguments: str):
            line = ["agreement", *arguments, "--config", str(config), "--as-of", "2026-11-24T12:00:00Z"]
            return CliRunner().invoke(app, line)

        yield run


def test_hours_are_printed_as_tables_that_the_agreement_takes(typed):
    done = typed("hours", "--from", "salesforce")
    assert done.exit_code == 0, done.output
    tables = tomllib.loads(done.stdout)["agreement"]["hours"]
    assert list(tables) == ["berlin_office"]
    hours = BusinessHours.model_validate(tables["berlin_office"])
    assert hours.tz == "Europe/Berlin"
    assert hours.weekly["mon"] == ((8 * 3600 + 1800, 17 * 3600),)
    assert hours.weekly["sat"] == ((0, 24 * 3600),)
    assert "fri" not in hours.weekly
    assert hours.holidays == frozenset({date(2026, 9, 14)})
    assert hours.overrides == {date(2026, 12, 24): ((8 * 3600 + 1800, 12 * 3600),)}


def test_what_a_person_should_look_at_stands_beside_it(typed):
    said = typed("hours", "--from", "salesforce").stdout
    assert (
        "# Berlin Office (the default there); holidays are known until 2028-12-31, import them again" in said
    )
    assert "# Salesforce does not tell which holidays belong to which hours" in said
    assert "    2026-09-14, # Founders' day" in said
    assert (
        "# left out: there is no working time at all in this calendar\n# [agreement.hours.berlin_office_2]"
        in said
    )


def test_hours_come_as_json_for_machines(typed):
    told = json.loads(typed("hours", "--from", "salesforce", "--json").stdout)
    assert told["berlin_office"]["holidays"] == ["2026-09-14"]
    assert told["berlin_office"]["overrides"] == {"2026-12-24": [["08:30", "12:00"]]}


def test_without_a_connection_or_with_an_unknown_one_it_says_what_to_type(typed):
    assert "--from CONNECTION" in str(typed("hours").exception)
    assert 'there is no connection "sf"' in str(typed("hours", "--from", "sf").exception)


def test_a_crm_without_business_hours_says_so(typed):
    assert "hubspot keeps no business hours" in str(typed("hours", "--from", "hubspot").exception)
