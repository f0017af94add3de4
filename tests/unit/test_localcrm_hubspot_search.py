"""Claims about the practice HubSpot's search, asked at its door without HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from starlette.datastructures import QueryParams

from localcrm.clock import Clock
from localcrm.company import Company, LeadEntry
from localcrm.hubspot import HubSpotFace
from localcrm.hubspot.calls import Call
from localcrm.hubspot.errors import ApiError
from localcrm.hubspot.search import search

T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def lag():
    return 0


@pytest.fixture
def face(lag):
    leads = tuple(
        LeadEntry(f"l{n}", T0, f"Lead{n}", email=f"l{n}@example.com", employees=n * 10, stage="mql")
        for n in range(12)
    )
    loaded = HubSpotFace(Clock(T0, frozen=True), search_lag=lag)
    loaded.load(Company((), (), leads, (), (), T0))
    return loaded


def ask(face, kind="contacts", **body):
    return search(Call(face.portal, {"kind": kind}, QueryParams(""), json.dumps(body).encode())).body


def where(name, operator, value=None, **more):
    told = {"propertyName": name, "operator": operator, **more}
    return told if value is None else {**told, "value": value}


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([where("hs_object_id", "GT", "99"), where("numberofemployees", "LTE", "40")], ["100", "101"]),
        ([where("email", "EQ", "L3@EXAMPLE.com")], ["100"]),
        ([where("email", "IN", values=["l3@example.com", "L4@example.com"])], ["100"]),
        ([where("lastname", "CONTAINS_TOKEN", "lead1*")], ["98", "107", "108"]),
        ([where("hs_object_id", "BETWEEN", "99", highValue="100")], ["99", "100"]),
        ([where("city", "HAS_PROPERTY")], []),
        ([where("createdate", "LT", "2026-03-02T08:00:00Z")], []),
        ([where("numberofemployees", "EQ", "20.0")], ["99"]),
        ([where("hs_lead_status", "NOT_IN", values=["OPEN"])], []),
    ],
)
def test_search_filters(face, filters, found):
    body = ask(face, filterGroups=[{"filters": filters}], limit=200)
    assert [row["id"] for row in body["results"]] == found


def test_search_refuses_what_hubspot_refuses(face):
    one = where("email", "HAS_PROPERTY")
    for body in (
        {"limit": 201},
        {"after": "10000"},
        {"after": "9" * 5000},
        {"sorts": ["email", "city"]},
        {"filterGroups": [{"filters": [one]}] * 6},
        {"filterGroups": [{"filters": [one] * 7}]},
        {"filterGroups": [{"filters": [one] * 5}] * 4},
        {"filterGroups": [{"filters": [where("nope", "HAS_PROPERTY")]}]},
        {"filterGroups": [{"filters": [where("email", "EQ")]}]},
        {"properties": ["p" * 3000]},
    ):
        with pytest.raises(ApiError) as refused:
            ask(face, **body)
        assert refused.value.status == 400
    page = ask(face, sorts=["-hs_object_id"], limit=5)
    assert (page["total"], page["results"][0]["id"], page["paging"]["next"]["after"]) == (12, "108", "5")


def test_groups_are_alternatives_and_a_sort_by_number_is_numeric(face):
    groups = [
        {"filters": [where("numberofemployees", "GTE", "90")]},
        {"filters": [where("email", "EQ", "l0@example.com")]},
    ]
    body = ask(face, filterGroups=groups, sorts=["-numberofemployees"], properties=["numberofemployees"])
    assert [row["properties"]["numberofemployees"] for row in body["results"]] == ["110", "100", "90", "0"]
    assert ask(face, query="lead1")["total"] == 3


@pytest.mark.parametrize("lag", [5])
def test_search_lags_behind_writes_and_records_do_not(face):
    asked = [{"filters": [where("city", "EQ", "bonn")]}]
    face.clock.advance(60)
    face.edit("contacts", [{"id": "97", "city": "Bonn"}, {"email": "new@example.com", "city": "Bonn"}])
    assert ask(face, filterGroups=asked)["total"] == 0
    assert face.records("contacts")[0]["properties"]["city"] == "Bonn"
    face.clock.advance(5)
    assert ask(face, filterGroups=asked)["total"] == 2
