"""Claims about notes in the practice Salesforce: as strict as the real one is told to be."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import requests

from localcrm.clock import Clock
from localcrm.company import Company
from localcrm.salesforce import SalesforceFace
from localcrm.server import running

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
Ask = Callable[..., requests.Response]


@contextmanager
def org(**switches: bool) -> Iterator[Ask]:
    clock = Clock(NOW)
    face = SalesforceFace(clock, limits=False, **switches)  # type: ignore[arg-type]
    with running(Company((), (), (), (), (), NOW), clock=clock, told={"salesforce": face}) as practice:
        base = f"{practice.urls['salesforce']}/services/data/v59.0"
        with requests.Session() as session:
            session.headers["Authorization"] = "Bearer localcrm"

            def ask(method: str, path: str, body: object = None, **params: str) -> requests.Response:
                return session.request(method, base + path, json=body, params=params, timeout=10)

            yield ask


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    with org() as one:
        yield one


def note(html: str, **more: str) -> dict[str, str]:
    return {"Title": "T", "Content": b64encode(html.encode()).decode(), **more}


def code(answer: requests.Response) -> str:
    return str(answer.json()[0]["errorCode"])


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"Content": ""}, "REQUIRED_FIELD_MISSING"),
        (note("x", Title=" "), "REQUIRED_FIELD_MISSING"),
        (note("x", Title="x" * 256), "STRING_TOO_LONG"),
        (note("x", Body="x"), "INVALID_FIELD"),
        (note("x", TextPreview="x"), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Title": "T", "Content": "not base64"}, "JSON_PARSER_ERROR"),
        ({"Title": "T", "Content": 5}, "JSON_PARSER_ERROR"),
        ({"Title": "T", "Content": b64encode(b"\xff").decode()}, "FIELD_INTEGRITY_EXCEPTION"),
        *(
            (note(html), "FIELD_INTEGRITY_EXCEPTION")
            for html in ("<script>", "a & b", "it's", "&#x27;", "&apos;", "\a")
        ),
    ],
)
def test_notes_that_are_refused(ask, body, refusal):
    assert code(ask("POST", "/sobjects/ContentNote", body)) == refusal


def test_a_note_is_found_by_its_title_and_read_by_its_address(ask):
    made = ask("POST", "/sobjects/ContentNote", note("<p>a &amp; b</p>", Title="Found")).json()["id"]
    query = "SELECT Id, Title, Content, TextPreview, FileType FROM ContentNote WHERE Title LIKE '%ound'"
    (row,) = ask("GET", "/query", q=query).json()["records"]
    assert (row["Id"], row["TextPreview"], row["FileType"]) == (made, "a & b", "SNOTE")
    assert row["Content"].endswith(f"/sobjects/ContentNote/{made}/Content")
    assert ask("GET", f"/sobjects/ContentNote/{made}/Content").text == "<p>a &amp; b</p>"
    by_content = f"SELECT Id FROM ContentNote WHERE Content = '{row['Content']}'"
    assert code(ask("GET", "/query", q=by_content)) == "INVALID_FIELD"


def test_a_note_is_shared_once_and_links_are_asked_for_by_id(ask):
    made = ask("POST", "/sobjects/ContentNote", note("x")).json()["id"]
    company = ask("GET", "/query", q="SELECT Id FROM Organization").json()["records"][0]["Id"]
    link = {"ContentDocumentId": made, "LinkedEntityId": company}
    assert code(ask("POST", "/sobjects/ContentDocumentLink", link)) == "REQUIRED_FIELD_MISSING"
    answers = [ask("POST", "/sobjects/ContentDocumentLink", {**link, "ShareType": "V"}) for _ in range(2)]
    assert (answers[0].status_code, code(answers[1])) == (201, "DUPLICATE_VALUE")
    nowhere = {**link, "ContentDocumentId": made[:12] + "999AAA", "ShareType": "V"}
    assert not ask("POST", "/sobjects/ContentDocumentLink", nowhere).ok
    query = "SELECT Id FROM ContentDocumentLink"
    assert code(ask("GET", "/query", q=query)) == "MALFORMED_QUERY"
    assert len(ask("GET", "/query", q=f"{query} WHERE ContentDocumentId = '{made}'").json()["records"]) == 1


def test_an_org_without_notes_does_not_know_them():
    with org(notes=False) as ask:
        assert code(ask("GET", "/query", q="SELECT Id FROM ContentNote")) == "INVALID_TYPE"
        assert ask("POST", "/sobjects/ContentNote", note("x")).status_code == 404
