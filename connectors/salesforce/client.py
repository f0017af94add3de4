"""Sign-in, the SDK over our transport, and what Salesforce's answers mean.

``Sforce-Auto-Assign: FALSE`` goes with every call: without it, writing any field of a lead runs the
org's assignment rules and may change its owner.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote, urlsplit

import jwt
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError

from connectors.connection import Connection
from connectors.errors import CrmError, Misconfigured, Unauthorised, Unavailable, wrong_address
from connectors.line import Judgement, Line, Rules, Token
from connectors.session import CrmSession

API_VERSION = "59.0"
ROOT = f"/services/data/v{API_VERSION}"
_HEADERS = {
    "Sforce-Auto-Assign": "FALSE",
    "Sforce-Call-Options": "client=leadsla",
    "Sforce-Query-Options": "batchSize=2000",
    "Accept": "application/json",
}
_BUSY_SECONDS = 2.0
_OVERLOADED = frozenset({420, 500, 502, 503, 504})


class Client:
    """One thread's way to one org. Raises the errors of ``connectors.errors``."""

    def __init__(self, connection: Connection) -> None:
        self.name = connection.name
        rules = Rules(judge, call_class, safe_to_repeat, recognises, headers=_HEADERS)
        self.line = Line(
            connection.name,
            connection.base_url,
            rules,
            lambda session: Token(sign_in(connection, session)),
            attempts=connection.attempts,
            sleep=connection.sleep,
            patience=connection.patience,
        )
        self.session = CrmSession(self.line)
        self.sdk = Salesforce(
            session_id="held by the transport",
            instance_url=connection.base_url,
            version=API_VERSION,
            session=self.session,
        )

    def query(self, soql: str, *, deleted: bool = False) -> dict[str, Any]:
        """The first page of a query, up to 2,000 records; if asked with those in the recycle bin."""
        answer: dict[str, Any] = self._call(lambda: self.sdk.query(soql, include_deleted=deleted))
        return answer

    def query_all(self, soql: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """Every record of a query; for small results only."""
        page = self.query(soql, deleted=deleted)
        rows: list[dict[str, Any]] = list(page["records"])
        while not page["done"]:
            page = self.rest("GET", page["nextRecordsUrl"].removeprefix(f"{ROOT}/"))
            rows += page["records"]
        return rows

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

    def _call(self, call: Any) -> Any:
        try:
            return call()
        except SalesforceError as error:
            raise refused(self.name, error) from None
        except requests.exceptions.JSONDecodeError:
            raise Unavailable(f"{self.name}: Salesforce answered with a page that is no JSON") from None

    def close(self) -> None:
        self.session.close()


class RefusedCall(CrmError):
    """Salesforce refused a whole call; ``code`` is its error code."""

    def __init__(self, message: str, status: int, code: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class UnknownName(Misconfigured):
    """Salesforce has no such object or field, or does not show it to our user."""


class Denied(Unauthorised):
    """We are signed in, but our user lacks the right for this call."""


def refused(name: str, error: SalesforceError) -> CrmError:
    """An SDK error without URL, query or values: status and code only."""
    content = error.content
    first = content[0] if isinstance(content, list) and content else content
    code = str(first.get("errorCode", "")) if isinstance(first, dict) else ""
    status = int(error.status or 0)
    if status == 403:
        return Denied(f"{name}: Salesforce denies a right ({code or 'HTTP 403'})")
    if code in {"MALFORMED_QUERY", "INVALID_FIELD", "INVALID_TYPE"}:
        return UnknownName(
            f"{name}: Salesforce does not know a mapped field or object ({code}); run `leadsla check`"
        )
    return RefusedCall(f"{name}: Salesforce refused a call (HTTP {status} {code})", status, code)


def judge(response: requests.Response) -> Judgement:
    """What an answer means for the transport."""
    if response.status_code == 401:
        return Judgement(sign_in=True)
    if response.status_code == 403 and "REQUEST_LIMIT_EXCEEDED" in response.text:
        return Judgement(budget="the org's daily API calls are used up; they come back within 24 hours")
    if response.status_code in _OVERLOADED:
        return Judgement(again_after=_BUSY_SECONDS)
    is_page = "html" in response.headers.get("Content-Type", "") and not _is_note(response)
    if response.status_code == 200 and is_page:
        return Judgement(again_after=_BUSY_SECONDS)
    return Judgement()


def _is_note(response: requests.Response) -> bool:
    """A note's content is HTML and may be sent as such."""
    return urlsplit(response.url or "").path.endswith("/Content")


def recognises(response: requests.Response) -> bool:
    """Whether Salesforce may answer so: JSON; a refusal is a list of error codes, or an OAuth error."""
    try:
        body = response.json()
    except ValueError:
        return False
    if response.status_code < 400:
        return True
    if isinstance(body, list):
        return any(isinstance(one, dict) and "errorCode" in one for one in body)
    return isinstance(body, dict) and "error" in body and response.status_code != 404


def call_class(method: str, path: str) -> str:
    if path.startswith("/services/oauth2"):
        return "sign-in"
    return "read" if method == "GET" else "write"


def safe_to_repeat(method: str, path: str) -> bool:
    """Reads and updates by id may be sent again; creates may not (POST to an object only retrieves)."""
    is_retrieving = path.rpartition("/")[0].endswith("/composite/sobjects")
    return method in {"GET", "PATCH", "DELETE"} or path.startswith("/services/oauth2") or is_retrieving


def sign_in(connection: Connection, session: CrmSession) -> str:
    """A fresh access token by the configured way. Raises Unauthorised, Misconfigured with what to do."""
    secrets = {name: secret.get_secret_value() for name, secret in connection.credentials.items()}
    try:
        match connection.auth_kind:
            case "client_credentials":
                form = {
                    "grant_type": "client_credentials",
                    "client_id": secrets["client_id"],
                    "client_secret": secrets["client_secret"],
                }
            case "jwt":
                form = {
                    "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                    "assertion": _assertion(connection, secrets),
                }
            case "session":
                return secrets["session"]
            case other:
                raise Misconfigured(
                    f'connections.{connection.name}.auth: kind "{other}" is not known;'
                    " use client_credentials, jwt or session"
                )
    except KeyError as missing:
        raise Misconfigured(f"connections.{connection.name}.auth: {missing} is missing") from None
    answer = session.request("POST", f"{connection.base_url}/services/oauth2/token", data=form)
    if answer.status_code >= 500:
        raise Unavailable(f"{connection.name}: signing in failed (HTTP {answer.status_code})")
    if answer.status_code != 200:
        why = _answered(answer).get("error") or f"HTTP {answer.status_code}"
        raise Unauthorised(
            f"{connection.name}: Salesforce refuses the credentials ({why});"
            " renew client id and secret of the External Client App"
        )
    token = _answered(answer).get("access_token")
    if not token:
        raise wrong_address(connection.name, connection.base_url, "a sign-in without a token")
    return str(token)


def _answered(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _assertion(connection: Connection, secrets: dict[str, str]) -> str:
    claims = {
        "iss": secrets["client_id"],
        "sub": secrets["username"],
        "aud": connection.base_url,
        "exp": int(time.time()) + 180,
    }
    try:
        return jwt.encode(claims, secrets["private_key"], algorithm="RS256")
    except (ValueError, jwt.InvalidKeyError):
        raise Unauthorised(
            f"{connection.name}: the private key is no RSA key in PEM form; name the file that belongs to"
            " the certificate of the External Client App"
        ) from None
