"""What HubSpot's error bodies say, cut down to codes and field names: never a value or a person.

Errors meet the program here once; past this line there is no ``ApiException``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from connectors.errors import Misconfigured, Unauthorised

_CODE = re.compile(r'\\?"(?:error|errorCode|code)\\?"\s*:\s*\\?"([A-Z][A-Z_]+)\\?"')
_FIELD = re.compile(r'\\?"(?:name|propertyName)\\?"\s*:\s*\\?"([a-z][a-z0-9_]*)\\?"')
_SCOPE = re.compile(r"[a-z0-9][a-z0-9._-]{1,80}")
_REMEDIES: Mapping[str, str] = {
    "PROPERTY_DOESNT_EXIST": "run `leadsla provision` or correct the mapping",
    "INVALID_OPTION": "add the option in HubSpot or correct the mapping",
    "READ_ONLY_VALUE": "HubSpot keeps this field itself: take it out of the mapping",
    "INVALID_OWNER_ID": "the owner is unknown or inactive: give the lead another owner",
    "OBJECT_NOT_FOUND": "the record was deleted or merged: nothing to do",
    "INVALID_LENGTH": "it is longer than HubSpot takes: shorten the fields it is made of",
    "CONFLICT": "somebody else changed it: it is looked at again in the next run",
    "MISSING_SCOPES": "give the access token the missing scope in HubSpot",
}


class Refused(Misconfigured):
    """HubSpot says no to a whole call (a 4xx that is about neither credentials nor load)."""

    def __init__(self, what: str, status: int, code: str) -> None:
        super().__init__(f"HubSpot refuses {what}: {code} (HTTP {status})")
        self.status = status
        self.code = code


class Denied(Unauthorised):
    """The token works but lacks the right for this call; ``scopes`` are those that HubSpot names."""

    def __init__(self, what: str, code: str, scopes: tuple[str, ...] = ()) -> None:
        needed = f"the scope {' or '.join(scopes)}" if scopes else "the missing scope"
        super().__init__(f"HubSpot denies {what}: {code}; give the access token {needed} in HubSpot")
        self.scopes = scopes


def body_of(raw: Any) -> Mapping[str, Any]:
    """The JSON object in an error body; empty when it is anything else."""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw or "")
    try:
        parsed = json.loads(text)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def code_of(error: Mapping[str, Any]) -> str:
    """The most telling code of an error, with the field it is about when HubSpot names one.

    >>> code_of({"category": "VALIDATION_ERROR",
    ...   "message": 'Property values were not valid: [{"error":"INVALID_EMAIL","name":"email"}]'})
    'INVALID_EMAIL on email'
    """
    text = json.dumps(error)
    found = _CODE.search(text)
    code = found.group(1) if found else str(error.get("category") or "NO_CODE")
    field = _FIELD.search(text)
    return f"{code} on {field.group(1)}" if field else code


def remedy_for(code: str) -> str:
    """What a person can do about a code; a plain fallback when it is not known."""
    return _REMEDIES.get(
        code.split(" on ", maxsplit=1)[0], "correct the record in HubSpot; it is tried again when it changes"
    )


def message_for(code: str) -> str:
    return f"{code}: {remedy_for(code)}"


def refusal(what: str, status: int, raw: Any) -> Exception:
    """The error of ours that an HTTP status with its body means."""
    body = body_of(raw)
    code = code_of(body)
    if status == 403:
        return Denied(what, code, _scopes_in(body))
    return Refused(what, status, code)


def _scopes_in(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The scopes of which one is missing, as HubSpot names them beside the refusal."""
    found: list[str] = []
    for told in (body, *(one for one in body.get("errors") or () if isinstance(one, dict))):
        context = told.get("context")
        named = context.get("requiredGranularScopes") if isinstance(context, dict) else None
        found += [one for one in named or () if isinstance(one, str) and _SCOPE.fullmatch(one)]
    return tuple(dict.fromkeys(found))
