"""How HubSpot's answers, limits, addresses and sign-in are treated by the transport.

Not here: what is asked (``client``) or what answers about records mean (``read``, ``write``).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import requests

from connectors.connection import API_VERSION, ApiVersion
from connectors.hubspot.refusals import body_of
from connectors.limits import Limit
from connectors.line import Judgement, Rules, seconds_asked

# What the SDK knows (v3, v4), and where its date-versioned successors have the date. v3 and v4 end in 2027.
_DATED = (
    (re.compile(r"^/crm/v3/(objects|properties|pipelines|schemas)/"), r"/crm/\1/{}/"),
    (re.compile(r"^/crm/v3/owners/?"), "/crm/owners/{}/"),
    (re.compile(r"^/crm/v4/associations/"), "/crm/associations/{}/"),
)
_REPEATABLE = (
    "/search",
    "/batch/read",
    "/batch/update",
    "/batch/upsert",
    "/batch/archive",
    "/batch/associate/default",
)
_NOTHING_DONE = {423: 2.0, 477: 10.0}  # locked; the account is moving to another data centre: seconds to wait
_BEFORE_JSON = b" \t\r\n\xef\xbb\xbf"  # blanks and the byte order mark of UTF-8
_OVERLOADED = frozenset({500, 502, 503, 504, 520, 521, 522, 523, 524})


def dated(url: str, version: ApiVersion = API_VERSION) -> str:
    """The SDK's v3/v4 address as its date-versioned successor; other addresses unchanged, and all under "v3".

    >>> dated("https://x/crm/v3/objects/contacts/search")
    'https://x/crm/objects/2026-03/contacts/search'
    """
    parts = urlsplit(url)
    path = parts.path
    if version != "v3":
        for pattern, successor in _DATED:
            path = pattern.sub(successor.format(version), path)
    return urlunsplit(parts._replace(path=path.rstrip("/")))


def judge(response: requests.Response) -> Judgement:
    """What HubSpot's answer means for the transport."""
    status = response.status_code
    if status == 401:
        return Judgement(sign_in=True)
    if status == 429:
        return _limited(response)
    if status in _NOTHING_DONE:
        return Judgement(again_after=_retry_after(response, _NOTHING_DONE[status]), limited=True)
    if status in _OVERLOADED:
        return Judgement(again_after=_retry_after(response, 0.0))
    if status in {200, 201, 207} and not _is_json(response):
        return Judgement(again_after=0.0, why=_strange(response))
    return Judgement()


def recognises(response: requests.Response) -> bool:
    """Whether HubSpot's API may answer so: a JSON object, and an error in HubSpot's words.

    Nothing that is asked first can be missing in an account, so a 404 is another's.
    """
    if response.status_code < 400:
        return response.content.lstrip(_BEFORE_JSON)[:1] == b"{"
    words = {"status", "category", "errorType", "policyName", "correlationId"}
    if urlsplit(response.url or "").path.startswith("/oauth/"):
        words.add("error")  # as OAuth has it
    return response.status_code != 404 and not words.isdisjoint(body_of(response.content))


def _limited(response: requests.Response) -> Judgement:
    error = body_of(response.content)
    policy = f"{error.get('policyName', '')} {error.get('message', '')}".lower()
    if "daily" in policy:
        return Judgement(
            budget=f"the account's calls for today are used up; HubSpot renews them {_renewal(response)}"
        )
    if "ten_secondly" in policy or "ten second" in policy:
        return Judgement(again_after=_retry_after(response, 10.0), limited=True)
    is_search = urlsplit(response.url or "").path.endswith("/search")
    wait = 1.0 if is_search or "secondly" in policy else 10.0
    return Judgement(again_after=_retry_after(response, wait), limited=True)


def _retry_after(response: requests.Response, otherwise: float) -> float:
    asked = seconds_asked(response)
    return otherwise if asked is None else asked


def _renewal(response: requests.Response) -> str:
    """When the day's calls come back: as HubSpot says with this answer, else as it says in its handbook."""
    asked = seconds_asked(response)
    if asked is None:
        return "at midnight in the account's time zone"
    return f"on {datetime.now(UTC) + timedelta(seconds=asked):%Y-%m-%d at %H:%M} UTC"


def _strange(response: requests.Response) -> str:
    """A successful answer that HubSpot cannot have given like this."""
    host = urlsplit(response.url or "").netloc
    body = response.content.strip()
    if not body:
        return f"{host} answered with nothing"
    if body[:1] == b"<":
        return f"{host} answered with a web page, as a proxy or a sign-in page does"
    return f"{host} answered with half an answer"


def _is_json(response: requests.Response) -> bool:
    """Whether a body can be whole JSON, without parsing it a second time."""
    body = response.content.lstrip(_BEFORE_JSON).rstrip()
    return body[:1] in {b"{", b"["} and body[-1:] in {b"}", b"]"}


def call_class(_method: str, path: str) -> str:
    """The name of the limit a call falls under. Association batches are exempt from the burst limit."""
    if path.endswith("/search"):
        return "search"
    return "associations" if "/associations/" in path else "rest"


def safe_to_repeat(method: str, path: str) -> bool:
    """Whether sending a call twice leaves what sending it once leaves (a property exists only once)."""
    return method == "GET" or path.endswith(_REPEATABLE) or "/properties/" in path


def rules(version: ApiVersion = API_VERSION) -> Rules:
    """Limits stay under 190 calls in 10 s and 19 in 1 s; search allows 5 in 1 s per account."""
    return Rules(
        judge=judge,
        recognises=recognises,
        call_class=call_class,
        safe_to_repeat=safe_to_repeat,
        limits={"rest": Limit(18, 1.0), "search": Limit(5, 1.1)},
        headers={"Accept": "application/json"},
        rewrite=partial(dated, version=version),
    )
