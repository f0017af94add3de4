"""Claims about the practice HubSpot made by somebody else: HubSpot's own client for Node."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from localcrm.clock import Clock
from localcrm.company import Company, LeadEntry, Rep, Touch
from localcrm.server import running
from tests.peers import npm

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parent / "hubspot" / "drive.cjs"
T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def company() -> Company:
    """Twelve leads, all handed over; one filled in a form."""
    reps = (
        Rep("ada", "Ada", "Stone", "ada@example.com"),
        Rep("bob", "Bob", "Reed", "bob@example.com", active=False),
    )
    leads = tuple(
        LeadEntry(f"l{n}", T0, f"Lead{n}", email=f"l{n}@example.com", owner="ada", stage="mql")
        for n in range(12)
    )
    touches = (Touch("l0", "form", T0 + timedelta(hours=1), "Demo request"),)
    return Company(reps, (), leads, touches, (), T0 + timedelta(hours=2))


@pytest.fixture(scope="module")
def report() -> Iterator[dict[str, Any]]:
    """What the client told after driving a fresh portal once."""
    npm.node_modules(SCRIPT.parent)
    with running(
        company(), clock=Clock(T0 + timedelta(hours=2)), limits=False, hubspot={"leads": True}
    ) as crms:
        yield npm.run(SCRIPT, crms.urls["hubspot"])


def test_the_client_pages_a_filtered_search_in_number_order(report):
    """97 is below 98 and 100 above 99, whatever text order says."""
    assert report["searching"] == {
        "total": 10,
        "pages": [["99", "100", "101", "102", "103", "104"], ["105", "106", "107", "108"]],
        "ends": True,
        "createdAtIsDate": True,
        "email": "l2@example.com",
    }


def test_the_client_makes_a_group_and_properties_once(report):
    told = report["properties"]
    assert (told["group"], told["unique"], told["many"], told["read"]) == ("leadsla", True, 2, "leadsla")
    assert (told["again"]["code"], told["again"]["category"]) == (409, "OBJECT_ALREADY_EXISTS")


def test_the_client_upserts_by_email_and_by_an_own_unique_property(report):
    told = report["upserting"]
    assert sorted((row["id"], row["isNew"], row["city"]) for row in told["byEmail"]) == [
        ("109", True, None),
        ("98", False, "Bonn"),
    ]
    assert told["byKey"] == [{"id": "109", "isNew": False, "city": "Ulm"}]
    assert (told["taken"]["code"], told["taken"]["category"]) == (409, "CONFLICT")


def test_trace_ids_are_what_makes_the_client_see_rows(report):
    told = report["updating"]
    assert (told["whole"]["code"], told["whole"]["category"]) == (400, "VALIDATION_ERROR")
    assert "INVALID_OPTION" in told["whole"]["message"]
    assert "Duplicate IDs found in batch input" in told["twice"]["message"]
    assert (told["status"], told["numErrors"], told["bad"]) == (207, 1, [["trace-1"]])
    assert sorted(told["good"]) == [["trace-0", "Köln"], ["trace-2", "Trier"]]


def test_the_client_creates_tasks_with_their_contacts(report):
    assert report["tasks"] == {
        "made": 2,
        "undated": 400,
        "from97": [[203]],
        "page": 1,
        "type": "task_to_contact",
    }


def test_the_client_associates_one_by_one_and_in_batches(report):
    told = report["associations"]
    assert told["made"] == 1
    assert told["read"] == {"100": [1], "101": [279], "102": [279]}
    assert told["none"] == ["crm.associations.NO_ASSOCIATIONS_FOUND"]
    assert told["labels"] == [[279, None], [1, "Primary"]]


def test_the_client_reads_history_with_its_sources(report):
    assert report["history"] == {
        "versions": [["IN_PROGRESS", "INTEGRATION"], ["OPEN", "IMPORT"]],
        "stampIsDate": True,
        "missing": ["5"],
    }


def test_the_client_sees_archived_merged_and_purged_contacts(report):
    told = report["endings"]
    assert told["archived"] == [["105", True, True]]
    assert (told["survivor"], told["byOld"], told["gone"]) == ("106", ["106", "107"], 404)
    assert not {"105", "107", "108"} & set(told["left"])


def test_the_client_reads_owners_pipelines_and_forms(report):
    told = report["account"]
    assert (told["owners"], told["archived"]) == ([["ada@example.com", False]], 1)
    assert told["stages"][0] == "new-stage-id"
    assert told["forms"] == ["Demo request"]


def test_the_client_makes_a_lead_only_on_a_contact(report):
    assert report["leads"] == {"bare": 400, "email": "l0@example.com"}


def test_the_client_understands_every_refusal(report):
    told = report["refusals"]
    assert (told["unknown"]["code"], told["unknown"]["category"]) == (401, "INVALID_AUTHENTICATION")
    assert (told["unscoped"]["code"], told["unscoped"]["category"]) == (403, "MISSING_SCOPES")
    assert told["unscoped"]["scopes"] == ["crm.objects.owners.read"]
    assert (told["burst"]["code"], told["burst"]["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
    assert (told["daily"]["code"], told["daily"]["policyName"]) == (429, "DAILY")
    assert (told["secondly"]["code"], told["secondly"]["policyName"]) == (429, None)
    assert told["retried"] == 1
