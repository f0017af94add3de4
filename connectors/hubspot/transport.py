"""How HubSpot's answers, limits, addresses and sign-in are treated by the transport.

Not here: what is asked (``client``) or what answers about records mean (``read``, ``write``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import requests

from connectors.connection import Connection
from connectors.errors import Misconfigured, Unauthorised, Unavailable, wrong_address
from connectors.hubspot.refusals import body_of
from connectors.limits import Limit
from connectors.session import LONGEST_WAIT_SECONDS, CrmSession, Judgement, Rules

API_VERSION = "2026-03"  # v3/v4 paths end in 2027; 2026-09 answers batches without a 207

_DATED = (
    (re.compile(r"^/crm/v3/(objects|properties|pipelines|schemas)/"), rf"/crm/\1/{API_VERSION}/"),
    (re.compile(r"^/crm/v3/owners/?"), f"/crm/owners/{API_VERSION}/"),
    (re.compile(r"^/crm/v4/associations/"), f"/crm/associations/{API_VERSION}/"),
)
_REPEATABLE = (
    "/search",
    "/batch/read",
    "/batch/update",
    "/batch/upsert",
    "/batch/archive",
    "/batch/associate/default",
)
_OVERLOADED = frozenset({500, 502, 503, 504, 520, 521, 522, 523, 524})


def dated(url: str) -> str:
    """The SDK's v3/v4 address as its date-versioned successor; other addresses unchanged.

    >>> dated("https://x/crm/v3/objects/contacts/search")
    'https://x/crm/objects/2026-03/contacts/search'
    """
    parts = urlsplit(url)
    path = parts.path
    for pattern, successor in _DATED:
        path = pattern.sub(successor, path)
    return urlunsplit(parts._replace(path=path.rstrip("/")))


def judge(response: requests.Response) -> Judgement:
    """What HubSpot's answer means for the transport."""
    status = response.status_code
    if status == 401:
        return Judgement(sign_in=True)
    if status == 429:
        return _limited(response)
    if status == 423:
        return Judgement(again_after=2.0, limited=True)
    if status == 477:  # the account is being moved to another data centre
        return Judgement(again_after=_retry_after(response, 10.0), limited=True)
    if status in _OVERLOADED or (status in {200, 201, 207} and not _is_json(response)):
        return Judgement(again_after=1.0)
    return Judgement()


def recognises(response: requests.Response) -> bool:
    """Whether HubSpot's API may answer so: a JSON object, and an error in HubSpot's words.

    Nothing that is asked first can be missing in an account, so a 404 is another's.
    """
    if response.status_code < 400:
        return response.content.lstrip()[:1] == b"{"
    words = {"status", "category", "errorType", "policyName", "correlationId"}
    return response.status_code != 404 and not words.isdisjoint(body_of(response.content))


def _limited(response: requests.Response) -> Judgement:
    error = body_of(response.content)
    policy = f"{error.get('policyName', '')} {error.get('message', '')}".lower()
    if "daily" in policy:
        return Judgement(budget="the account's calls for today are used up")
    if "ten_secondly" in policy or "ten second" in policy:
        return Judgement(again_after=_retry_after(response, 10.0), limited=True)
    is_search = urlsplit(response.url or "").path.endswith("/search")
    wait = 1.0 if is_search or "secondly" in policy else 10.0
    return Judgement(again_after=_retry_after(response, wait), limited=True)


def _retry_after(response: requests.Response, otherwise: float) -> float:
    stated = response.headers.get("Retry-After", "")
    return min(float(stated), LONGEST_WAIT_SECONDS) if stated.isdigit() else otherwise


def _is_json(response: requests.Response) -> bool:
    """Whether a body can be whole JSON, without parsing it a second time."""
    body = response.content.strip()
    return body[:1] in {b"{", b"["} and body[-1:] in {b"}", b"]"}


def call_class(_method: str, path: str) -> str:
    """The name of the limit a call falls under. Association batches are exempt from the burst limit."""
    if path.endswith("/search"):
        return "search"
    return "associations" if "/associations/" in path else "rest"


def safe_to_repeat(method: str, path: str) -> bool:
    """Whether sending a call twice leaves what sending it once leaves (a property exists only once)."""
    return method == "GET" or path.endswith(_REPEATABLE) or "/properties/" in path


def rules() -> Rules:
    """Limits stay under 190 calls in 10 s and 19 in 1 s; search allows 5 in 1 s per account."""
    return Rules(
        judge=judge,
        recognises=recognises,
        call_class=call_class,
        safe_to_repeat=safe_to_repeat,
        limits={"rest": Limit(18, 1.0), "search": Limit(5, 1.1)},
        headers={"Accept": "application/json"},
        rewrite=dated,
    )


def sign_in_by(connection: Connection) -> Callable[[CrmSession], str]:
    """How this connection gets a token. Raises Misconfigured for an unknown kind or a missing part."""
    needed = {"token": ("token",), "oauth": ("client_id", "client_secret", "refresh_token")}
    if connection.auth_kind not in needed:
        raise Misconfigured(f"auth.kind must be one of {', '.join(needed)} for HubSpot")
    missing = [name for name in needed[connection.auth_kind] if name not in connection.credentials]
    if missing:
        raise Misconfigured(*(f"auth.{name} is missing" for name in missing))
    secrets = {name: secret.get_secret_value() for name, secret in connection.credentials.items()}
    if connection.auth_kind == "token":
        return lambda _session: secrets["token"]

    def refresh(session: CrmSession) -> str:
        form = {"grant_type": "refresh_token", **{name: secrets[name] for name in needed["oauth"]}}
        answer = session.request("POST", "/oauth/v3/token", data=form)
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unavailable(f"{connection.name}: sign-in is not possible now (HTTP {answer.status_code})")
        if answer.status_code != 200:
            raise Unauthorised(f"{connection.name}: HubSpot refuses the refresh token")
        token = body_of(answer.content).get("access_token")
        if not token:
            raise wrong_address(connection.name, connection.base_url, "a sign-in without a token")
        return str(token)

    return refresh
