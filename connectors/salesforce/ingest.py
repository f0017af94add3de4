"""Bulk 2.0: many updates of one object as one job, which costs a few calls instead of one per 200 rows.

No assignment rule runs: a job runs one only when it names it. A job that cannot be begun, or rows it did
not get to, go by collections instead; what a job was given is never given to a second one while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.base import ReceiptStatus
from connectors.errors import BudgetSpent, CrmError, Unavailable
from connectors.salesforce.bulk_csv import cells, columns_of, read, written
from connectors.salesforce.client import ROOT, Client, RefusedCall
from connectors.salesforce.delivery import UPDATE, Delivery, Row
from connectors.salesforce.record_refusals import AUTOMATION, LOCKED, refusal_in_bulk

FROM = 2000  # rows: with fewer, collections are as cheap and tell sooner
LARGEST = 90_000_000  # bytes of one upload; Salesforce takes 100 MB before encoding
_POLLS = (0.5, 1.0, 2.0, 4.0, 8.0) + (15.0,) * 38  # seconds between looks, ten minutes in all
_RUNNING = frozenset({"UploadComplete", "InProgress"})


@dataclass(frozen=True, slots=True)
class Results:
    """What a job says of its rows, by record id. ``done`` None: every row not in another part."""

    done: Mapping[str, Mapping[str, str]] | None
    failed: Mapping[str, str]
    left: frozenset[str]


class Ingest:
    """Update jobs of one org. ``own_user`` tells whose jobs are ours."""

    def __init__(self, client: Client, own_user: Callable[[], str]) -> None:
        self._client = client
        self._own_user = own_user

    def update(self, delivery: Delivery, rows: Sequence[Row]) -> None:
        """Every row gets its receipts, as ``Delivery.send`` gives them."""
        records = [{"Id": row.id, **row.values} for row in rows]
        columns = columns_of(records)
        lines = [cells(record, columns) for record in records]
        content = written(lines, columns)
        if len(content) > LARGEST and len(rows) > FROM:
            self.update(delivery, rows[: len(rows) // 2])
            self.update(delivery, rows[len(rows) // 2 :])
            return
        try:
            before = self._written_before(rows[0].object)
        except StillRunning as error:
            for row in rows:
                delivery.settle(row, ReceiptStatus.DEFERRED, str(error))
            return
        except BudgetSpent:
            raise
        except CrmError:  # then the collections will tell what the trouble is
            delivery.send(UPDATE, rows)
            return
        new = [(row, line) for row, line in zip(rows, lines, strict=True) if before.get(row.id) != line]
        waiting = {row.id for row, _ in new}
        for row in rows:
            if row.id not in waiting:
                delivery.settle(row, ReceiptStatus.WRITTEN)
        if len(new) < FROM:
            delivery.send(UPDATE, [row for row, _ in new])
        else:
            self._as_job(delivery, [row for row, _ in new], written([line for _, line in new], columns))

    def _as_job(self, delivery: Delivery, rows: Sequence[Row], content: bytes) -> None:
        job = self._begun(rows[0].object, content)
        if job is None:
            delivery.send(UPDATE, rows)
            return
        try:
            info = self._ended(job)
            results = self._results(info, len(rows))
        except (Unavailable, RefusedCall) as error:  # what the job did is seen when the leads are read
            for row in rows:
                delivery.settle(row, ReceiptStatus.DEFERRED, str(error))
            return
        _settle(delivery, rows, results)

    def _begun(self, name: str, content: bytes) -> str | None:
        """The id of a job that is under way; None if none is, whatever the trouble was."""
        job = ""
        body = {"object": name, "operation": "update", "contentType": "CSV", "lineEnding": "LF"}
        try:
            job = str(self._client.rest("POST", "jobs/ingest", body)["id"])
            self._csv("PUT", f"jobs/ingest/{job}/batches", content)
            self._client.rest("PATCH", f"jobs/ingest/{job}", {"state": "UploadComplete"})
        except BudgetSpent:
            raise
        except CrmError:
            return job if job and self._goes_on(job) else None
        return job

    def _goes_on(self, job: str) -> bool:
        """After trouble: whether the job was closed and runs. One that was not is ended and does nothing."""
        try:
            info = self._client.rest("GET", f"jobs/ingest/{job}")
            if info["state"] == "Open":
                self._client.rest("PATCH", f"jobs/ingest/{job}", {"state": "Aborted"})
        except (Unavailable, RefusedCall):
            return True  # it may run: its rows must not go a second way meanwhile
        return str(info["state"]) != "Open"

    def _ended(self, job: str) -> dict[str, Any]:
        """The job's info once it is done, failed or aborted. Raises StillRunning after ten minutes."""
        for seconds in (*_POLLS, None):
            info: dict[str, Any] = self._client.rest("GET", f"jobs/ingest/{job}")
            if info["state"] not in _RUNNING:
                return info
            if seconds is not None:
                self._client.line.sleep(seconds)
        raise StillRunning(f"{self._client.name}: the bulk job {job} is still running; see Setup > Bulk Data")

    def _results(self, info: Mapping[str, Any], count: int) -> Results:
        path = f"jobs/ingest/{info['id']}"
        whole = info["state"] == "JobComplete" and info.get("numberRecordsProcessed") == count
        failed = self._rows(f"{path}/failedResults") if not whole or info["numberRecordsFailed"] else []
        done = None if whole else {row["sf__Id"]: row for row in self._rows(f"{path}/successfulResults")}
        left = [] if whole else self._rows(f"{path}/unprocessedrecords")
        told = {row.get("Id") or row["sf__Id"]: row["sf__Error"] for row in failed}
        return Results(done, told, frozenset(row["Id"] for row in left))

    def _rows(self, path: str) -> list[dict[str, str]]:
        return read(self._csv("GET", path))

    def _csv(self, method: str, path: str, content: bytes | None = None) -> bytes:
        """CSV sent, or fetched. Raises RefusedCall, which tells no value of any row."""
        kind = "Accept" if content is None else "Content-Type"
        address = f"{self._client.line.base_url}{ROOT}/{path}"
        answer = self._client.session.request(method, address, data=content, headers={kind: "text/csv"})
        if answer.status_code >= 400:
            what = f"{self._client.name}: Salesforce refused a bulk job's data (HTTP {answer.status_code})"
            raise RefusedCall(what, answer.status_code, "")
        return answer.content

    def _written_before(self, name: str) -> dict[str, dict[str, str]]:
        """What a job of ours that a former process left running has written meanwhile, by record id."""
        running = [
            one
            for one in self._jobs()
            if one["object"] == name and one["operation"] == "update" and one["state"] in _RUNNING
        ]
        if not running:
            return {}
        own = self._own_user()
        found: dict[str, dict[str, str]] = {}
        for one in running:
            if one["createdById"] == own:
                info = self._ended(one["id"])
                for row in self._rows(f"jobs/ingest/{info['id']}/successfulResults"):
                    found[row["sf__Id"]] = {
                        key: cell for key, cell in row.items() if not key.startswith("sf__")
                    }
        return found

    def _jobs(self) -> Iterator[dict[str, Any]]:
        """Every ingest job of the last seven days."""
        path: str | None = "jobs/ingest?jobType=V2Ingest"
        while path:
            page = self._client.rest("GET", path)
            yield from page["records"]
            path = str(page["nextRecordsUrl"]).removeprefix(f"{ROOT}/") if not page["done"] else None


class StillRunning(Unavailable):
    """A bulk job takes longer than we wait."""


def _settle(delivery: Delivery, rows: Sequence[Row], results: Results) -> None:
    again: list[Row] = []
    for row in rows:
        error = results.failed.get(row.id)
        if error is not None:
            refusal = refusal_in_bulk(error)
            is_helped = refusal.code in LOCKED or refusal.code in AUTOMATION or len(row.parts) > 1
            if is_helped:
                again.append(row)
            else:
                delivery.refuse(row, refusal)
        elif row.id in results.left or (results.done is not None and row.id not in results.done):
            again.append(row)
        else:
            delivery.settle(row, ReceiptStatus.WRITTEN)
    delivery.send(UPDATE, again)
