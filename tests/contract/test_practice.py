"""What both connectors keep to towards CRMs with schemas, people and addresses of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import requests
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from connectors.base import CloseTask, CreateTask, Crm, Page, Problem
from connectors.connection import Connection
from connectors.errors import Misconfigured, Unauthorised
from connectors.labels import KEY_LABEL, LABELS
from connectors.mapping import NO_STAGE, ConnectionMapping
from connectors.salesforce.crm import SalesforceCrm
from tests.contract.benches import Bench, Practice, hubspot_bench, open_crm, salesforce_bench, shipped

NAMES = ("salesforce", "hubspot")
BENCHES = {"salesforce": salesforce_bench, "hubspot": hubspot_bench}


@dataclass(frozen=True)
class Words:
    """What the claims are called in one CRM."""

    leads: str
    stage: str  # the field
    lost: str  # a value of it, mapped as shipped
    kinds: str  # an activity source with a picklist
    misspelt: dict[str, str]  # one of its values, nearly
    nearest: str
    body: str  # of a task
    lines: str


WORDS = {
    "salesforce": Words(
        "Lead", "Status", "Recycled - Nurture", "tasks", {"Cal": "call"}, "Call", "Description", "\n"
    ),
    "hubspot": Words(
        "contacts",
        "lifecyclestage",
        "customer",
        "emails",
        {"EMIAL": "email"},
        "EMAIL",
        "hs_task_body",
        "<br>",
    ),
}


@pytest.fixture(params=NAMES)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with BENCHES[request.param]() as one:
        yield one


@pytest.fixture
def practice(bench: Bench) -> Practice:
    assert bench.practice is not None
    bench.crm.provision(dry_run=False)
    return bench.practice


@pytest.fixture
def words(practice: Practice) -> Words:
    return WORDS[practice.name]


def pull(crm: Crm, bench: Bench, cursor: str = "") -> list[Page]:
    return list(crm.pull(cursor, bench.until()))


def warnings(crm: Crm, where: str) -> list[Problem]:
    return [problem for problem in crm.check() if problem.is_warning and problem.where == where]


def without(practice: Practice, words: Words) -> dict[str, Any]:
    """The shipped stages, but for the one value."""
    stages: dict[str, Any] = shipped(practice.name)["stages"]
    del stages[words.stage][words.lost]
    return stages


def test_check_warns_of_automation_users_that_are_nobody_and_shows_no_person(bench, practice):
    (eva,) = [owner for owner in bench.crm.owners().values() if owner.name == "Eva Example"]
    right = practice.opened(automation_users=[eva.id, "EVA@example.com"])
    assert warnings(right, "automation_users") == []
    wrong = practice.opened(automation_users=["eva@exampel.com", eva.id, eva.id[:-1] + "x", "Eva Example"])
    found = warnings(wrong, "automation_users")
    assert [problem.what.split(",")[0] for problem in found] == ["entry 1", "entry 3", "entry 4"]
    assert all(eva.id in problem.remedy for problem in found)
    assert f'"{eva.id[:-1]}x"' in found[1].what
    told = " ".join(f"{problem.what} {problem.remedy}" for problem in found)
    assert "@" not in told
    assert "Eva" not in told


def test_check_names_a_kind_whose_value_the_picklist_does_not_have(practice, words):
    activities = shipped(practice.name)["activities"]
    activities[words.kinds]["kinds"] |= words.misspelt
    crm = practice.opened(activities=activities)
    (problem,) = [one for one in crm.check() if one.where == f"activities.{words.kinds}.kinds"]
    assert not problem.is_warning
    assert f'"{next(iter(words.misspelt))}"' in problem.what
    assert problem.remedy == f'did you mean "{words.nearest}"?'


def test_check_warns_once_of_stage_values_that_mean_no_stage(practice, words):
    (problem,) = warnings(practice.opened(stages=without(practice, words)), f"stages.{words.stage}")
    assert f'"{words.lost}"' in problem.what
    mapped = shipped(practice.name)["stages"][words.stage]
    assert not [value for value in mapped if value != words.lost and f'"{value}"' in problem.what]


def test_a_lead_that_moves_into_a_value_without_a_stage_comes_without_one_and_is_noted(
    bench, practice, words
):
    crm = practice.opened(stages=without(practice, words))
    first = pull(crm, bench)
    lead_id = min(seen.lead.id for page in first for seen in page.leads)
    assert [one for page in first for one in page.rejections] == []
    bench.wait(600)
    practice.person_edits(words.leads, lead_id, **{words.stage: words.lost})
    news = pull(crm, bench, first[-1].cursor)
    (seen,) = [seen for page in news for seen in page.leads if seen.lead.id == lead_id]
    assert seen.lead.stage is None
    (note,) = [one for page in news for one in page.rejections]
    assert (note.lead_id, note.field, note.value, note.reason) == (
        lead_id,
        words.stage,
        words.lost,
        NO_STAGE,
    )


def test_a_lead_without_any_stage_value_is_no_matter_to_note(bench, practice, words):
    if practice.name == "salesforce":
        pytest.skip("a Salesforce lead always has a status")
    lead_id = practice.records(words.leads)[0]["id"]
    practice.person_edits(words.leads, lead_id, **{words.stage: "", "hs_lead_status": ""})
    pages = pull(bench.crm, bench)
    assert None in {seen.lead.stage for page in pages for seen in page.leads}
    assert [one for page in pages for one in page.rejections] == []


def test_a_task_reads_in_lines_and_closing_it_adds_the_note(bench, practice, words):
    lead = pull(bench.crm, bench)[0].leads[0].lead
    due, text = bench.until() + timedelta(hours=3), "why:\n<late> & more"
    task = CreateTask(lead.id, "k" * 40, lead.owner.id, "Call", text, due, "Europe/Berlin", "due")
    (made,) = bench.crm.apply([task])
    bench.crm.apply([CloseTask(lead.id, made.record_id, task.key, "answered\nby call", "answered")])
    shown = [
        (record.get("properties") or record)[words.body]
        for record in practice.records({"salesforce": "Task", "hubspot": "tasks"}[practice.name])
        if made.record_id in {record.get("Id"), record.get("id")}
    ]
    lines = ["why:", "<late> & more", "answered", "by call"]
    if practice.name == "hubspot":  # rich text
        lines[1] = "&lt;late&gt; &amp; more"
    assert shown == [words.lines.join(lines)]


def test_our_fields_have_the_same_label_and_help_in_both_crms(practice):
    wanted = {(one.name, one.help) for one in (*LABELS.values(), KEY_LABEL)}
    assert wanted <= set(labels_in(practice))
    assert all(len(name) <= 40 and 0 < len(text) <= 255 for name, text in wanted)


def labels_in(practice: Practice) -> Iterator[tuple[str, str]]:
    paths = {
        "salesforce": [f"services/data/v59.0/sobjects/{one}/describe" for one in ("Lead", "Task")],
        "hubspot": [f"crm/properties/2026-03/{one}" for one in ("contacts", "tasks")],
    }
    for path in paths[practice.name]:
        headers = {"Authorization": "Bearer localcrm"}
        body = requests.get(f"{practice.url}/{path}", headers=headers, timeout=10).json()
        for field in body.get("fields") or body["results"]:
            yield field["label"], field.get("inlineHelpText") or field.get("description") or ""


def test_check_and_provision_call_our_missing_fields_by_the_same_names(bench):
    (problem,) = [one for one in bench.crm.check() if "leadsla provision" in one.remedy]
    told = set(problem.what.partition(": ")[2].split(", "))
    others = ("group", "permission set", "list view")
    planned = [step.what for step in bench.crm.provision(dry_run=True)]
    steps = [what.split()[-1] for what in planned if not any(other in what for other in others)]
    assert told == {name for name in steps if not name.startswith("notes.")}  # only a note misses those


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 404, "body": "<html>no such page</html>", "content_type": "text/html"},
        {"status": 401, "body": "<html>sign in</html>", "content_type": "text/html"},
        {"status": 200, "body": "<html>welcome</html>", "content_type": "text/html"},
        {"status": 302, "body": "", "headers": {"Location": "https://elsewhere.test"}},
        {"status": 404, "json": {"detail": "Not Found"}},
        {"status": 401, "json": {"detail": "Not authenticated"}},
        {"status": 200, "json": {"hello": "world"}},
    ],
)
@pytest.mark.parametrize("name", NAMES)
@responses.activate
def test_an_address_that_is_not_the_crms_is_a_mistake_in_the_configuration_not_in_the_credentials(
    name, answer
):
    for method in ("GET", "POST"):
        responses.add(method, re.compile(r"https://wrong\.test/.*"), **answer)
    crm = open_crm(name, "https://wrong.test")
    with pytest.raises(Misconfigured, match=rf"connections\.{name}\.base_url: https://wrong\.test "):
        crm.account_id()
    assert len(responses.calls) == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_other_practice_crms_address_is_a_wrong_address(name):
    (other,) = set(NAMES) - {name}
    with BENCHES[other]() as there:
        assert there.practice is not None
        crm = open_crm(name, there.practice.url)
        with pytest.raises(Misconfigured, match="base_url"):
            crm.check()
        crm.close()


@responses.activate
def test_a_crm_that_is_only_overloaded_at_first_is_no_wrong_address():
    url = re.compile(r"https://hub\.test/.*")
    responses.get(url, status=503, body="<html>busy</html>")
    responses.get(url, json={"portalId": 7})
    assert open_crm("hubspot", "https://hub.test").account_id() == "7"


def test_a_signed_assertion_signs_in_where_a_secret_is_not_wanted() -> None:
    """The JWT bearer flow against a CRM that checks who, for whom and until when."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with salesforce_bench() as bench:
        assert bench.practice is not None
        user = next(one for one in bench.practice.records("User") if one["IsActive"])
        for username, works in ((user["Username"], True), ("nobody@elsewhere.example", False)):
            secrets = {"client_id": "localcrm", "username": username, "private_key": pem.decode()}
            credentials = {name: SecretStr(value) for name, value in secrets.items()}
            parts = shipped("salesforce")
            mapping = ConnectionMapping.model_validate({part: parts[part] for part in ("lead", "stages")})
            crm = SalesforceCrm(Connection("sf", bench.practice.url, "jwt", credentials, mapping))
            if works:
                assert crm.account_id().startswith("00D")
            else:
                with pytest.raises(Unauthorised, match="sf"):
                    crm.account_id()
            crm.close()
