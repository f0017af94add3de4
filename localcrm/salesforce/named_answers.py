"""Refusals as Salesforce words them, to order by name as faults: ``{"do": "answer", "name": "daily"}``.

Codes and statuses follow the REST guide; texts are those told by people who met them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HTML = {"Content-Type": "text/html; charset=UTF-8"}


def _error(status: int, code: str, message: str) -> dict[str, Any]:
    return {"status": status, "body": [{"message": message, "errorCode": code}]}


NAMED: Mapping[str, Mapping[str, Any]] = {
    "expired": _error(401, "INVALID_SESSION_ID", "Session expired or invalid"),
    "daily": _error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    "concurrent": _error(
        403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    ),
    "locked": _error(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
    "query_timeout": _error(400, "QUERY_TIMEOUT", "Your query request was running for too long."),
    "cursor_gone": _error(400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
    # the edge in front of an instance answers in its own words
    "edge": {"status": 420, "body": "Routing error"},
    "bad_gateway": {"status": 502, "body": "<html><body>Bad Gateway</body></html>", "headers": _HTML},
    "broken": _error(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred."),
    "unavailable": _error(503, "SERVER_UNAVAILABLE", "Server too busy"),
    "maintenance": {
        "status": 503,
        "body": "<html><body>Down for maintenance</body></html>",
        "headers": _HTML,
    },
}
