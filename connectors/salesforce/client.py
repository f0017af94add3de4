"""The SDK over our transport, and several reads in one call.

``Sforce-Auto-Assign: FALSE`` goes with every call: without it, writing any field of a lead runs the
org's assignment rules and may change its owner.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError

from connectors.connection import Connection
from connectors.errors import BudgetSpent, CrmError, Unavailable
from connectors.line import Line
from connectors.salesforce.refusals import Denied, RefusedCall, UnknownName, refusal, refused
from connectors.salesforce.sign_in import Identity, SignIn
from connectors.salesforce.transport import READS, rules
from connectors.session import CrmSession

__all__ = ["API_VERSION", "ROOT", "Ask", "Client", "Denied", "RefusedCall", "UnknownName"]

API_VERSION = "59.0"
ROOT = f"/services/data/v{API_VERSION}"
_IDS_PER_CALL = 2000
_LONGEST_IN_ADDRESS = 4000  # 16,384 bytes of address and headers are the limit, after encoding


@dataclass(frozen=True, slots=True)
class Ask:
    """One part of a composite of reads: a path below ``/services/data/vXX.X/``, parameters included."""

    path: str

    @classmethod
    def query(cls, soql: str, *, deleted: bool = False) -> Ask:
        """A query; if asked with those in the recycle bin."""
        return cls(f"{'queryAll' if deleted else 'query'}?q={quote(soql)}")

    @property
    def is_query(self) -> bool:
        return self.path.startswith("query")


class Client:
    """One thread's way to one org. Raises the errors of ``connectors.errors``."""

    def __init__(
        self, connection: Connection, line: Line | None = None, signing: SignIn | None = None
    ) -> None:
        self.name = connection.name
        self._connection = connection
        self._signing = signing or SignIn(connection)
        self.line = line or self._new_line()
        self.session = CrmSession(self.line)
        self.sdk = Salesforce(
            session_id="held by the transport",
            instance_url=connection.base_url,
            version=API_VERSION,
            session=self.session,
        )

    def _new_line(self) -> Line:
        connection, signing = self._connection, self._signing
        return Line(
            connection.name,
            connection.base_url,
            rules(),
            signing,
            attempts=connection.attempts,
            sleep=connection.sleep,
            patience=connection.patience,
        )

    def beside(self) -> Client:
        """Another thread's way over the same line: one token, one count, one clock."""
        return Client(self._connection, self.line, self._signing)

    def server_now(self) -> datetime:
        """Salesforce's clock (aware UTC). Signing in tells it; a given session costs a call for it."""
        heard = self.line.server_now()
        if heard is None and not self._signing.is_silent:
            self.session._token()  # noqa: SLF001 - what the first call does anyway, before a bound is chosen
            heard = self.line.server_now()
        if heard is None:
            self.ask([Ask("limits")])
            heard = self.line.server_now()
        return heard or datetime.now(UTC)

    def identity(self) -> Identity:
        """Who we are signed in as, without a call of its own; empty where signing in did not tell."""
        if not self._signing.identity.org_id:
            self.session._token()  # noqa: SLF001 - what the first call does anyway
        return self._signing.identity

    def query(self, soql: str, *, deleted: bool = False) -> dict[str, Any]:
        """The first page of a query, up to 2,000 records; if asked with those in the recycle bin."""
        if len(soql) > _LONGEST_IN_ADDRESS:
            found = self.ask_one(Ask.query(soql, deleted=deleted))
        else:
            found = self._call(lambda: self.sdk.query(soql, include_deleted=deleted))
        return self.with_rows(found)

    def with_rows(self, page: Mapping[str, Any]) -> dict[str, Any]:
        """This page, or if it is empty though there are more the next one that is not."""
        while not page["records"] and not page["done"]:
            page = self.rest("GET", page["nextRecordsUrl"].removeprefix(f"{ROOT}/"))
        return dict(page)

    def query_all(self, soql: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """Every record of a query; for small results only."""
        return self.all_of(self.query(soql, deleted=deleted), soql, deleted=deleted)

    def all_of(self, first: Mapping[str, Any], soql: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """Every record of a query whose first page is known; again from the start if its place is lost."""
        try:
            return self._following(first)
        except RefusedCall as error:
            if error.code != "INVALID_QUERY_LOCATOR":
                raise
            return self._following(self.query(soql, deleted=deleted))

    def _following(self, page: Mapping[str, Any]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = list(page["records"])
        while not page["done"]:
            page = self.rest("GET", page["nextRecordsUrl"].removeprefix(f"{ROOT}/"))
            rows += page["records"]
        return rows

    def ask(self, asks: Sequence[Ask]) -> list[Any]:
        """Several reads in one call: the body of each, or the error it was refused with, in their order.

        At most 25, of which five may be queries. Raises what concerns the whole call or the whole org.
        """
        parts = [
            {"method": "GET", "url": f"{ROOT}/{one.path}", "referenceId": f"r{number}"}
            for number, one in enumerate(asks)
        ]
        answer = self.rest("POST", READS, {"compositeRequest": parts})
        told = answer.get("compositeResponse") if isinstance(answer, Mapping) else None
        if not isinstance(told, list):
            raise Unavailable(f"{self.name}: Salesforce's answer is no composite one")
        # collated parts come in no promised order
        found = {str(one.get("referenceId")): one for one in told}
        if found.keys() != {one["referenceId"] for one in parts}:
            raise Unavailable(f"{self.name}: Salesforce left out a part of its answer")
        return [self._part(found[one["referenceId"]]) for one in parts]

    def ask_one(self, ask: Ask) -> Any:
        """One read whose address would be too long for an ordinary call. Raises what it is refused with."""
        (body,) = self.ask([ask])
        if isinstance(body, CrmError):
            raise body
        return body

    def _part(self, part: Mapping[str, Any]) -> Any:
        status, body = int(part["httpStatusCode"]), part.get("body")
        if status < 400:
            return body
        error = refusal(self.name, status, body)
        if isinstance(error, BudgetSpent | Unavailable):
            raise error
        return error

    def retrieve(self, name: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Records by id, 2,000 a call, by POST: long id lists do not fit into an address."""
        for start in range(0, len(ids), _IDS_PER_CALL):
            part = list(ids[start : start + _IDS_PER_CALL])
            body = {"ids": part, "fields": list(dict.fromkeys(fields))}
            yield from (row for row in self.rest("POST", f"composite/sobjects/{name}", body) if row)

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        """A call below ``/services/data/vXX.X/``, through the SDK."""
        options = {} if body is None else {"json": body}
        return self._call(lambda: self.sdk.restful(path, method=method, **options))

    def blob(self, path: str) -> bytes | None:
        """The bytes of a file or note below ``/services/data/vXX.X/``; None if they are not shown to us."""
        answer = self.session.request("GET", f"{self.line.base_url}{ROOT}/{path}")
        return answer.content if answer.status_code == 200 else None

    def describe(self, name: str) -> dict[str, Any] | None:
        """An object's describe; None if the org or our rights do not show it."""
        try:
            found: dict[str, Any] = self.rest("GET", f"sobjects/{quote(name)}/describe")
        except RefusedCall as error:
            if error.status == 404:
                return None
            raise
        return found

    def describe_all(self, names: Sequence[str]) -> dict[str, dict[str, Any] | None]:
        """The describe of each object, 25 in a call; None for what the org or our rights do not show."""
        found: dict[str, dict[str, Any] | None] = {}
        for start in range(0, len(names), 25):
            part = names[start : start + 25]
            bodies = self.ask([Ask(f"sobjects/{quote(name)}/describe") for name in part])
            for name, body in zip(part, bodies, strict=True):
                is_hidden = isinstance(body, Denied | UnknownName) or getattr(body, "status", 0) == 404
                if isinstance(body, CrmError) and not is_hidden:
                    raise body
                found[name] = None if is_hidden else body
        return found

    def _call(self, call: Any) -> Any:
        try:
            return call()
        except SalesforceError as error:
            raise refused(self.name, error) from None
        except requests.exceptions.JSONDecodeError:
            raise Unavailable(f"{self.name}: Salesforce answered with a page that is no JSON") from None

    def close(self) -> None:
        self.session.close()
