"""What the transport must know of Salesforce: which calls may be repeated, and what an answer asks for."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests

from connectors.line import Judgement, Rules, seconds_asked
from connectors.salesforce.refusals import BUDGET, NO_CALLS_LEFT, OVERLOADED

READS = "composite/"
"""Where composites go that only read. A composite that writes goes to the same place without the slash,
so that the transport can tell which of the two it may send again."""
_HEADERS = {
    "Sforce-Auto-Assign": "FALSE",
    "Sforce-Duplicate-Rule-Header": "allowSave=true",  # an alert is for people; a rule that blocks still does
    "Sforce-Call-Options": "client=leadsla",
    "Sforce-Query-Options": "batchSize=2000",
    "Accept": "application/json",
}
_BUSY_SECONDS = 2.0
_SOAP = "/services/Soap/u/"
_SIGN_IN = ("/services/oauth2", _SOAP)


def rules() -> Rules:
    """How one org is spoken to."""
    return Rules(judge, call_class, safe_to_repeat, recognises, headers=_HEADERS)


def judge(response: requests.Response) -> Judgement:
    """What an answer means for the transport."""
    if response.status_code == 401 or _is_ended_bulk(response):
        return Judgement(sign_in=True)
    if response.status_code == 403 and BUDGET in response.text:
        if "Concurrent" in response.text:  # too many long calls at the same time; nothing was done
            return Judgement(again_after=_BUSY_SECONDS, limited=True)
        return Judgement(budget=NO_CALLS_LEFT)
    if response.status_code in OVERLOADED:
        return Judgement(again_after=max(_BUSY_SECONDS, seconds_asked(response) or 0.0))
    is_page = "html" in response.headers.get("Content-Type", "") and not _is_note(response)
    if response.status_code == 200 and is_page:
        return Judgement(again_after=_BUSY_SECONDS)
    return Judgement()


def _is_ended_bulk(response: requests.Response) -> bool:
    """The Bulk API says in its own way that a session has ended."""
    return response.status_code == 400 and "InvalidSessionId" in response.text


def _is_note(response: requests.Response) -> bool:
    """A note's content is HTML and may be sent as such."""
    return urlsplit(response.url or "").path.endswith("/Content")


def recognises(response: requests.Response) -> bool:
    """Whether Salesforce may answer so: JSON; a refusal is a list of error codes, or an OAuth error.

    The legacy way of signing in is answered in SOAP.
    """
    if urlsplit(response.url or "").path.startswith(_SOAP):
        return b"schemas.xmlsoap.org/soap/envelope" in response.content
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
    if path.startswith(_SIGN_IN):
        return "sign-in"
    return "read" if method == "GET" or _is_reading(path) else "write"


def safe_to_repeat(method: str, path: str) -> bool:
    """Reads and updates by id may be sent again; creates may not."""
    return method in {"GET", "PATCH", "DELETE"} or path.startswith(_SIGN_IN) or _is_reading(path)


def _is_reading(path: str) -> bool:
    """A POST that only reads: a composite of reads, records by id, a query for the Bulk API."""
    retrieves = path.rpartition("/")[0].endswith("/composite/sobjects")
    return retrieves or path.endswith((f"/{READS}", "/jobs/query"))
