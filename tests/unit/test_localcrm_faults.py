"""Each ordered fault, seen by a real client on a real socket."""

from __future__ import annotations

import threading
import time

import pytest
import requests

from localcrm.face import Refused
from localcrm.faults import Faults
from tests.localcrm_notebook import notebook

NOTE = {"text": "hello"}


@pytest.fixture
def book(capfd):
    """A notebook whose faults leave nothing on stderr."""
    with notebook() as (url, face, _), requests.Session() as session:

        def order(**rule):
            assert session.post(f"{url}/_localcrm/faults", json=[rule]).status_code == 200

        yield url, face, session, order
    assert capfd.readouterr().err == ""


def test_a_status_fault_answers_for_the_face_and_then_is_over(book):
    url, face, session, order = book
    order(do="status", status=503, body={"message": "busy"}, headers={"Retry-After": "7"}, path="^/notes$")
    refused = session.post(f"{url}/notes", json=NOTE)
    assert (refused.status_code, refused.json(), refused.headers["Retry-After"]) == (
        503,
        {"message": "busy"},
        "7",
    )
    assert face.notes == []
    assert session.post(f"{url}/notes", json=NOTE).status_code == 201


def test_cut_before_drops_the_connection_and_nothing_was_done(book):
    url, face, session, order = book
    order(do="cut_before", method="POST", path="/notes")
    with pytest.raises(requests.ConnectionError):
        session.post(f"{url}/notes", json=NOTE)
    assert face.notes == []


def test_cut_after_drops_the_connection_and_it_was_done(book):
    url, face, session, order = book
    order(do="cut_after", method="POST", path="/notes")
    with pytest.raises(requests.ConnectionError):
        session.post(f"{url}/notes", json=NOTE)
    assert len(face.notes) == 1


def test_a_large_body_can_be_cut_too(book):
    url, face, session, order = book
    order(do="cut_before", path="/notes")
    with pytest.raises(requests.ConnectionError):
        session.post(f"{url}/notes", json={"text": "x" * 3_000_000})
    assert face.notes == []


@pytest.mark.parametrize(("apply", "notes"), [(False, 0), (True, 1)])
def test_hang_keeps_the_client_waiting_until_it_leaves(book, apply, notes):
    url, face, session, order = book
    order(do="hang", path="/notes", apply=apply)
    with pytest.raises(requests.ReadTimeout):
        session.post(f"{url}/notes", json=NOTE, timeout=0.2)
    assert len(face.notes) == notes


def test_hang_with_seconds_ends_in_a_dropped_connection(book):
    url, _, session, order = book
    order(do="hang", path="/notes", seconds=0.1)
    with pytest.raises(requests.ConnectionError):
        session.get(f"{url}/notes", timeout=5)


def test_truncate_sends_half_of_what_it_promised(book):
    url, face, session, order = book
    face.notes.append({"id": "1", "text": "x" * 500_000})
    order(do="truncate", path="/notes")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        session.get(f"{url}/notes")


def test_html_answers_200_with_a_page(book):
    url, _, session, order = book
    order(do="html", path="/notes")
    page = session.get(f"{url}/notes")
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<html>" in page.text


def test_latency_delays_and_then_answers(book):
    url, _, session, order = book
    order(do="latency", seconds=0.15, path="/notes")
    started = time.monotonic()
    assert session.get(f"{url}/notes").status_code == 200
    assert time.monotonic() - started >= 0.15


def test_hide_finds_nothing_although_it_is_there(book):
    url, face, session, order = book
    face.notes.append({"id": "1"})
    order(do="hide", method="GET", path="/notes", times=2)
    assert session.get(f"{url}/notes").json() == {"total": 0, "results": []}
    assert session.get(f"{url}/notes/1").status_code == 404
    assert session.get(f"{url}/notes/1").json() == {"id": "1"}


def test_after_lets_calls_pass_and_times_ends_it(book):
    url, _, session, order = book
    order(do="status", status=500, path="/notes", after=2, times=2)
    assert [session.get(f"{url}/notes").status_code for _ in range(5)] == [200, 200, 500, 500, 200]


def test_times_null_lasts_until_deleted(book):
    url, _, session, order = book
    order(do="status", status=500, path="/notes", times=None)
    assert {session.get(f"{url}/notes").status_code for _ in range(4)} == {500}
    session.delete(f"{url}/_localcrm/faults")
    assert session.get(f"{url}/notes").status_code == 200


def test_the_path_may_name_the_query(book):
    url, _, session, order = book
    order(do="status", status=500, path=r"q=SELECT Id FROM Task", times=None)
    assert session.get(f"{url}/notes", params={"q": "SELECT Id FROM Task"}).status_code == 500
    assert session.get(f"{url}/notes", params={"q": "SELECT Id FROM Lead"}).status_code == 200


def test_a_hanging_call_does_not_hold_up_the_stop(capfd):
    gone = threading.Event()
    with notebook() as (url, _, crms):
        crms.doors["notebook"].faults.order({"do": "hang", "path": "/notes"})

        def call() -> None:
            with pytest.raises(requests.ConnectionError):
                requests.get(f"{url}/notes", timeout=10)
            gone.set()

        threading.Thread(target=call, daemon=True).start()
        while crms.doors["notebook"].faults.standing():
            time.sleep(0.005)
        stopping = time.monotonic()
    assert gone.wait(2)
    assert time.monotonic() - stopping < 1
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "rule",
    [
        "cut_before",
        {"do": "explode"},
        {"do": "status"},
        {"do": "latency"},
        {"do": "hang", "seconds": -1},
        {"do": "hang", "path": "("},
        {"do": "hang", "times": 0},
        {"do": "hang", "after": "2"},
        {"do": "cut_before", "status": 500},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_and_none_of_its_list_is_kept(rule):
    faults = Faults()
    with pytest.raises(Refused):
        faults.order([{"do": "html"}, rule])
    assert faults.standing() == []


def test_twice_does_the_same_call_two_times_and_answers_once(book):
    url, face, session, order = book
    order(do="twice", path="/notes", method="POST")
    answer = session.post(f"{url}/notes", json={"text": "one"})
    assert (answer.status_code, answer.json()["id"]) == (201, "2")
    assert [note["text"] for note in face.notes] == ["one", "one"]
    session.post(f"{url}/notes", json={"text": "two"})
    assert len(face.notes) == 3
