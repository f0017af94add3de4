"""LeadHistory and ContactHistory: the rows Salesforce keeps when a tracked field changes."""

from __future__ import annotations

from typing import Any

from localcrm.salesforce.fields import Row
from localcrm.salesforce.org import Org

_KEPT_IN = {"00Q": ("Lead", "LeadHistory", "LeadId"), "003": ("Contact", "ContactHistory", "ContactId")}


def history_row(
    org: Org, lead_id: str, at: str, by: str, field: str, old: Any = None, new: Any = None
) -> Row:
    """One row, not yet put into the table. ``at`` is a canonical stamp; leads and contacts are told by id."""
    _, history, reference = _KEPT_IN[lead_id[:3]]
    row: Row = {
        "Id": org.tables[history].next_id(),
        "IsDeleted": False,
        reference: lead_id,
        "Field": field,
        "CreatedDate": at,
        "CreatedById": by,
        "DataType": "EntityId" if field == "Owner" and str(new)[:3] in ("005", "00G") else "Text",
    }
    if old is not None:
        row["OldValue"] = old
    if new is not None:
        row["NewValue"] = new
    return row


def owner_rows(org: Org, lead_id: str, at: str, by: str, old: str | None, new: str | None) -> list[Row]:
    """An owner change: once with names and once with ids, as the switch says (facts, section 4)."""
    rows = [history_row(org, lead_id, at, by, "Owner", name_of(org, old), name_of(org, new))]
    if org.switches.owner_history_twice:
        rows.append(history_row(org, lead_id, at, by, "Owner", old, new))
    return rows


def name_of(org: Org, owner: str | None) -> str | None:
    for kind in ("User", "Group"):
        if owner in org.tables[kind].rows:
            found: str = org.tables[kind].rows[owner]["Name"]
            return found
    return None


def keep_history(org: Org, old: Row | None, new: Row, at: str, by: str) -> None:
    """Write the rows that the change from ``old`` to ``new`` leaves behind."""
    lead = new["Id"]
    name, history, _ = _KEPT_IN[lead[:3]]
    table = org.tables[history]
    if old is None:
        table.put(history_row(org, lead, at, by, "created"))
        return
    for field in org.types[name].fields.values():
        before, after = old.get(field.name), new.get(field.name)
        if not field.tracked or before == after or field.name in org.switches.untracked_fields:
            continue
        if field.name == "OwnerId":
            for row in owner_rows(org, lead, at, by, before, after):
                table.put(row)
        else:
            table.put(history_row(org, lead, at, by, field.name, before, after))
    if new.get("IsConverted") and not old.get("IsConverted"):
        table.put(history_row(org, lead, at, by, "leadConverted"))


def keep_assignment(org: Org, old: Row | None, new: Row, at: str, by: str) -> None:
    """The row of an assignment rule that gave the lead to another owner."""
    if old is None or old.get("OwnerId") != new.get("OwnerId"):
        org.tables["LeadHistory"].put(history_row(org, new["Id"], at, by, "ownerAssignment"))


def keep_acceptance(org: Org, lead_id: str, by: str) -> None:
    """The row of a person who took the lead out of a queue."""
    org.tables["LeadHistory"].put(history_row(org, lead_id, org.now(), by, "ownerAccepted"))
