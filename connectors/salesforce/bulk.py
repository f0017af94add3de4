"""The Bulk API 2.0 for reading: one job for a whole query, its rows as CSV, page by page.

Rows come in no order, in text, and with every field of a parent under its path.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

from connectors.base import OUR_FIELDS
from connectors.errors import Misconfigured, Unauthorised, Unavailable
from connectors.salesforce.bulk_csv import long_cells
from connectors.salesforce.client import ROOT, Client, RefusedCall
from connectors.salesforce.fields import OUR_API_NAMES
from connectors.salesforce.streams import Stream

ROWS = 4_000
"""So many rows come in one page."""
LONGEST_WAIT = 1800.0
_BOOLEANS = frozenset({"IsDeleted", "IsConverted", "IsClosed"})
_NUMBERS = frozenset(api for name, api in OUR_API_NAMES.items() if OUR_FIELDS[name] == "number")
Row = Mapping[str, Any]


class BulkFailed(Exception):
    """This query cannot be had in bulk. ``told``: why, if anybody should know."""

    def __init__(self, told: str = "") -> None:
        super().__init__(told)
        self.told = told


class BulkQuery:
    """The bulk queries of one stream. A job outlives us: whoever knows its id reads on."""

    def __init__(self, client: Client, stream: Stream) -> None:
        self._client = client
        self._stream = stream
        only = {name: value for source in stream.sources.values() for name, value in source.only.items()}
        self._booleans = _BOOLEANS | {name for name, value in only.items() if isinstance(value, bool)}

    def begin(self, soql: str) -> str:
        """The id of a new job. Raises BulkFailed where this user or this object may not."""
        operation = "queryAll" if self._stream.deleted else "query"
        try:
            job = self._client.rest("POST", "jobs/query", {"operation": operation, "query": soql})
        except (RefusedCall, Unauthorised, Misconfigured):
            raise BulkFailed from None  # the ordinary way is only slower
        return str(job["id"])

    def wait(self, job_id: str) -> None:
        """Until the rows are there. Raises BulkFailed; Unavailable if it takes too long for one run."""
        waited, pause = 0.0, 1.0
        while True:
            state = self._state(job_id)
            if state == "JobComplete":
                return
            if state in {"Failed", "Aborted"}:
                raise BulkFailed(self._failed(state.casefold()))
            if waited >= LONGEST_WAIT:
                raise Unavailable(
                    f"{self._client.name}: Salesforce is still preparing {self._stream.object};"
                    " the next run goes on from there"
                )
            self._client.line.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, 20.0)

    def _state(self, job_id: str) -> str:
        try:
            return str(self._client.rest("GET", f"jobs/query/{job_id}")["state"])
        except RefusedCall as error:  # after seven days a job is gone
            raise BulkFailed(self._failed(error.code)) from None

    def pages(self, job_id: str, locator: str) -> Iterator[tuple[list[Row], str, str | None]]:
        """Rows with the locator they came from and the one behind them (None: no more). Raises BulkFailed."""
        here: str | None = locator
        while here is not None:
            answer = self._page(job_id, here)
            onward = answer.headers.get("Sforce-Locator", "null")
            following = None if onward == "null" else onward
            yield self._rows(answer.content), here, following
            here = following

    def _page(self, job_id: str, locator: str) -> Any:
        params = {"maxRecords": str(ROWS), **({"locator": locator} if locator else {})}
        url = f"{self._client.line.base_url}{ROOT}/jobs/query/{job_id}/results"
        headers = {"Accept": "text/csv"}
        answer = self._client.session.request("GET", url, params=params, headers=headers)
        if answer.status_code != 200:
            raise BulkFailed(self._failed(f"HTTP {answer.status_code}"))
        return answer

    def _rows(self, content: bytes) -> list[Row]:
        text = content.decode("utf-8-sig", "replace").replace("\x00", "")
        try:
            with long_cells():
                header, *rows = csv.reader(StringIO(text, newline=""))
            return [self._row(header, row) for row in rows]
        except (ValueError, csv.Error):
            raise BulkFailed(self._failed("rows that do not fit their header")) from None

    def _row(self, header: list[str], row: list[str]) -> Row:
        """As the ordinary query would give it: empty is nothing, parents are nested."""
        found: dict[str, Any] = {}
        for path, raw in zip(header, row, strict=True):
            *parents, name = path.split(".")
            here = found
            for parent in parents:
                here = here.setdefault(parent, {})
            here[name] = self._value(path, raw)
        return found

    def _value(self, path: str, raw: str) -> Any:
        if path in self._booleans:
            return raw == "true"
        if path in _NUMBERS and raw:
            return float(raw)
        return raw or None

    def _failed(self, why: str) -> str:
        return f"{self._client.name}: a bulk query of {self._stream.object} failed ({why}); read page by page"
