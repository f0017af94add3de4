"""How this portal refuses: one exception that knows its HTTP status and HubSpot's error body."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any


class ApiError(Exception):
    """A refusal. ``category`` is HubSpot's word for it; ``extra`` adds further keys to the body."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        category: str | None = "VALIDATION_ERROR",
        context: Mapping[str, Sequence[str]] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.category = category
        self.context = dict(context or {})
        self.extra = dict(extra or {})

    def body(self) -> dict[str, Any]:
        """The error as a whole answer."""
        told: dict[str, Any] = {
            "status": "error",
            "message": self.message,
            "correlationId": str(uuid.uuid4()),
        }
        if self.context:
            told["context"] = self.context
        if self.category:
            told["category"] = self.category
        return {**told, **self.extra}

    def in_batch(self, trace_id: str) -> dict[str, Any]:
        """The error as one entry of a 207 answer."""
        context = {**self.context, "objectWriteTraceId": [trace_id]}
        return {"status": "error", "category": self.category, "message": self.message, "context": context}


def invalid_value(name: str, error: str, message: str) -> dict[str, Any]:
    """One entry of the list inside "Property values were not valid"."""
    return {
        "isValid": False,
        "message": message,
        "error": error,
        "name": name,
        "localizedErrorMessage": message,
    }


def invalid_values(problems: Sequence[Mapping[str, Any]]) -> ApiError:
    """The refusal that carries JSON inside its message, as the real one does."""
    told = json.dumps(list(problems), separators=(",", ":"))
    return ApiError(f"Property values were not valid: {told}")


def not_found(kind: str, record_id: str) -> ApiError:
    """No such record (404)."""
    return ApiError(
        f"Object not found.  objectId are usually numeric. {kind} {record_id}",
        status=404,
        category="OBJECT_NOT_FOUND",
    )


def bad_json(expected: str, given: object) -> ApiError:
    """The body does not fit the schema (400)."""
    kind = {bool: "Boolean", int: "Integer", float: "Floating-point", type(None): "Null"}.get(type(given))
    return ApiError(
        f"Invalid input JSON on line 1, column 1: Cannot deserialize value of type `{expected}` "
        f"from {kind or type(given).__name__} value"
    )
