"""The practice Salesforce answers in the shapes of recorded real answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.practice_org import BASE, PracticeOrg, practice_org

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "salesforce"
# A recorded field is compared where the practice org has it too, in what it is, not in what a client may do.
FACTS = ("type", "soapType", "length", "nillable", "referenceTo", "relationshipName", "idLookup", "nameField")
KINDS = {
    type(None): "null",
    bool: "bool",
    int: "number",
    float: "number",
    str: "text",
    list: "list",
    dict: "object",
}


@pytest.fixture(scope="module")
def org() -> Iterator[PracticeOrg]:
    with practice_org() as one:
        yield one


def recorded(name: str) -> Any:
    path = RECORDED / name
    if not path.exists():
        pytest.skip("the recorded describes are not beside this checkout")
    return json.loads(path.read_text(encoding="utf-8"))


def types(of: Mapping[str, Any]) -> dict[str, str]:
    return {name: KINDS[type(value)] for name, value in of.items()}


def fits(ours: Mapping[str, Any], real: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Keys whose JSON type differs; null stands for any, since each side may know nothing there."""
    mine, theirs = types(ours), types(real)
    return {
        name: (mine[name], theirs[name])
        for name in mine
        if mine[name] != theirs[name] and "null" not in (mine[name], theirs[name])
    }


@pytest.mark.parametrize("name", ["Lead", "Event", "Opportunity", "Contact"])
def test_a_describe_has_the_keys_and_types_of_the_recorded_one(org: PracticeOrg, name: str) -> None:
    real, ours = recorded(f"{name}.json"), org.call("GET", f"/sobjects/{name}/describe").json()
    assert set(ours) == set(real)
    assert fits(ours, real) == {}
    for part in ("fields", "childRelationships", "recordTypeInfos", "supportedScopes"):
        if not ours[part]:  # the practice org has fewer children
            continue
        mine, theirs = ours[part][0], real[part][0]
        assert set(mine) == set(theirs), part
        assert fits(mine, theirs) == {}, part


@pytest.mark.parametrize("name", ["Lead", "Event", "Opportunity", "Contact"])
def test_a_described_field_is_what_the_recorded_one_is(org: PracticeOrg, name: str) -> None:
    theirs = {field["name"]: field for field in recorded(f"{name}.json")["fields"]}
    differing = {}
    for field in org.call("GET", f"/sobjects/{name}/describe").json()["fields"]:
        real = theirs.get(field["name"])
        if real is None:
            continue
        unlike = {fact: (field[fact], real[fact]) for fact in FACTS if field[fact] != real[fact]}
        if unlike and field["name"] not in KNOWN.get(name, ()):
            differing[field["name"]] = unlike
    assert differing == {}


# Where the practice org's objects are fewer, a reference names fewer of them.
KNOWN: dict[str, tuple[str, ...]] = {"Event": ("WhatId",)}


def test_the_global_describe_has_the_recorded_keys(org: PracticeOrg) -> None:
    real, ours = recorded("_global.json"), org.call("GET", "/sobjects").json()
    assert set(ours) == set(real)
    theirs = {one["name"]: one for one in real["sobjects"]}
    for one in ours["sobjects"]:
        if one["name"] in theirs:
            assert set(one) == set(theirs[one["name"]]), one["name"]
            assert fits(one, theirs[one["name"]]) == {}, one["name"]


def test_error_bodies_have_the_recorded_keys(org: PracticeOrg) -> None:
    """As in the recorded composite and collections traffic."""
    parts = [
        {"method": "GET", "url": f"{BASE}/sobjects/Lead/00Q000000000000EAA", "referenceId": "missing"},
        {"method": "GET", "url": f"{BASE}/query?q=select+count()+from+Nope", "referenceId": "type"},
    ]
    answer = org.call("POST", "/composite", {"compositeRequest": parts}).json()["compositeResponse"]
    assert [set(one) for one in answer] == [{"body", "httpHeaders", "httpStatusCode", "referenceId"}] * 2
    assert [set(one["body"][0]) for one in answer] == [{"errorCode", "message"}] * 2
    assert [one["body"][0]["errorCode"] for one in answer] == ["NOT_FOUND", "INVALID_TYPE"]
    assert "ERROR at Row:1:Column:21" in answer[1]["body"][0]["message"]
    record = {"attributes": {"type": "Lead"}, "Company": "nameless"}
    (failed,) = org.call("POST", "/composite/sobjects", {"records": [record]}).json()
    assert set(failed) == {"success", "errors"}
    assert set(failed["errors"][0]) == {"statusCode", "message", "fields"}
