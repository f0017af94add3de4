"""What every fresh practice org has: the integration user, a queue, statuses, office hours."""

from __future__ import annotations

from localcrm.salesforce.conversion import CONVERTED_STATUS
from localcrm.salesforce.fields import Row
from localcrm.salesforce.org import INBOUND_QUEUE, Org
from localcrm.salesforce.rules import CLOSED_TASK

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


def furnish(org: Org) -> None:
    """Fill a fresh org."""
    user = org.tables["User"].next_id()
    org.integration_user = user
    put(org, "User", Id=user, **user_fields("Integration", "User", "integration@example.com", "GMT"))
    org.inbound_queue = put_queue(org, INBOUND_QUEUE)
    put(org, "Organization", Name="Practice Org")
    _statuses(org, "LeadStatus", "Lead", "IsConverted", CONVERTED_STATUS)
    _statuses(org, "TaskStatus", "Task", "IsClosed", CLOSED_TASK)
    hours = {f"{day}StartTime": "09:00:00.000Z" for day in _WEEKDAYS}
    hours |= {f"{day}EndTime": "17:00:00.000Z" for day in _WEEKDAYS}
    put(org, "BusinessHours", Name="Default", IsDefault=True, **hours)


def put(org: Org, name: str, at: str | None = None, by: str | None = None, **values: object) -> Row:
    """Insert a row as it is, with stamps and defaults, past all rules."""
    kind, table = org.types[name], org.tables[name]
    now, user = at or org.now(), by or org.integration_user
    row: Row = {**kind.blank, **values}
    row.setdefault("Id", None)
    row["Id"] = row["Id"] or table.next_id()
    for stamped in ("CreatedDate", "LastModifiedDate", "SystemModstamp"):
        if stamped in kind.fields:
            row[stamped] = now
    for signed in ("CreatedById", "LastModifiedById"):
        if signed in kind.fields:
            row[signed] = user
    table.put(row)
    return row


def put_queue(org: Org, name: str) -> str:
    """The id of a new queue that may own leads and tasks."""
    group = put(org, "Group", Name=name, Type="Queue", DeveloperName=name.replace(" ", "_"))
    for owned in ("Lead", "Task"):
        put(org, "QueueSobject", QueueId=group["Id"], SobjectType=owned)
    return str(group["Id"])


def user_fields(first: str, last: str, email: str, zone: str) -> Row:
    """The columns every user has."""
    return {
        "FirstName": first,
        "LastName": last,
        "Name": f"{first} {last}".strip(),
        "Email": email,
        "Username": email,
        "Alias": (first[:1] + last)[:8].lower(),
        "TimeZoneSidKey": zone,
        "LocaleSidKey": "en_US",
        "UserType": "Standard",
    }


def _statuses(org: Org, table: str, source: str, flag: str, flagged: str) -> None:
    field = org.types[source].fields["Status"]
    for order, value in enumerate(field.values, start=1):
        marks = {"IsDefault": value == field.default, flag: value == flagged}
        put(org, table, MasterLabel=value, ApiName=value, SortOrder=order, **marks)
