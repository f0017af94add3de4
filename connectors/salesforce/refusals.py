"""What Salesforce's refusals of whole calls mean: status and code, never a value."""

from __future__ import annotations

import re
from typing import Any

from simple_salesforce.exceptions import SalesforceError

from connectors.errors import BudgetSpent, CrmError, Misconfigured, Unauthorised, Unavailable

OVERLOADED = frozenset({420, 500, 502, 503, 504})
BUDGET = "REQUEST_LIMIT_EXCEEDED"
NO_CALLS_LEFT = "the org's daily API calls are used up; they come back within 24 hours"
_FIELD = re.compile(r"No such column '(\w+)' on (?:entity|sobject of type) '?(\w+)")
_OBJECT = re.compile(r"sObject type '(\w+)' is not supported()")


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
    return refusal(name, int(error.status or 0), error.content)


def refusal(name: str, status: int, body: Any) -> CrmError:
    """What an answer of this status and body means, in words without values."""
    first = body[0] if isinstance(body, list) and body else body
    code = str(first.get("errorCode", "")) if isinstance(first, dict) else ""
    told = str(first.get("message", "")) if isinstance(first, dict) else ""
    if code == BUDGET:
        return BudgetSpent(f"{name}: {NO_CALLS_LEFT}")
    if status in OVERLOADED and code != "QUERY_TIMEOUT":
        return Unavailable(f"{name}: HTTP {status} {code}".rstrip())
    if status == 403:
        return Denied(f"{name}: Salesforce denies a right ({code or 'HTTP 403'})")
    if code in {"MALFORMED_QUERY", "INVALID_FIELD", "INVALID_TYPE"}:
        what = _named(told)
        return UnknownName(
            f"{name}: Salesforce does not know a mapped field or object ({what or code}); run `leadsla check`"
        )
    return RefusedCall(f"{name}: Salesforce refused a call (HTTP {status} {code})", status, code)


def _named(told: str) -> str:
    """The field or object that a refusal names: a name of the schema, never a value."""
    found = _FIELD.search(told) or _OBJECT.search(told)
    return ".".join(one for one in reversed(found.groups()) if one) if found else ""
