"""One call and its answer, free of any web framework, so that composite can make calls too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.oauth import SECRET
from localcrm.salesforce.org import Org
from localcrm.salesforce.rules import Actor


@dataclass(frozen=True, slots=True)
class Call:
    """``path`` follows the version; ``base`` is /services/data/vXX.0; header names are lower case."""

    method: str
    base: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Any = b""

    def json(self) -> Any:
        """The JSON body; raises JSON_PARSER_ERROR."""
        if not isinstance(self.body, bytes):
            return self.body
        try:
            return json.loads(self.body)
        except ValueError:
            text = "Unexpected character or end of input in the request body"
            raise ApiError("JSON_PARSER_ERROR", text) from None

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; raises JSON_PARSER_ERROR."""
        found = self.json()
        if not isinstance(found, dict):
            raise ApiError("JSON_PARSER_ERROR", "The request body must be a JSON object")
        return found

    def actor(self, org: Org, *, batch: int = 1) -> Actor:
        """The integration user; the assignment rule runs unless the header forbids it.

        ``batch`` counts the records saved together.
        """
        assign = self.headers.get("sforce-auto-assign", "TRUE").strip().upper() != "FALSE"
        duplicates = self.headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower()
        allowed = "allowsave=true" in duplicates
        is_admin = self.headers.get("authorization", "").rpartition(" ")[2] == SECRET
        return Actor(
            org.integration_user,
            auto_assign=assign,
            allow_duplicates=allowed,
            batch=batch,
            may_customise=is_admin or org.switches.may_customise,
        )

    def batch(self) -> int | None:
        """Rows a page asked for in Sforce-Query-Options, within Salesforce's 200 to 2,000."""
        _, _, size = self.headers.get("sforce-query-options", "").replace(" ", "").partition("batchSize=")
        return max(200, min(int(size), 2000)) if size.isdigit() else None


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` None means no content."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
