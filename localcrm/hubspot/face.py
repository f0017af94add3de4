"""The practice HubSpot's HTTP face: tokens, limits, headers, and the control doors of ``Face``."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from localcrm.clock import Clock
from localcrm.company import Company
from localcrm.face import Refused
from localcrm.hubspot import account
from localcrm.hubspot.calls import Answer, Call
from localcrm.hubspot.doors import TOKENS, USAGE, Address, addresses
from localcrm.hubspot.editing import edit_rows
from localcrm.hubspot.errors import ApiError
from localcrm.hubspot.kinds import kind_name
from localcrm.hubspot.limits import Limits
from localcrm.hubspot.loading import load_company
from localcrm.hubspot.portal import Portal, Switches
from localcrm.hubspot.shapes import full
from localcrm.hubspot.tokens import Tokens

_METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT"]
_LONGEST_ADDRESS = 8_000
_ROOTS = ("/crm/", "/email/", "/account-info/", "/oauth/", "/events/", "/marketing/", "/automation/")
Endpoint = Callable[[Request], Awaitable[Response]]


class HubSpotFace:
    """A strict HubSpot in memory.

    ``limits`` turns the rate limits on; ``search_lag`` (seconds) is how far search stays behind writes;
    ``task_unique_property`` allows a unique property on tasks (undocumented, so refused by default);
    ``leads`` gives the account the leads object.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        limits: bool = True,
        search_lag: float = 0.0,
        task_unique_property: bool = False,
        leads: bool = False,
    ) -> None:
        self.clock = clock
        self._switches = Switches(limits, search_lag, task_unique_property, leads)
        self.portal = Portal(clock, self._switches)
        self.limits = Limits(is_on=limits)
        self.tokens = Tokens()

    def routes(self) -> Sequence[Route]:
        """Everything a client may call, and a 404 for the rest of HubSpot."""
        found = [Route(path, self._token, methods=["POST"]) for path in TOKENS]
        found += [Route(one.path, self._endpoint(one), methods=[one.method]) for one in addresses()]
        usage = Address("GET", USAGE, lambda _: account.usage(self.limits, self.clock.now()))
        found.append(Route(USAGE, self._endpoint(usage), methods=["GET"]))
        nowhere = self._endpoint(Address("GET", "", _nowhere))
        found += [Route(f"{root}{{rest:path}}", nowhere, methods=_METHODS) for root in _ROOTS]
        return found

    def load(self, company: Company) -> None:
        """Start anew with this company's story; raises Refused for a value no property takes."""
        portal = Portal(self.clock, self._switches)
        try:
            load_company(portal, company)
        except ApiError as problem:
            raise Refused(problem.message) from problem
        self.portal = portal

    def records(self, name: str) -> list[dict[str, Any]]:
        """Every living record of a kind, all properties and associations; raises Refused.

        ``owners`` and ``email_events`` are listed as their own doors show them.
        """
        if name in account.LISTED:
            with self.portal.lock:
                return account.LISTED[name](self.portal)
        kind = self._kind(name)
        with self.portal.lock:
            return [full(self.portal, kind, record) for record in self.portal.tables[kind].above(-1)]

    def edit(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Change records as a person would; answers the rows as they stand; raises Refused.

        ``email_events`` takes new events (``type``, ``recipient``, ``created``), as a reader makes them.
        """
        if name == "email_events":
            with self.portal.lock:
                return account.add_events(self.portal, rows)
        kind = self._kind(name)
        with self.portal.lock:
            return edit_rows(self.portal, kind, rows)

    def _kind(self, name: str) -> str:
        try:
            return kind_name(name)
        except ApiError as problem:
            raise Refused(problem.message) from problem

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
        try:
            answer = self.tokens.grant(form, self.portal.now())
        except ApiError as problem:
            answer = Answer(problem.status, problem.body())
        return self._response(answer, {})

    def _endpoint(self, address: Address) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            return await run_in_threadpool(self._answer, address, request, body)

        return endpoint

    def _answer(self, address: Address, request: Request, body: bytes) -> Response:
        portal = self.portal
        headers: dict[str, str] = {}
        with portal.lock:
            try:
                if len(request.url.path) + len(request.url.query) > _LONGEST_ADDRESS:
                    return self._response(Answer(414), headers)
                self.tokens.check(request.headers.get("authorization"), portal.now())
                headers = self.limits.headers(address.rule)
                headers = self.limits.spend(address.rule, self.clock.now())
                call = Call(portal, request.path_params, request.query_params, body)
                answer = address.door(call)
            except ApiError as problem:
                answer = Answer(problem.status, problem.body())
            return self._response(answer, headers)

    def _response(self, answer: Answer, headers: Mapping[str, str]) -> Response:
        told = {"Date": format_datetime(self.clock.now(), usegmt=True), **headers}
        if answer.body is None:
            return Response(status_code=answer.status, headers=told)
        told["Content-Type"] = "application/json;charset=utf-8"
        return Response(json.dumps(answer.body), answer.status, told)


def _nowhere(_call: Call) -> Answer:
    raise ApiError("resource not found", status=404, category=None)
