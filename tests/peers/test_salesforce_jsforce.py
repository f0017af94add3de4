"""jsforce, a client nobody here wrote, gets along with the practice Salesforce and reads its refusals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from localcrm.clock import Clock
from localcrm.company import Company, LeadEntry, Rep
from localcrm.salesforce import SalesforceFace
from localcrm.server import running
from tests.peers import npm

pytestmark = pytest.mark.slow  # the first run installs jsforce

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LEADS = 120
Found = Mapping[str, Any]


@pytest.fixture(scope="module")
def found() -> Found:
    """What jsforce understood of a practice Salesforce with 120 leads in pages of 50."""
    clock = Clock(NOW)
    face = SalesforceFace(clock, page_size=50, bulk_polls=1)
    leads = tuple(
        LeadEntry(f"l{n}", NOW - timedelta(hours=1), f"Lead{n}", owner="ada", company="Co")
        for n in range(LEADS)
    )
    company = Company((Rep("ada", "Ada", "Stone", "ada@example.com"),), (), leads, (), (), NOW)
    with running(company, clock=clock, told={"salesforce": face}) as practice:
        script = Path(__file__).parent / "jsforce" / "drive.cjs"
        answer: Found = npm.run(script, practice.urls["salesforce"])
        return answer


def test_it_reads_describes(found: Found) -> None:
    seen = found["describing"]
    assert {"Lead", "Task", "Contact", "EmailMessage", "CampaignMember"} <= set(seen["objects"])
    assert {"Id", "Status", "OwnerId", "SystemModstamp"} <= set(seen["fields"])
    assert "Closed - Converted" in seen["statuses"]
    assert {"Tasks", "Histories", "CampaignMembers"} <= set(seen["children"])


def test_it_follows_pages_to_the_end(found: Found) -> None:
    seen = found["querying"]
    assert (seen["firstPage"], seen["done"]) == (50, False)
    assert (seen["total"], seen["all"], seen["counted"]) == (LEADS, LEADS, LEADS)
    assert seen["owner"] == "Ada Stone"


def test_it_creates_updates_upserts_and_deletes(found: Found) -> None:
    seen = found["single"]
    assert all(seen[one]["success"] for one in ("made", "changed", "twice", "again", "gone"))
    assert seen["city"] == "Bonn"
    assert (seen["twice"]["created"], seen["again"]["created"]) == (True, False)
    assert seen["twice"]["id"] == seen["again"]["id"]
    assert seen["after"]["code"] in ("NOT_FOUND", "ENTITY_IS_DELETED")


def test_it_reads_an_answer_per_record_of_more_than_two_collections(found: Found) -> None:
    seen = found["collections"]
    assert (seen["made"], seen["changed"], seen["upserted"]) == (450, 448, 450)
    assert [(place, errors[0]["statusCode"]) for place, errors in seen["notMade"]] == [
        (7, "REQUIRED_FIELD_MISSING"),
        (300, "JSON_PARSER_ERROR"),
    ]
    (place, errors), *more = seen["notChanged"]
    assert (place, errors[0]["statusCode"], errors[0]["fields"], more) == (
        3,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        ["Status"],
        [],
    )
    assert seen["notUpserted"] == []


def test_it_reads_a_bulk_query(found: Found) -> None:
    seen = found["bulk"]
    assert seen["found"] > LEADS
    assert seen["sample"]["IsConverted"] == "false"
    assert seen["sample"]["NumberOfEmployees"] in ("", None)
    assert seen["sample"]["CreatedDate"] == "2026-11-23T11:00:00.000Z"
    assert "Owner.Name" in seen["sample"]


def test_it_loads_in_bulk_and_reads_what_failed(found: Found) -> None:
    seen = found["bulk"]
    loaded, changed = seen["loaded"], seen["changed"]
    assert [one["LastName"] for one in loaded["successfulResults"]] == ["Bulk1", "Bulk2"]
    assert [one["sf__Created"] for one in loaded["successfulResults"]] == ["true", "true"]
    (failed,) = loaded["failedResults"]
    assert failed["sf__Error"].startswith("REQUIRED_FIELD_MISSING:")
    assert loaded["unprocessedRecords"] == []
    assert len(changed["successfulResults"]) == 2
    # cleared by #N/A, kept by an empty cell
    assert seen["cleared"] == [[None, "Co"], ["Linz", "New"]]


def test_it_sees_a_bulk_query_refused_and_one_failing(found: Found) -> None:
    seen = found["bulk"]
    assert "No such column 'Nope'" in seen["refused"]["message"]
    assert seen["failed"]["message"] == "Query job failed to complete"


def test_it_sees_what_was_updated_deleted_and_merged(found: Found) -> None:
    seen = found["removals"]
    assert seen["normal"] == 0
    assert (seen["all"]["IsDeleted"], seen["all"]["MasterRecordId"]) == (True, seen["survivor"])
    assert seen["survivor"] in seen["updated"]
    assert seen["loser"] not in seen["updated"]
    assert seen["loser"] in seen["deleted"]
    assert seen["covered"].endswith("+0000")


def test_it_reads_a_composite_answer(found: Found) -> None:
    assert dict(found["composite"]) == {"lead": 201, "task": 201, "bad": 400}


def test_it_renews_an_ended_session_once_and_goes_on(found: Found) -> None:
    seen = found["sessions"]
    assert seen["refused"]["code"] == "INVALID_SESSION_ID"
    assert (seen["answered"], seen["bulk"]) == (1, 1)
    assert seen["renewed"] == 2  # two sessions were ended


def test_it_parses_every_refusal(found: Found) -> None:
    seen = found["refusals"]
    codes = {name: one.get("code") for name, one in seen.items() if name != "allowed"}
    assert codes == {
        "malformed": "MALFORMED_QUERY",
        "unknown": "INVALID_FIELD",
        "type": "INVALID_TYPE",
        "missing": "REQUIRED_FIELD_MISSING",
        "address": "URI_TOO_LONG",
        "duplicate": "DUPLICATES_DETECTED",
    }
    assert "ERROR at Row:1:Column:8" in seen["unknown"]["message"]
    assert seen["allowed"]["success"]


def test_it_reads_the_usage_of_the_day(found: Found) -> None:
    usage = found["usage"]["apiUsage"]
    assert 0 < usage["used"] < usage["limit"] == 100_000
