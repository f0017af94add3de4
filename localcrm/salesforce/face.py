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
from localcrm.face import Refused
from localcrm.salesforce.calls import Answer, Call
from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.ids import normal_id
from localcrm.salesforce.loading import load_company
from localcrm.salesforce.oauth import Tokens
from localcrm.salesforce.org import Org, Switches
from localcrm.salesforce.rules import Actor
from localcrm.salesforce.seeding import furnish
from localcrm.salesforce.service import Service
from localcrm.salesforce.shapes import record, shown_value
from localcrm.salesforce.writing import create, delete, update

_METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD"]
_VERSIONED = re.compile(r"/services/data/v(\d\d)\.0(/.*)?$")
_LONGEST_ADDRESS = 16_384
_BASE = "/services/data/v59.0"
_OLDEST, _NEWEST = 31, 64


class SalesforceFace:
    """A strict Salesforce in memory. ``page_size`` caps query pages; ``limits`` turns the daily limit on.

    ``public_key`` (PEM) makes JWT signatures count; without it only the claims do.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        limits: bool = True,
        page_size: int = 2000,
        daily_limit: int = 100_000,
        owner_history_twice: bool = True,
        task_external_id: bool = False,
        notes: bool = True,
        public_key: str | None = None,
    ) -> None:
        self.clock = clock
        self._switches = Switches(
            page_size, daily_limit, limits, owner_history_twice, task_external_id, notes
        )
        self._public_key = public_key
        self._renew()

    def _renew(self) -> None:
        self.org = Org(self.clock, self._switches)
        furnish(self.org)
        self.tokens = Tokens(self.org, self._public_key)
        self.service = Service(self.org)

    def routes(self) -> Sequence[Route]:
        """Everything a client may call."""
        return [
            Route("/services/oauth2/token", self._token, methods=["POST"]),
            Route("/services/oauth2/userinfo", self._data, methods=["GET"]),
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
        """Every living record of an object, all fields; raises Refused for an unknown object."""
        with self.org.lock:
            kind = self._kind(name)
            return [
                record(kind.name, row, kind.fields, _BASE)
                for row in self.org.rows(kind.name)
                if not row.get("IsDeleted")
            ]

    def edit(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Change records as a person would; answers the rows as they stand; raises Refused."""
        with self.org.lock:
            kind, found = self._kind(name), []
            for given in rows:
                values = dict(given)
                actor = Actor(self._person(values.pop("_by", None)), person=True, auto_assign=False)
                record_id = values.pop("Id", None) or values.pop("id", None)
                try:
                    if values.pop("delete", False):
                        delete(self.org, kind, str(record_id), actor)
                    elif record_id:
                        update(self.org, kind, str(record_id), values, actor)
                    else:
                        record_id = create(self.org, kind, values, actor)
                    row = self.org.tables[kind.name].rows.get(normal_id(str(record_id)) or "")
                    row = row or {"Id": record_id}
                except ApiError as problem:
                    raise Refused(f"{problem.code}: {problem.message}") from problem
                found.append({field: shown_value(row, field) for field in kind.fields})
            return found

    def _kind(self, name: str) -> Any:
        try:
            return self.org.kind(name)
        except ApiError as problem:
            raise Refused(f"no object {name}") from problem

    def _person(self, wanted: Any) -> str:
        for row in self.org.rows("User"):
            named = wanted in (row["Id"], row["Id"][:15], row["Name"], row.get("Email"), row.get("_key"))
            if named if wanted else row["Id"] != self.org.integration_user and not row.get("_automation"):
                return str(row["Id"])
        if wanted:
            raise Refused(f"no user {wanted}")
        return self.org.integration_user

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
        origin = f"http://{request.headers.get('host', 'localhost')}"
        with self.org.lock:
            status, body = self.tokens.grant(form, request.headers.get("authorization"), origin)
        return self._response(Answer(status, body))

    async def _data(self, request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(self._answer, request, body)

    def _answer(self, request: Request, body: bytes) -> Response:
        with self.org.lock:
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
            raise ApiError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        if path == "/services/oauth2/userinfo":
            return self._userinfo()
        if self._switches.limits:
            if self.service.used >= self._switches.daily_limit:
                raise ApiError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
            if len(str(request.url.query)) + len(path) > _LONGEST_ADDRESS:
                raise ApiError(
                    "URI_TOO_LONG", "The length of the URI exceeds the 16,384 byte limit", status=414
                )
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

    def _userinfo(self) -> Answer:
        user = self.org.tables["User"].rows[self.org.integration_user]
        organization = next(iter(self.org.rows("Organization")))["Id"]
        return Answer(200, {"user_id": user["Id"], "organization_id": organization, "name": user["Name"]})

    def _response(self, answer: Answer) -> Response:
        headers = {
            "Date": format_datetime(self.clock.now(), usegmt=True),
            "Sforce-Limit-Info": f"api-usage={self.service.used}/{self._switches.daily_limit}",
            **answer.headers,
        }
        if answer.body is None:
            return Response(status_code=answer.status, headers=headers)
        if isinstance(answer.body, bytes):
            headers["Content-Type"] = "application/octetstream"
            return Response(answer.body, answer.status, headers)
        headers["Content-Type"] = "application/json;charset=UTF-8"
        return Response(json.dumps(answer.body), answer.status, headers)


def _version(number: int) -> dict[str, str]:
    return {"label": f"v{number}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
