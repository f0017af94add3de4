"""How the practice Salesforce refuses: one exception that knows its HTTP status and error code.

It is not a list of all Salesforce errors, only the carrier of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """A refusal with Salesforce's ``errorCode``, its text and the fields it names."""

    def __init__(
        self,
        code: str,
        message: str,
        fields: tuple[str, ...] = (),
        *,
        status: int = 400,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.more = dict(more or {})
        self.code = code
        self.message = message
        self.fields = fields
        self.status = status

    def top_level(self) -> list[dict[str, Any]]:
        """The body of a failed call."""
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code, **self.more}
        if self.fields or self.code in _WITH_FIELDS:
            body["fields"] = list(self.fields)
        return [body]

    def per_record(self) -> dict[str, Any]:
        """The item of a collection's answer."""
        error = {"statusCode": self.code, "message": self.message, "fields": list(self.fields)} | self.more
        return {"success": False, "errors": [error]}


_WITH_FIELDS = frozenset({"DUPLICATE_VALUE", "CANNOT_UPDATE_CONVERTED_LEAD", "ENTITY_IS_DELETED"})


def not_found(message: str = "The requested resource does not exist") -> ApiError:
    """The 404 of an unknown address or record."""
    return ApiError("NOT_FOUND", message, status=404)
