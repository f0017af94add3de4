"""Bulk API 2.0 ingest: one CSV, saved 200 records at a time, with an answer per record to fetch."""

from __future__ import annotations

from typing import Any, ClassVar

from localcrm.salesforce.bulk_job import NOT_BULKABLE, Job
from localcrm.salesforce.calls import Answer, Call
from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.org import Org
from localcrm.salesforce.rules import Actor
from localcrm.salesforce.writing import create, delete, update, upsert, upsert_key

_BATCH = 200
_LARGEST = 150_000_000  # bytes of one upload
_CLEARED = "#N/A"
_OPERATIONS = ("insert", "update", "upsert", "delete")


class IngestJob(Job):
    """One insert, update, upsert or delete job. An empty cell changes nothing, ``#N/A`` clears."""

    kind: ClassVar[str] = "ingest"

    def __init__(self, org: Org, number: str, call: Call) -> None:
        super().__init__(org, number, call)
        body = call.object()
        if self.operation == "hardDelete":
            text = "hardDelete operation requires special user profile permission"
            raise ApiError("FEATURENOTENABLED", text)
        if self.operation not in _OPERATIONS:
            raise ApiError("INVALIDJOB", f"Unsupported operation: {self.operation}")
        found = org.by_lower.get(str(body.get("object", "")).lower())
        if found is None or found.name in NOT_BULKABLE:
            text = f"Entity '{body.get('object')}' is not supported by the Bulk API."
            raise ApiError("INVALIDENTITY", text)
        self._type, self.object = found, found.name
        self._key = ""
        if self.operation == "upsert":
            self._key = upsert_key(org, found, str(body.get("externalIdFieldName") or "")).name
        # Bulk runs an assignment rule only when the job names one.
        self._actor = Actor(org.integration_user, auto_assign=bool(body.get("assignmentRuleId")))
        self._content: str | None = None
        self._header: list[str] = []
        self._done: list[tuple[str, bool, list[str]]] = []
        self._failed: list[tuple[str, str, list[str]]] = []
        self._left: list[list[str]] = []

    def shown(self) -> dict[str, Any]:
        """The job's info."""
        info = super().shown() | {"jobType": "V2Ingest"}
        if self.state == "Open":
            info["contentUrl"] = f"{self.base.lstrip('/')}/jobs/ingest/{self.id}/batches"
        if self._key:
            info["externalIdFieldName"] = self._key
        if "numberRecordsProcessed" in info:
            info |= {"numberRecordsFailed": len(self._failed), "apexProcessingTime": 0}
        return info

    def upload(self, call: Call) -> None:
        """PUT batches: the CSV, once."""
        if self.state != "Open" or self._content is not None:
            raise ApiError("INVALIDJOBSTATE", "Found multiple contents for job: the job takes one upload")
        if "text/csv" not in call.headers.get("content-type", ""):
            raise ApiError("INVALIDCONTENTTYPE", "Content-Type must be text/csv", status=415)
        if not isinstance(call.body, bytes) or len(call.body) > _LARGEST:
            raise ApiError("REQUEST_LIMIT_EXCEEDED", "The upload is larger than 150 MB", status=413)
        try:
            self._content = call.body.decode()
        except UnicodeDecodeError:
            raise ApiError("INVALIDCONTENT", "The upload is not UTF-8") from None

    def close(self) -> None:
        """PATCH UploadComplete: let the work begin."""
        if self.state != "Open":
            raise ApiError("INVALIDJOBSTATE", f"Closing a job in state {self.state} not allowed")
        self._left = self.read(self._content or "")
        self._header = self._left.pop(0) if self._left else []
        self.move("UploadComplete")

    def work(self) -> None:
        """Save record by record; a broken header fails the whole job."""
        wrong = self._wrong_header()
        if wrong:
            self.fail(wrong)
            return
        while self._left:
            if self.trouble is not None and self.processed >= self.trouble.after:
                self.fail(self.trouble.message)
                return
            batch_start = self.processed - self.processed % _BATCH
            size = min(self.processed + len(self._left) - batch_start, _BATCH)
            row = self._left.pop(0)
            self._save(row, size)
            self.processed += 1
        self.move("JobComplete")

    def _wrong_header(self) -> str:
        if self.operation == "delete" and [one.lower() for one in self._header] != ["id"]:
            return "InvalidBatch : The 'delete' batch must contain only ids"
        for name in self._header:
            if self.org.field(self._type, name) is None:
                return f"InvalidBatch : Field name not found : {name}"
        return ""

    def _save(self, row: list[str], size: int) -> None:
        actor = Actor(self._actor.user, auto_assign=self._actor.auto_assign, batch=size)
        given = dict(zip(self._header, row, strict=False)) if len(row) == len(self._header) else {}
        record_id = next((value for name, value in given.items() if name.lower() == "id"), "")
        try:
            made, is_new = self._saved(given, record_id, actor)
        except ApiError as problem:
            told = f"{problem.code}:{problem.message}:{' '.join(problem.fields)} --"
            self._failed.append((record_id, told, row))
        else:
            self._done.append((made, is_new, row))

    def _saved(self, given: dict[str, str], record_id: str, actor: Actor) -> tuple[str, bool]:
        org, kind = self.org, self._type
        if len(given) != len(self._header):
            raise ApiError("INVALID_CSV_ROW", "The row has another number of columns than the header")
        values = {name: self._cell(name, text) for name, text in given.items() if text != ""}
        if self.operation == "upsert":
            by_lower = {name.lower(): value for name, value in values.items()}
            return upsert(org, kind, self._key, by_lower.get(self._key.lower()), values, actor)
        values = {name: value for name, value in values.items() if name.lower() != "id"}
        if self.operation == "insert":
            return create(org, kind, values, actor), True
        if not record_id:
            raise ApiError("MISSING_ARGUMENT", "Id not specified in an update call", ("Id",))
        if self.operation == "delete":
            delete(org, kind, record_id, actor)
        else:
            update(org, kind, record_id, values, actor)
        return str(self.org.tables[kind.name].rows.get(record_id, {"Id": record_id})["Id"]), False

    def _cell(self, name: str, text: str) -> str | None:
        field = self.org.field(self._type, name)
        if text == _CLEARED:
            return None
        return text.lower() if field is not None and field.type == "boolean" else text

    def results(self, which: str) -> Answer:
        """GET successfulResults, failedResults or unprocessedrecords."""
        if which == "successfulResults":
            header = ["sf__Id", "sf__Created", *self._header]
            return self.written(header, ([one, str(new).lower(), *row] for one, new, row in self._done))
        if which == "failedResults":
            header = ["sf__Id", "sf__Error", *self._header]
            return self.written(header, ([one, why, *row] for one, why, row in self._failed))
        return self.written(self._header, self._left)
