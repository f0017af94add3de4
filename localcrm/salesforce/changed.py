"""getUpdated and getDeleted: the ids changed or deleted between two instants.

Seconds are ignored; updates reach 30 days back, deletions 15 (facts, section 4).
"""

from __future__ import annotations

from datetime import timedelta

from localcrm.salesforce.calls import Answer, Call
from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.org import Org
from localcrm.salesforce.stamps import read_datetime, stamp

_UPDATES_DAYS, _DELETIONS_DAYS = 30, 15


def updated(org: Org, call: Call, name: str) -> Answer:
    """GET sobjects/X/updated?start=&end=: living records whose SystemModstamp lies between.

    ``latestDateCovered`` stays before the oldest transaction still open: the next start.
    """
    kind, (start, end) = org.kind(name), _span(org, call, _UPDATES_DAYS)
    found = [row["Id"] for row in org.tables[kind.name].between(start, end) if not row.get("IsDeleted")]
    return Answer(200, {"ids": found, "latestDateCovered": _covered(org, end)})


def deleted(org: Org, call: Call, name: str) -> Answer:
    """GET sobjects/X/deleted?start=&end=: soft-deleted records with the instant of their deletion."""
    kind, (start, end) = org.kind(name), _span(org, call, _DELETIONS_DAYS)
    rows = [row for row in org.tables[kind.name].between(start, end) if row.get("IsDeleted")]
    found = [{"id": row["Id"], "deletedDate": row["SystemModstamp"]} for row in rows]
    earliest = stamp(org.clock.now() - timedelta(days=_DELETIONS_DAYS))
    covered = {"earliestDateAvailable": earliest, "latestDateCovered": _covered(org, end)}
    return Answer(200, {"deletedRecords": found} | covered)


def _covered(org: Org, end: str) -> str:
    running = org.late.oldest()
    return min(end, org.now(), *([_minute(running)] if running else []))


def _minute(text: str) -> str:
    return f"{text[:17]}00{text[19:]}"


def _span(org: Org, call: Call, days: int) -> tuple[str, str]:
    start, end = (read_datetime(call.query.get(key, "").replace(" ", "+")) for key in ("start", "end"))
    if start is None or end is None:
        raise ApiError("INVALID_REPLICATION_DATE", "start and end must be instants with a time zone")
    start, end = _minute(start), _minute(end)
    if start >= end:
        raise ApiError("INVALID_REPLICATION_DATE", "startDate must be at least one minute before endDate")
    if start < _minute(stamp(org.clock.now() - timedelta(days=days))):
        raise ApiError("INVALID_REPLICATION_DATE", f"startDate cannot be more than {days} days ago")
    return start, end
