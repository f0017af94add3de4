"""Refusals as HubSpot words them, to order by name as faults: ``{"do": "answer", "name": "daily"}``.

Status, headers and body follow HubSpot's documentation, or an answer recorded from a real portal where said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CORRELATION = "aeb5f871-7f07-4993-9211-075dc63e7cbf"
_PAGE = {"Content-Type": "text/html; charset=UTF-8"}


def _error(message: str, **more: Any) -> dict[str, Any]:
    return {"status": "error", "message": message, "correlationId": _CORRELATION, **more}


def _limit(message: str, policy: str) -> dict[str, Any]:
    return _error(message, errorType="RATE_LIMIT", policyName=policy, requestId=_CORRELATION)


def _page(title: str) -> str:
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"


NAMED: Mapping[str, Mapping[str, Any]] = {
    "expired": {
        "status": 401,
        "body": _error("The OAuth token used to make this call expired.", category="EXPIRED_AUTHENTICATION"),
    },
    "too_long": {"status": 414, "body": _page("414 Request-URI Too Large"), "headers": _PAGE},
    # the documentation: locked records; wait at least two seconds before trying again
    "locked": {"status": 423, "body": _error("This object is currently locked.", category="LOCKED")},
    "burst": {
        "status": 429,
        "body": _limit("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING"),
    },
    # recorded 2021 and 2022: neither policyName nor Retry-After
    "secondly": {
        "status": 429,
        "body": _error("You have reached your secondly limit.", category="RATE_LIMITS"),
    },
    "secondly_policy": {"status": 429, "body": _limit("You have reached your secondly limit.", "SECONDLY")},
    "daily": {"status": 429, "body": _limit("You have reached your daily limit.", "DAILY")},
    # the edge in front of HubSpot refuses in its own words
    "edge": {"status": 429, "body": "error code: 1015"},
    # moving between data centres: the one answer documented to carry Retry-After (seconds, up to a day)
    "migrating": {
        "status": 477,
        "headers": {"Retry-After": "3600"},
        "body": _error("This account is being migrated between data hosting locations."),
    },
    "broken": {"status": 500, "body": _error("internal error")},
    "bad_gateway": {"status": 502, "body": _page("502 Bad Gateway"), "headers": _PAGE},
    "unavailable": {"status": 503, "body": _error("Service temporarily unavailable")},
    "gateway_timeout": {"status": 504, "body": _page("504 Gateway Time-out"), "headers": _PAGE},
    "server_down": {"status": 521, "body": "error code: 521"},
    "unreachable": {"status": 523, "body": "error code: 523"},
    "too_slow": {"status": 524, "body": "error code: 524"},
}
