"""The practice Salesforce's HTTP face: tokens, limits, headers, and the control doors of ``Face``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
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
from localcrm.salesforce.administration import Administration
from localcrm.salesforce.calls import Answer, Call
from localcrm.salesforce.editing import edit, kind_of
from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.loading import load_company
from localcrm.salesforce.metadata import MetadataApi
from localcrm.salesforce.named_answers import NAMED
from localcrm.salesforce.oauth import Tokens
from localcrm.salesforce.org import Org
from localcrm.salesforce.seeding import furnish
from localcrm.salesforce.service import Service
from localcrm.salesforce.shapes import record
from localcrm.salesforce.soap_login import SoapLogin
from localcrm.salesforce.switches import Switches

_METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD"]
_VERSIONED = re.compile(r"/services/data/v(\d\d)\.0(/.*)?$")
_LONGEST_ADDRESS = 16_384
_BASE = "/services/data/v59.0"
_OLDEST, _NEWEST = 31, 64


class SalesforceFace:
    """A strict Salesforce in memory; the keywords are the ``Switches`` it starts with.

    ``public_key`` (PEM) makes JWT signatures count; without it only the claims do.
    """

    named_answers = NAMED

    def __init__(self, clock: Clock, *, public_key: str | None = None, **switches: Any) -> None:
        self.clock = clock
        self._first = Switches(**switches)
        self._public_key = public_key
        self._renew()
        admin = self._administration = Administration(lambda: self.service, lambda: self.tokens)
        self.steerings = {
            "switches": Steering(admin.switches, admin.switch),
            "sessions": Steering(admin.sessions, forget=admin.end_sessions),
            "bulk_faults": Steering(admin.bulk_faults, admin.order_bulk_fault),
        }

    def _renew(self) -> None:
        self.org = Org(self.clock, self._first)
        furnish(self.org)
        self.tokens = Tokens(self.org, self._public_key)
        self.service = Service(self.org)
        self._login = SoapLogin(self.org, self.tokens)
        self._metadata = MetadataApi(self.org, self.tokens)

    def routes(self) -> Sequence[Route]:
        """Everything a client may call."""
        return [
            Route("/services/oauth2/token", self._token, methods=["POST"]),
            Route("/services/oauth2/userinfo", self._data, methods=["GET"]),
            Route("/services/Soap/m/{rest:path}", self._soap, methods=["POST"]),
            Route("/services/Soap/u/{version:float}", self._soap, methods=["POST"]),
            Route("/services/data", self._data, methods=_METHODS),
            Route("/services/data/{rest:path}", self._data, methods=_METHODS),
        ]

    def load(self, company: Company) -> None:
        """Start anew with this company's story; raises Refused for a value no field takes."""
        self._renew()
        with self.org.lock:
            try:
                load_company(self.org, company)
            except ApiError as problem:
                raise Refused(f"{problem.code}: {problem.message}") from problem
            for table in self.org.tables.values():
                table.settle()

    def records(self, name: str) -> list[dict[str, Any]]:
        """Every living record of an object, all fields; raises Refused for an unknown object.

        The names of rules (``ValidationRule`` ...) answer what is set up.
        """
        with self.org.lock:
            if self._administration.is_rule(name):
                return self._administration.rules(name)
            self.org.settle()
            kind = kind_of(self.org, name)
            return [
                record(kind.name, row, kind.fields, _BASE)
                for row in self.org.rows(kind.name)
                if not row.get("IsDeleted")
            ]

    def edit(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Change records as a person would, or the org as an admin would; raises Refused."""
        with self.org.lock:
            if self._administration.is_rule(name):
                return self._administration.make_rules(name, rows)
            self.org.settle()
            return edit(self.org, name, rows)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
        origin = f"http://{request.headers.get('host', 'localhost')}"
        with self.org.lock:
            status, body = self.tokens.grant(form, request.headers.get("authorization"), origin)
        return self._response(Answer(status, body))

    async def _soap(self, request: Request) -> Response:
        body = await request.body()
        with self.org.lock:
            self.org.settle()
            self.service.used += 1
            if "version" in request.path_params:
                origin = f"http://{request.headers.get('host', 'localhost')}"
                status, text = self._login.answer(body, str(request.path_params["version"]), origin)
            else:
                status, text = self._metadata.answer(body)
        return Response(text, status, {"Content-Type": "text/xml;charset=UTF-8"})

    async def _data(self, request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(self._answer, request, body)

    def _answer(self, request: Request, body: bytes) -> Response:
        with self.org.lock:
            self.org.settle()
            try:
                answer = self._checked(request, body)
            except ApiError as problem:
                answer = Answer(problem.status, problem.top_level())
        return self._response(answer)

    def _checked(self, request: Request, body: bytes) -> Answer:
        path = str(request.scope["path"]).rstrip("/")
        if path == "/services/data":
            return Answer(200, [_version(number) for number in range(_OLDEST, _NEWEST + 1)])
        if not self.tokens.accepts(request.headers.get("authorization")):
            raise self._session_ended(path)
        if path == "/services/oauth2/userinfo":
            return self._userinfo()
        if self.org.switches.limits:
            self._within_limits(request)
        found = _VERSIONED.match(path)
        if found is None or not _OLDEST <= int(found[1]) <= _NEWEST:
            raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
        self.service.used += 1
        base = f"/services/data/v{found[1]}.0"
        if not found[2]:
            return Answer(
                200, {name: f"{base}/{name}" for name in ("sobjects", "query", "limits", "composite")}
            )
        query = dict(request.query_params)
        return self.service.handle(Call(request.method, base, found[2], query, request.headers, body))

    def _session_ended(self, path: str) -> ApiError:
        if "/jobs/" in path and self.org.switches.bulk_expiry_as_400:
            return ApiError("InvalidSessionId", "Invalid session id", status=400)
        return ApiError("INVALID_SESSION_ID", "Session expired or invalid", status=401)

    def _within_limits(self, request: Request) -> None:
        if self.service.used >= self.org.switches.daily_limit:
            raise ApiError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
        length = len(request.scope["raw_path"]) + len(request.scope["query_string"])
        if length > _LONGEST_ADDRESS:
            raise ApiError("URI_TOO_LONG", "The length of the URI exceeds the 16,384 byte limit", status=414)
        headers = sum(len(name) + len(value) for name, value in request.scope["headers"])
        if length + headers > _LONGEST_ADDRESS:
            text = "The combined length of the URI and headers exceeds the 16,384 byte limit"
            raise ApiError("REQUEST_HEADER_FIELDS_TOO_LARGE", text, status=431)

    def _userinfo(self) -> Answer:
        user = self.org.tables["User"].rows[self.org.integration_user]
        organization = next(iter(self.org.rows("Organization")))["Id"]
        return Answer(200, {"user_id": user["Id"], "organization_id": organization, "name": user["Name"]})

    def _response(self, answer: Answer) -> Response:
        headers = {
            "Date": format_datetime(self.clock.now(), usegmt=True),
            "Sforce-Limit-Info": f"api-usage={self.service.used}/{self.org.switches.daily_limit}",
            **answer.headers,
        }
        if answer.body is None:
            return Response(status_code=answer.status, headers=headers)
        if isinstance(answer.body, bytes):
            headers["Content-Type"] = "application/octetstream"
            return Response(answer.body, answer.status, headers)
        if isinstance(answer.body, str):
            headers["Content-Type"] = "text/csv;charset=UTF-8"
            return Response(answer.body, answer.status, headers)
        headers["Content-Type"] = "application/json;charset=UTF-8"
        return Response(json.dumps(answer.body), answer.status, headers)


def _version(number: int) -> dict[str, str]:
    return {"label": f"v{number}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
