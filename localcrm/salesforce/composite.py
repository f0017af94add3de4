"""The composite resource: up to 25 calls in one, later ones may use earlier answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from localcrm.salesforce.calls import Answer, Call
from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.org import Org
from localcrm.salesforce.savepoint import Savepoint

Handle = Callable[[Call], Answer]

_MOST, _MOST_HEAVY = 25, 5
_URL = re.compile(r"(/services/data/v\d+\.\d)(/.*)$")
_HEAVY = re.compile(r"/(query|queryAll|composite/sobjects)\b")
_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])+)\}")
_NAME = re.compile(r"[A-Za-z0-9_]+$")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


def run_composite(org: Org, call: Call, handle: Handle) -> Answer:
    """Answer a POST /composite; ``handle`` answers one subrequest."""
    body = call.object()
    parts = body.get("compositeRequest")
    if not isinstance(parts, list) or not parts:
        raise ApiError("JSON_PARSER_ERROR", "compositeRequest must be a list of subrequests")
    _check(parts)
    whole = bool(body.get("allOrNone", False))
    before = Savepoint(org) if whole else None
    answers: dict[str, Answer] = {}
    for part in parts:
        answers[part["referenceId"]] = _answer(part, call, handle, answers)
    if before is not None and any(one.status >= 400 for one in answers.values()):
        before.roll_back()
        halted = ApiError(
            "PROCESSING_HALTED", "The transaction was rolled back since another operation failed"
        )
        answers = {
            name: one if one.status >= 400 else Answer(400, halted.top_level())
            for name, one in answers.items()
        }
    shown = [_shown(name, one) for name, one in answers.items()]
    if body.get("collateSubrequests", True) and org.switches.composite_shuffled:
        shown.reverse()  # collated subrequests are answered in no promised order
    return Answer(200, {"compositeResponse": shown})


def _check(parts: list[dict[str, Any]]) -> None:
    if len(parts) > _MOST:
        raise ApiError("LIMIT_EXCEEDED", f"Composite: the number of subrequests exceeds the limit of {_MOST}")
    seen: set[str] = set()
    for part in parts:
        name = part.get("referenceId")
        if not isinstance(name, str) or not _NAME.match(name):
            raise ApiError(
                "INVALID_REFERENCE_ID", f"Provided referenceId ('{name}') must be alphanumeric or '_'"
            )
        if name in seen:
            raise ApiError("DUPLICATE_REFERENCE_ID", f"Provided referenceId ('{name}') is not unique")
        seen.add(name)
        url = part.get("url")
        if not isinstance(url, str) or not _URL.match(url):
            raise ApiError("INVALID_COMPOSITE_URL", "Provided url must start with '/services/data/vXX.X/'")
        banned = {"accept", "authorization", "content-type"} & {
            one.lower() for one in part.get("httpHeaders") or {}
        }
        if banned:
            raise ApiError("INVALID_HTTP_HEADER", f"Header not allowed in a subrequest: {min(banned)}")
    if sum(1 for part in parts if _HEAVY.search(part["url"])) > _MOST_HEAVY:
        raise ApiError(
            "LIMIT_EXCEEDED", f"Composite: more than {_MOST_HEAVY} query or collections subrequests"
        )


def _answer(part: dict[str, Any], call: Call, handle: Handle, answers: dict[str, Answer]) -> Answer:
    try:
        url = str(_filled(part["url"], answers))
        body = _filled(part.get("body"), answers)
    except ApiError as problem:
        return Answer(problem.status, problem.top_level())
    found = _URL.match(url)
    base, rest = (found[1], found[2]) if found else (call.base, "/")
    split = urlsplit(rest)
    own = {name.lower(): str(value) for name, value in (part.get("httpHeaders") or {}).items()}
    query = dict(parse_qsl(split.query, keep_blank_values=True))
    method = str(part.get("method", "GET")).upper()
    return handle(Call(method, base, unquote(split.path), query, {**call.headers, **own}, body))


def _filled(value: Any, answers: dict[str, Answer]) -> Any:
    """``value`` with every ``@{ref.path}`` replaced."""
    if isinstance(value, dict):
        return {name: _filled(one, answers) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, answers) for one in value]
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: _looked_up(found[1], found[2], answers), value)
    return value


def _looked_up(name: str, path: str, answers: dict[str, Answer]) -> str:
    answer = answers.get(name)
    here: Any = answer.body if answer is not None and answer.status < 400 else None
    try:
        for key, place in _STEP.findall(path):
            here = here[int(place)] if place else here[key]
    except (KeyError, IndexError, TypeError):
        here = None
    if here is None:
        raise ApiError(
            "PROCESSING_HALTED", f"Invalid reference specified. No value for {name}{path} found in {name}"
        )
    return str(here)


def _shown(name: str, one: Answer) -> dict[str, Any]:
    return {
        "body": one.body,
        "httpHeaders": dict(one.headers),
        "httpStatusCode": one.status,
        "referenceId": name,
    }
