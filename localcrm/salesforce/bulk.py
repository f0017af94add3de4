"""The Bulk API 2.0's jobs: their list, their states, their end. What a job does is in its own module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from localcrm.face import Refused
from localcrm.salesforce.bulk_ingest import IngestJob
from localcrm.salesforce.bulk_job import Job, Trouble
from localcrm.salesforce.bulk_query import QueryJob
from localcrm.salesforce.calls import Answer, Call
from localcrm.salesforce.errors import ApiError, not_found
from localcrm.salesforce.ids import make_id, normal_id
from localcrm.salesforce.org import Org
from localcrm.salesforce.query import Queries

_ENDED = ("Aborted", "JobComplete", "Failed")
_NO_ABORT = {"JobComplete": "Aborting already Completed Job not allowed"}
Resource = Callable[..., Answer]


@dataclass(slots=True)
class BulkFault:
    """The next ``times`` jobs of a kind (query, ingest) fail once ``after`` records are done."""

    job: str
    after: int = 0
    times: int = 1
    message: str = "InternalServerError : Unexpected exception while processing the job"


class BulkJobs:
    """All jobs of one org. Callers hold the org's lock."""

    def __init__(self, org: Org, queries: Queries) -> None:
        self._org = org
        self._queries = queries
        self._jobs: dict[str, Job] = {}
        self._made = 0
        self._faults: list[BulkFault] = []

    def order(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Order failing jobs; raises Refused."""
        try:
            fault = BulkFault(**given)
        except TypeError as problem:
            raise Refused(f"BulkFault: {problem}") from problem
        if fault.job not in ("query", "ingest"):
            raise Refused("a BulkFault's job is query or ingest")
        self._faults.append(fault)
        return asdict(fault)

    def faults(self) -> list[dict[str, Any]]:
        """What is still ordered."""
        return [asdict(one) for one in self._faults]

    def table(self) -> list[tuple[str, dict[str, Resource]]]:
        """The addresses under /services/data/vXX.0 and what answers there."""
        kept = {"GET": self._info, "PATCH": self._change, "DELETE": self._delete}
        results = "(successfulResults|failedResults|unprocessedrecords)"
        return [
            ("/jobs/(query|ingest)", {"GET": self._list, "POST": self._create}),
            ("/jobs/(query|ingest)/([^/]+)", dict(kept)),
            ("/jobs/(query)/([^/]+)/results", {"GET": self._pages}),
            ("/jobs/(ingest)/([^/]+)/batches", {"PUT": self._upload}),
            (f"/jobs/(ingest)/([^/]+)/{results}", {"GET": self._results}),
        ]

    def _create(self, call: Call, kind: str) -> Answer:
        self._made += 1
        number = make_id("750", self._made)
        trouble = self._trouble(kind)
        job: Job
        if kind == "query":
            job = QueryJob(self._org, number, call, self._queries)
        else:
            job = IngestJob(self._org, number, call)
        job.trouble = trouble
        self._jobs[number] = job
        return Answer(200, job.shown())

    def _trouble(self, kind: str) -> Trouble | None:
        for fault in self._faults:
            if fault.job == kind:
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
                return Trouble(fault.after, fault.message)
        return None

    def _job(self, kind: str, number: str) -> Job:
        job = self._jobs.get(normal_id(number) or "")
        if job is None or job.kind != kind:
            raise not_found()
        return job

    def _list(self, _call: Call, kind: str) -> Answer:
        found = [job.shown() for job in self._jobs.values() if job.kind == kind]
        return Answer(200, {"done": True, "nextRecordsUrl": None, "records": found})

    def _info(self, _call: Call, kind: str, number: str) -> Answer:
        job = self._job(kind, number)
        job.go_on()
        return Answer(200, job.shown())

    def _change(self, call: Call, kind: str, number: str) -> Answer:
        job, wanted = self._job(kind, number), call.object().get("state")
        if wanted == "Aborted":
            if job.state in _NO_ABORT:
                raise ApiError("INVALIDJOBSTATE", _NO_ABORT[job.state])
            job.abort()
        elif wanted == "UploadComplete" and isinstance(job, IngestJob):
            job.close()
        else:
            raise ApiError("INVALIDJOB", f"Invalid job state: {wanted}")
        return Answer(200, job.shown())

    def _delete(self, _call: Call, kind: str, number: str) -> Answer:
        job = self._job(kind, number)
        if job.state not in _ENDED:
            raise ApiError("INVALIDJOBSTATE", f"Deleting a job in state {job.state} not allowed")
        del self._jobs[job.id]
        return Answer(204)

    def _pages(self, call: Call, kind: str, number: str) -> Answer:
        job = self._job(kind, number)
        if not isinstance(job, QueryJob) or job.state != "JobComplete":
            raise ApiError("INVALIDJOBSTATE", "The job is not complete, it has no results")
        return job.page(call)

    def _upload(self, call: Call, kind: str, number: str) -> Answer:
        job = self._job(kind, number)
        if isinstance(job, IngestJob):
            job.upload(call)
        return Answer(201)

    def _results(self, _call: Call, kind: str, number: str, which: str) -> Answer:
        job = self._job(kind, number)
        if not isinstance(job, IngestJob) or job.state not in _ENDED:
            raise ApiError("INVALIDJOBSTATE", "The job has not ended, it has no results")
        return job.results(which)
