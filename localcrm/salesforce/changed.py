"""getUpdated and getDeleted: the ids changed or deleted between two instants."""

from __future__ import annotations

from localcrm.salesforce.calls import Answer, Call
from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.org import Org
from localcrm.salesforce.stamps import read_datetime


def updated(org: Org, call: Call, name: str) -> Answer:
    """GET sobjects/X/updated?start=&end=: living records whose SystemModstamp lies between."""
    kind, (start, end) = org.kind(name), _span(call)
    found = [row["Id"] for row in org.tables[kind.name].between(start, end) if not row.get("IsDeleted")]
    return Answer(200, {"ids": found, "latestDateCovered": min(end, org.now())})


def deleted(org: Org, call: Call, name: str) -> Answer:
    """GET sobjects/X/deleted?start=&end=: soft-deleted records with the instant of their deletion."""
    kind, (start, end) = org.kind(name), _span(call)
    rows = [row for row in org.tables[kind.name].between(start, end) if row.get("IsDeleted")]
    found = [{"id": row["Id"], "deletedDate": row["SystemModstamp"]} for row in rows]
    covered = {"earliestDateAvailable": start, "latestDateCovered": min(end, org.now())}
    return Answer(200, {"deletedRecords": found} | covered)


def _span(call: Call) -> tuple[str, str]:
    start, end = (read_datetime(call.query.get(key, "").replace(" ", "+")) for key in ("start", "end"))
    if start is None or end is None:
        raise ApiError("INVALID_REPLICATION_DATE", "start and end must be instants with a time zone")
    if start >= end:
        raise ApiError("INVALID_REPLICATION_DATE", "startDate must be at least one minute before endDate")
    return start, end
