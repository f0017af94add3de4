"""The scopes that docs/how-to/hubspot.md asks for are enough, and none of them is asked for too early."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from connectors.base import Crm, ReceiptStatus, SetFields
from connectors.errors import Unauthorised
from tests.contract.benches import Bench, Practice, hubspot_bench

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "hubspot.md"
READING, WRITING, PROVISIONING = "`check`, `plan`", '`mode = "fields"`', "`provision`"


def scopes() -> dict[str, list[str]]:
    """The scopes for contacts by the first words of their row."""
    rows = [
        line.split("|") for line in GUIDE.read_text(encoding="utf-8").splitlines() if line.startswith("|")
    ]
    found = {
        row[1].strip(): re.findall(r"`([a-z.-]+)`", row[2].partition("; with the Leads")[0]) for row in rows
    }
    return {name: told for name, told in found.items() if told}


def row(begins: str) -> list[str]:
    (found,) = [told for name, told in scopes().items() if name.startswith(begins)]
    return found


def grant(practice: Practice, granted: list[str]) -> None:
    every = {scope for told in scopes().values() for scope in told}
    missing = {"missing_scopes": sorted(every - set(granted))}
    requests.post(f"{practice.url}/_localcrm/switches", json=missing, timeout=5).raise_for_status()


@pytest.fixture
def bench() -> Iterator[Bench]:
    with hubspot_bench() as one:
        yield one


def practice_of(bench: Bench) -> Practice:
    assert bench.practice is not None
    return bench.practice


def serious(crm: Crm) -> list[str]:
    return [one.what for one in crm.check() if not one.is_warning and not one.is_about_writing]


def test_the_first_row_is_enough_to_check_and_read_and_not_to_write(bench):
    bench.crm.provision(dry_run=False)
    grant(practice_of(bench), row(READING))
    assert serious(bench.crm) == []
    leads = [seen for page in bench.crm.pull("", bench.until()) for seen in page.leads]
    assert len(leads) == 5
    with pytest.raises(Unauthorised):
        bench.crm.unprovision(dry_run=False)


def test_each_scope_of_the_first_row_is_needed(bench):
    practice = practice_of(bench)
    grant(practice, row(READING))
    assert serious(bench.crm) == []
    for scope in ("crm.objects.contacts.read", "crm.objects.owners.read"):
        grant(practice, [one for one in row(READING) if one != scope])
        assert serious(practice.opened()), scope


def test_the_writing_row_is_enough_for_fields_and_gives_no_right_over_the_schema(bench):
    practice = practice_of(bench)
    grant(practice, row(READING) + row(PROVISIONING))
    assert all(step.created for step in bench.crm.provision(dry_run=False) if "notes" not in step.what)
    grant(practice, row(READING) + row(WRITING))
    lead = next(seen for page in bench.crm.pull("", bench.until()) for seen in page.leads)
    (receipt,) = bench.crm.apply([SetFields(lead.lead.id, {"status": "met"}, "answered")])
    assert receipt.status is ReceiptStatus.WRITTEN
    with pytest.raises(Unauthorised, match="MISSING_SCOPES"):
        bench.crm.unprovision(dry_run=False)
