"""A very small practice CRM for testing the doors around any face: a notebook of notes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localcrm.clock import Clock
from localcrm.company import Company
from localcrm.face import Refused
from localcrm.server import PracticeCrms, running


class NotebookFace:
    """Keeps notes under ``/notes``; knows one object, ``Note``."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.notes: list[dict[str, Any]] = []

    def routes(self) -> Sequence[Route]:
        return [
            Route("/notes", self._list, methods=["GET"]),
            Route("/notes", self._create, methods=["POST"]),
            Route("/notes/{id}", self._one, methods=["GET"]),
        ]

    def load(self, company: Company) -> None:
        self.notes = [{"id": lead.key} for lead in company.leads]

    def records(self, name: str) -> list[dict[str, Any]]:
        if name != "Note":
            raise Refused(f"no object {name}")
        return list(self.notes)

    def edit(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        if name != "Note":
            raise Refused(f"no object {name}")
        return [self._add(dict(row)) for row in rows]

    def _add(self, note: dict[str, Any]) -> dict[str, Any]:
        note.setdefault("id", str(len(self.notes) + 1))
        self.notes.append(note)
        return note

    async def _list(self, _: Request) -> Response:
        return JSONResponse({"total": len(self.notes), "results": self.notes})

    async def _create(self, request: Request) -> Response:
        return JSONResponse(self._add(json.loads(await request.body())), status_code=201)

    async def _one(self, request: Request) -> Response:
        found = [note for note in self.notes if note["id"] == request.path_params["id"]]
        return JSONResponse(found[0]) if found else JSONResponse({}, status_code=404)


@contextmanager
def notebook(clock: Clock | None = None) -> Iterator[tuple[str, NotebookFace, PracticeCrms]]:
    """A running notebook: its address, the face, and everything around it."""
    clock = clock or Clock()
    face = NotebookFace(clock)
    with running(told={"notebook": face}, clock=clock) as crms:
        yield crms.urls["notebook"], face, crms
