"""The practice HubSpot's HTTP face: tokens, limits, headers, and the control doors of ``Face``."""

from __future__ import annotations

import json
import threading
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
from localcrm.face import Refused, Steering
from localcrm.hubspot import account, forms, scopes
from localcrm.hubspot.calls import Answer, Call
from localcrm.hubspot.doors import TOKENS, USAGE, Address, addresses
from localcrm.hubspot.editing import edit_rows, set_rules
from localcrm.hubspot.errors import ApiError
from localcrm.hubspot.kinds import kind_name
from localcrm.hubspot.limits import Limits
from localcrm.hubspot.loading import load_company
from localcrm.hubspot.named_answers import NAMED
from localcrm.hubspot.portal import Portal
from localcrm.hubspot.shapes import full
from localcrm.hubspot.switches import Switches
from localcrm.hubspot.tokens import Tokens
from localcrm.hubspot.webhooks import Webhooks

_METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT"]
_LONGEST_ADDRESS = 8_000
_ROOTS = (
    "/crm/",
    "/email/",
    "/account-info/",
    "/oauth/",
    "/events/",
    "/form-integrations/",
    "/marketing/",
    "/automation/",
)
LISTED = {**account.LISTED, "form_submissions": forms.all_submissions}
# What is added through the control doors beside records.
ADDED: Mapping[str, Callable[[Portal, Sequence[Mapping[str, Any]]], list[dict[str, Any]]]] = {
    "email_events": account.add_events,
    "owners": account.change_owners,
    "form_submissions": forms.submit,
    "property_validations": set_rules,
}
Endpoint = Callable[[Request], Awaitable[Response]]


class HubSpotFace:
    """A strict HubSpot in memory.

    Its settings are those of ``Switches``, given by name. ``POST /_localcrm/switches`` turns them later, and
    ``POST /_localcrm/webhooks`` lets it send events.
    """

    named_answers = NAMED

    def __init__(self, clock: Clock, **switches: Any) -> None:
        self.clock = clock
        self.portal = Portal(clock, Switches(**switches))
        self.limits = Limits(self.portal.switches)
        self.tokens = Tokens()
        self._gate = threading.Lock()
        self.webhooks = Webhooks(self.portal.now, lambda: self.portal.switches.portal_id)
        self.portal.listener = self.webhooks.hear
        self.steerings = {
            "switches": Steering(self._switches, self._turn),
            "webhooks": Steering(self.webhooks.show, self.webhooks.aim, self.webhooks.forget),
        }

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
        portal = Portal(self.clock, self.portal.switches)
        try:
            load_company(portal, company)
        except ApiError as problem:
            raise Refused(problem.message) from problem
        portal.listener = self.webhooks.hear
        self.portal = portal

    def records(self, name: str) -> list[dict[str, Any]]:
        """Every living record of a kind, all properties and associations; raises Refused.

        ``owners``, ``email_events`` and ``form_submissions`` are listed as their own doors show them.
        """
        if name in LISTED:
            with self.portal.lock:
                return LISTED[name](self.portal)
        kind = self._kind(name)
        with self.portal.lock:
            return [full(self.portal, kind, record) for record in self.portal.tables[kind].above(-1)]

    def edit(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Change records as a person would; answers the rows as they stand; raises Refused.

        ``email_events`` takes new events (``type``, ``recipient``, ``created``), as a reader makes them;
        ``form_submissions`` forms sent in; ``property_validations`` rules an admin sets; ``owners`` their
        ``active`` and ``teams``.
        """
        with self.portal.lock:
            if name in ADDED:
                return ADDED[name](self.portal, rows)
            return edit_rows(self.portal, self._kind(name), rows)

    def _switches(self) -> dict[str, Any]:
        return self.portal.switches.told()

    def _turn(self, given: Any) -> dict[str, Any]:
        with self.portal.lock:
            self.portal.switches = self.limits.switches = self.portal.switches.turned(given)
            return self.portal.switches.told()

    def _kind(self, name: str) -> str:
        try:
            return kind_name(name)
        except ApiError as problem:
            raise Refused(problem.message) from problem

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
        try:
            rotates = self.portal.switches.rotating_refresh_token
            answer = self.tokens.grant(form, self.portal.now(), rotates=rotates)
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
        if len(request.url.path) + len(request.url.query) > _LONGEST_ADDRESS:
            return self._response(Answer(414), headers)
        try:
            with self._gate:  # a call counts when it comes, not when it is its turn
                is_oauth = self.tokens.check(request.headers.get("authorization"), portal.now())
                headers = self.limits.headers(address.rule, is_oauth=is_oauth)
                self.limits.spend(address.rule, self.clock.now())
                headers = self.limits.headers(address.rule, is_oauth=is_oauth)
            with portal.lock:
                missing = portal.switches.missing_scopes
                scopes.check(request.method, address.path, request.path_params, missing)
                call = Call(portal, request.path_params, request.query_params, body, address.version)
                return self._response(address.door(call), headers)
        except ApiError as problem:
            headers = headers | self.limits.patience() if problem.status == 429 else headers
            return self._response(Answer(problem.status, problem.body()), headers)

    def _response(self, answer: Answer, headers: Mapping[str, str]) -> Response:
        told = {"Date": format_datetime(self.clock.now(), usegmt=True), **headers}
        if answer.body is None:
            return Response(status_code=answer.status, headers=told)
        told["Content-Type"] = "application/json;charset=utf-8"
        return Response(json.dumps(answer.body), answer.status, told)


def _nowhere(_call: Call) -> Answer:
    raise ApiError("resource not found", status=404, category=None)
