"""What query and ingest jobs of the Bulk API 2.0 share: identity, states, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from localcrm.salesforce.calls import Answer, Call
from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.org import Org

_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
_DELIMITERS = {
    "COMMA": ",",
    "SEMICOLON": ";",
    "TAB": "\t",
    "PIPE": "|",
    "CARET": "^",
    "BACKQUOTE": "`",
}
NOT_BULKABLE = ("TaskStatus", "TaskPriority", "LeadStatus")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A job that fails after so many records."""

    after: int
    message: str


class Job:
    """One job. ``state`` is Open, UploadComplete, InProgress, JobComplete, Failed or Aborted."""

    kind: ClassVar[str] = ""

    def __init__(self, org: Org, number: str, call: Call) -> None:
        body = call.object()
        self.org = org
        self.id = number
        self.base = call.base
        self.operation = str(body.get("operation", ""))
        self.object = ""
        self.state = "Open"
        self.error = ""
        self.trouble: Trouble | None = None
        self.processed = 0
        self.polls = org.switches.bulk_polls
        self.created = self.changed = org.now()
        self.ending = _chosen(body, "lineEnding", "LF", _ENDINGS)
        self.delimiter = _chosen(body, "columnDelimiter", "COMMA", _DELIMITERS)
        if body.get("contentType", "CSV") != "CSV":
            raise ApiError("INVALIDJOB", f"Unsupported content type: {body['contentType']}")

    def shown(self) -> dict[str, Any]:
        """The job's info."""
        info: dict[str, Any] = {
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": self.org.integration_user,
            "createdDate": self.created,
            "systemModstamp": self.changed,
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.base.rpartition("/v")[2]),
            "lineEnding": self.ending,
            "columnDelimiter": self.delimiter,
        }
        if self.state not in ("Open", "UploadComplete"):
            info |= {"numberRecordsProcessed": self.processed, "retries": 0, "totalProcessingTime": 0}
        return info | ({"errorMessage": self.error} if self.error else {})

    def move(self, state: str) -> None:
        """Enter a state."""
        self.state, self.changed = state, self.org.now()

    def go_on(self) -> None:
        """Somebody looks: work is done once the looks of the switch are used up."""
        if self.state not in ("UploadComplete", "InProgress"):
            return
        if self.polls > 0:
            self.polls -= 1
            self.move("InProgress")
        else:
            self.work()

    def abort(self) -> None:
        """Stop, leaving undone what is undone."""
        self.move("Aborted")

    def fail(self, why: str) -> None:
        """End without success."""
        self.error = why
        self.move("Failed")

    def work(self) -> None:
        """Do it all and end in JobComplete or Failed."""
        raise NotImplementedError

    def written(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Answer:
        """A CSV answer in the job's dialect, every value quoted."""
        out = io.StringIO()
        writer = csv.writer(
            out,
            delimiter=_DELIMITERS[self.delimiter],
            lineterminator=_ENDINGS[self.ending],
            quoting=csv.QUOTE_ALL,
        )
        writer.writerow(header)
        writer.writerows(rows)
        return Answer(200, out.getvalue())

    def read(self, text: str) -> list[list[str]]:
        """The rows of an uploaded CSV, header first."""
        return [row for row in csv.reader(io.StringIO(text), delimiter=_DELIMITERS[self.delimiter]) if row]


def _chosen(body: dict[str, Any], key: str, default: str, known: dict[str, str]) -> str:
    found = body.get(key) or default
    if found not in known:
        raise ApiError("INVALIDJOB", f"Invalid value for {key}: {found}")
    return str(found)
