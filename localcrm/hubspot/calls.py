"""One HTTP call and its answer, as the doors below the face see them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from localcrm.hubspot.errors import ApiError, bad_json
from localcrm.hubspot.kinds import kind_name
from localcrm.hubspot.portal import Portal
from localcrm.hubspot.values import whole

NEXT = "2026-09"  # from here on errors of a batch lie inside an ordinary answer, and validation rules bind


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON body (None = empty)."""

    status: int
    body: Any = None


@dataclass(frozen=True, slots=True)
class Call:
    """A checked call: path parameters, query and the raw body. ``version`` is the date in its path, or ""."""

    portal: Portal
    path: Mapping[str, str]
    query: QueryParams
    body: bytes = b""
    version: str = ""

    def kind(self, parameter: str = "kind") -> str:
        """The object kind named in the path; raises ApiError (400, 403)."""
        return self.portal.open_kind(kind_name(self.path[parameter]))

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; raises ApiError (400)."""
        found = self.parsed()
        if not isinstance(found, dict):
            raise bad_json("JSON object", found)
        return found

    def parsed(self) -> Any:
        """The body as JSON; raises ApiError (400)."""
        try:
            return json.loads(self.body or b"null")
        except ValueError as problem:
            raise ApiError(f"Invalid input JSON on line 1, column 1: {problem}") from problem

    def names(self, parameter: str) -> list[str]:
        """A query parameter given once with commas or many times."""
        return [name for text in self.query.getlist(parameter) for name in text.split(",") if name]

    def limit(self, *, default: int, most: int) -> int:
        """The ``limit`` of the query; raises ApiError (400)."""
        return checked_limit(self.query.get("limit", str(default)), most)

    def after(self) -> int:
        """The ``after`` of the query; raises ApiError (400)."""
        return checked_after(self.query.get("after"))

    def is_archived(self) -> bool:
        """Whether the archived are asked for."""
        return self.query.get("archived", "false").lower() == "true"

    def partly(self, status: int) -> int:
        """The status of a batch with errors: 207, or the ordinary one by the paths of 2026-09."""
        return status if self.version == NEXT else 207


Door = Callable[[Call], Answer]


def checked_limit(given: object, most: int) -> int:
    """A page size from 1 to ``most``; raises ApiError (400)."""
    found = None if isinstance(given, bool) else whole(str(given))
    if found is None:
        raise ApiError(f"Invalid integer value for limit: {given}")
    if not 1 <= found <= most:
        raise ApiError(f"limit must be between 1 and {most}, found {found}")
    return found


def checked_after(given: object) -> int:
    """Where a page starts; raises ApiError (400) unless it is a whole number as answers give it."""
    found = 0 if given in (None, "") else whole(str(given))
    if found is None:
        raise ApiError(f"Invalid after: {given}")
    return found


def whole_number(given: Mapping[str, Any], key: str, default: int) -> int:
    """An optional whole number of an input; raises ApiError (400)."""
    value = given.get(key)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad_json("java.lang.Integer", value)
    return value


def text_list(body: Mapping[str, Any], key: str) -> list[str]:
    """A list of strings in a body, empty when absent; raises ApiError (400)."""
    found = body.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise bad_json("java.util.ArrayList<java.lang.String>", found)
    for item in found:
        if not isinstance(item, str):
            raise bad_json("java.lang.String", item)
    return found


def inputs(body: Mapping[str, Any], most: int) -> list[dict[str, Any]]:
    """The inputs of a batch; raises ApiError (400) for none, too many or not objects."""
    found = body.get("inputs")
    if not isinstance(found, list):
        raise ApiError('Invalid input JSON: Some required fields were not set: ["inputs"]')
    if len(found) > most:
        raise ApiError(f"The maximum number of inputs supported in a batch request is {most}")
    for item in found:
        if not isinstance(item, dict):
            raise bad_json("JSON object", item)
    return found


def needed(given: Mapping[str, Any], key: str) -> str:
    """A required text of an input; raises ApiError (400)."""
    value = given.get(key) if isinstance(given, Mapping) else None
    if value is None:
        raise ApiError(f'Invalid input JSON: Some required fields were not set: ["{key}"]')
    if not isinstance(value, str):
        raise bad_json("java.lang.String", value)
    return value
