"""Bulk API 2.0 query: a snapshot of rows, handed out as CSV page by page."""

from __future__ import annotations

from typing import Any, ClassVar

from localcrm.salesforce.bulk_job import NOT_BULKABLE, Job
from localcrm.salesforce.calls import Answer, Call
from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import Field, Row
from localcrm.salesforce.org import Org
from localcrm.salesforce.query import Plan, Queries
from localcrm.salesforce.soql import Path

_MOST_RECORDS = 50_000
Column = tuple[tuple[str, ...], Field]


class QueryJob(Job):
    """One query (or queryAll) job."""

    kind: ClassVar[str] = "query"

    def __init__(self, org: Org, number: str, call: Call, queries: Queries) -> None:
        super().__init__(org, number, call)
        text = call.object().get("query")
        if self.operation not in ("query", "queryAll") or not isinstance(text, str):
            raise ApiError("INVALIDJOB", "A query job needs an operation (query, queryAll) and a query")
        self._text = text
        self._queries = queries
        plan = queries.plan(text)
        self.object = plan.kind.name
        self._columns = _columns(plan)
        self._rows: list[Row] = []
        self._plan = plan
        self.move("UploadComplete")

    def shown(self) -> dict[str, Any]:
        """The job's info."""
        return super().shown() | {"jobType": "V2Query"}

    def work(self) -> None:
        """Take the rows as they stand now."""
        self._plan, rows = self._queries.snapshot(self._text, deleted=self.operation == "queryAll")
        if self.trouble is not None:
            self.processed = min(self.trouble.after, len(rows))
            self.fail(self.trouble.message)
            return
        self._rows = rows
        self.processed = len(rows)
        self.move("JobComplete")

    def page(self, call: Call) -> Answer:
        """GET results?locator=&maxRecords=; the locator of the page after the last is the word null."""
        most, locator = call.query.get("maxRecords", ""), call.query.get("locator", "")
        if (most and not most.isdigit()) or (locator and not locator.isdigit()):
            raise ApiError("INVALIDJOB", "Invalid locator or maxRecords")
        start = int(locator or 0)
        end = start + min(int(most or _MOST_RECORDS) or _MOST_RECORDS, _MOST_RECORDS)
        plan = self._plan
        records = [plan.shape.show(self.org, plan.kind.name, row, self.base) for row in self._rows[start:end]]
        header = [".".join(path) for path, _ in self._columns]
        answer = self.written(
            header, ([_value(record, *column) for column in self._columns] for record in records)
        )
        onward = str(end) if end < len(self._rows) else "null"
        told = {"Sforce-Locator": onward, "Sforce-NumberOfRecords": str(len(records))}
        return Answer(answer.status, answer.body, told)


def _columns(plan: Plan) -> list[Column]:
    """The CSV's columns; raises for what bulk queries do not know."""
    if plan.kind.name in NOT_BULKABLE:
        raise ApiError("INVALIDENTITY", f"Entity '{plan.kind.name}' is not supported by the Bulk API.")
    paths = [one for one in plan.query.items if isinstance(one, Path)]
    if len(paths) != len(plan.query.items) or not paths or plan.query.offset:
        raise ApiError(
            "API_ERROR", "Aggregate, OFFSET and parent-to-child queries are not supported in Bulk Query"
        )
    found: list[Column] = []
    for path in paths:
        way, field = plan.names.steps(plan.kind, path)
        if field.type == "address":
            raise ApiError("API_ERROR", "Selecting compound data not supported in Bulk Query")
        found.append(((*(one.relationship or "" for one in way), field.name), field))
    return found


def _value(record: dict[str, Any], path: tuple[str, ...], field: Field) -> str:
    here: Any = record
    for name in path:
        here = here.get(name) if here else None
    if here is None:
        return ""
    if isinstance(here, bool):
        return str(here).lower()
    if field.type == "datetime":
        return str(here).replace("+0000", "Z")
    if field.is_number and field.type != "int":
        return str(float(here))
    return str(here)
