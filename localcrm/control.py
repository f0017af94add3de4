"""The control interface under ``/_localcrm``: look into a practice CRM and steer it.

Not part of any real CRM; calls to it are neither counted nor touched by faults. Needs no password,
since the practice CRMs listen on this machine only.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localcrm.clock import Clock
from localcrm.face import Face, Refused, Steering
from localcrm.faults import Faults
from localcrm.tally import Tally

PREFIX = "/_localcrm"
Act = Callable[[Request], Awaitable[Any]]


class Control:
    """The control doors of one face."""

    def __init__(self, face: Face, faults: Faults, tally: Tally) -> None:
        self._face = face
        self._faults = faults
        self._tally = tally

    def routes(self) -> list[Route]:
        """Every control route; each answers JSON, and 400 with ``error`` for what makes no sense."""
        steerings: Mapping[str, Steering] = getattr(self._face, "steerings", {})
        own = [route for name, steering in steerings.items() for route in _steered(name, steering)]
        return [
            *own,
            _route("GET", "/calls", self._calls),
            _route("POST", "/reset-calls", self._reset),
            _route("GET", "/records/{name}", self._records),
            _route("POST", "/records/{name}", self._edit),
            _route("GET", "/faults", self._standing),
            _route("POST", "/faults", self._order),
            _route("DELETE", "/faults", self._clear),
            _route("GET", "/clock", self._now),
            _route("POST", "/clock", self._set),
        ]

    async def _calls(self, _: Request) -> Any:
        return self._tally.report()

    async def _reset(self, _: Request) -> Any:
        self._tally.reset()
        return self._tally.report()

    async def _records(self, request: Request) -> Any:
        return await run_in_threadpool(self._face.records, request.path_params["name"])

    async def _edit(self, request: Request) -> Any:
        given = await _json(request)
        rows = given if isinstance(given, list) else [given]
        if not all(isinstance(row, dict) for row in rows):
            raise Refused("send a JSON object, or a list of them")
        return await run_in_threadpool(self._face.edit, request.path_params["name"], rows)

    async def _standing(self, _: Request) -> Any:
        return self._faults.standing()

    async def _order(self, request: Request) -> Any:
        return {"faults": self._faults.order(await _json(request))}

    async def _clear(self, _: Request) -> Any:
        self._faults.clear()
        return {"faults": 0}

    async def _now(self, _: Request) -> Any:
        return {"now": shown(self._face.clock.now())}

    async def _set(self, request: Request) -> Any:
        steer(self._face.clock, await _json(request))
        return {"now": shown(self._face.clock.now())}


def steer(clock: Clock, given: object) -> None:
    """Apply ``{"now": "...Z"}``, ``{"advance_seconds": n}`` and/or ``{"freeze": bool}``; Refused if none."""
    if not isinstance(given, dict) or not given or set(given) - {"now", "advance_seconds", "freeze"}:
        raise Refused("the clock knows 'now', 'advance_seconds' and 'freeze'")
    instant = _instant(given["now"]) if "now" in given else None
    seconds, freeze = given.get("advance_seconds", 0), given.get("freeze")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise Refused("'advance_seconds' must be a number")
    if freeze not in (None, True, False):
        raise Refused("'freeze' must be true or false")
    try:
        if instant is not None:
            clock.set(instant)
        if seconds:
            clock.advance(seconds)
    except (OverflowError, OSError) as problem:
        raise Refused("the clock cannot show such an instant") from problem
    if freeze is not None:
        clock.freeze() if freeze else clock.thaw()


def shown(instant: datetime) -> str:
    """An instant as the control interface writes it: UTC, milliseconds, Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(text: object) -> datetime:
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise Refused("'now' must be an instant with a zone, such as 2026-11-20T12:00:00Z")
    return instant


def _steered(name: str, steering: Steering) -> Iterator[Route]:
    """The routes of a face's own control door."""

    async def show(_: Request) -> Any:
        return await run_in_threadpool(steering.show)

    yield _route("GET", f"/{name}", show)
    if steering.set is not None:
        yield _route("POST", f"/{name}", _setting(steering.set))
    if steering.forget is not None:
        yield _route("DELETE", f"/{name}", _forgetting(steering.forget))


def _setting(change: Callable[[Any], Any]) -> Act:
    async def act(request: Request) -> Any:
        return await run_in_threadpool(change, await _json(request))

    return act


def _forgetting(forget: Callable[[], Any]) -> Act:
    async def act(_: Request) -> Any:
        return await run_in_threadpool(forget)

    return act


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError as problem:
        raise Refused(f"the body is no JSON: {problem}") from problem


def _route(method: str, path: str, act: Act) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await act(request))
        except Refused as problem:
            return JSONResponse({"error": str(problem)}, status_code=400)

    return Route(PREFIX + path, endpoint, methods=[method])
