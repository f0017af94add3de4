"""Making our fields in an org where somebody made them before, or where granting them is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from connectors.errors import Unauthorised
from tests.contract.benches import Bench, Practice, salesforce_bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    with salesforce_bench() as one:
        yield one


def practice_of(bench: Bench) -> Practice:
    assert bench.practice is not None
    return bench.practice


def test_fields_that_were_only_hidden_are_granted_and_not_called_made(bench):
    bench.crm.provision(dry_run=False)
    practice = practice_of(bench)
    for row in practice.records("FieldPermissions"):
        practice.person_edits("FieldPermissions", row["Id"], delete=True)
    assert {step.exists for step in bench.crm.provision(dry_run=True)} == {False}  # nobody can tell
    assert {(step.exists, step.created) for step in bench.crm.provision(dry_run=False)} == {(True, False)}
    assert {step.exists for step in bench.crm.provision(dry_run=True)} == {True}


def test_fields_that_stay_hidden_are_no_success(bench):
    refusal = {"success": False, "errors": [{"statusCode": "INSUFFICIENT_ACCESS_OR_READONLY"}]}
    fault = {
        "method": "POST",
        "path": "/composite/sobjects$",
        "do": "status",
        "status": 200,
        "body": [refusal],
    }
    requests.post(f"{practice_of(bench).url}/_localcrm/faults", json=fault, timeout=5).raise_for_status()
    with pytest.raises(Unauthorised, match=r"INSUFFICIENT_ACCESS.*permission set"):
        bench.crm.provision(dry_run=False)
