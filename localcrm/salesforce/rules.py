"""What Salesforce itself does when a record is saved: derived fields, assignment, refusals by state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import Row
from localcrm.salesforce.org import Org
from localcrm.salesforce.stamps import instant_of, stamp

CONVERTED_STATUS = "Closed - Converted"
CLOSED_TASK = "Completed"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes. A ``person`` works in the screens: no assignment rule, more fields."""

    user: str
    person: bool = False
    auto_assign: bool = True


Rule = Callable[[Org, Row | None, Row, Actor], None]


def before_save(org: Org, name: str, old: Row | None, new: Row, actor: Actor) -> None:
    """Complete ``new`` in place, or refuse the save."""
    rule = _RULES.get(name)
    if rule is not None:
        rule(org, old, new, actor)


def set_name(row: Row) -> None:
    """Name = first and last name."""
    row["Name"] = f"{row.get('FirstName') or ''} {row.get('LastName') or ''}".strip()


def _lead(org: Org, old: Row | None, new: Row, actor: Actor) -> None:
    set_name(new)
    if actor.person:
        if new.get("IsConverted") and not (old or {}).get("IsConverted"):
            convert(org, new, actor.user, stage="Proposal", at=org.now())
        if actor.user == new.get("OwnerId"):
            new["IsUnreadByOwner"] = False
        return
    if old is not None and old.get("IsConverted"):
        raise ApiError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    if new.get("Status") == CONVERTED_STATUS and (old or {}).get("Status") != CONVERTED_STATUS:
        raise ApiError("INVALID_STATUS", "invalid convertedStatus: a lead is converted, not set so", ("Status",))
    if actor.auto_assign:
        new["OwnerId"] = org.inbound_queue


def convert(org: Org, lead: Row, user: str, *, stage: str, at: str) -> None:
    """Make the lead converted, with its Opportunity. ``at`` is a canonical stamp."""
    table = org.tables["Opportunity"]
    deal: Row = {**org.types["Opportunity"].blank, "Id": table.next_id(), "StageName": stage}
    deal["Name"] = lead.get("Company") or lead["Name"]
    deal["CloseDate"] = stamp(instant_of(at) + timedelta(days=30))[:10]
    deal["OwnerId"] = lead["OwnerId"] if lead["OwnerId"].startswith("005") else user
    deal |= dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), at)
    deal |= dict.fromkeys(("CreatedById", "LastModifiedById"), user)
    _opportunity(org, None, deal, Actor(user))
    table.put(deal)
    lead.update(
        Status=CONVERTED_STATUS, IsConverted=True, ConvertedDate=at[:10], ConvertedOpportunityId=deal["Id"]
    )


def _task(org: Org, old: Row | None, new: Row, actor: Actor) -> None:
    new["IsClosed"] = new.get("Status") == CLOSED_TASK
    new["IsHighPriority"] = new.get("Priority") == "High"
    new.setdefault("TaskSubtype", "Task")
    if not new["IsClosed"]:
        new.pop("CompletedDateTime", None)
    elif not (old or {}).get("IsClosed"):
        new.setdefault("CompletedDateTime", org.now())
        _last_activity(org, new)
    if new.get("ReminderDateTime") and "IsReminderSet" not in (old or {}):
        new["IsReminderSet"] = True


def _event(org: Org, old: Row | None, new: Row, actor: Actor) -> None:
    start = new.get("StartDateTime") or new.get("ActivityDateTime")
    if not start:
        raise ApiError("REQUIRED_FIELD_MISSING", "Required fields are missing: [StartDateTime]", ("StartDateTime",))
    if new.get("DurationInMinutes") is None and not new.get("EndDateTime"):
        raise ApiError(
            "REQUIRED_FIELD_MISSING", "Required fields are missing: [DurationInMinutes]", ("DurationInMinutes",)
        )
    new["StartDateTime"] = new["ActivityDateTime"] = start
    new["ActivityDate"] = start[:10]
    if new.get("DurationInMinutes") is not None:
        new["EndDateTime"] = stamp(instant_of(start) + timedelta(minutes=new["DurationInMinutes"]))
    else:
        length = instant_of(new["EndDateTime"]) - instant_of(start)
        new["DurationInMinutes"] = int(length.total_seconds() // 60)
    _last_activity(org, new)


def _last_activity(org: Org, activity: Row) -> None:
    lead = org.tables["Lead"].rows.get(activity.get("WhoId") or "")
    day = activity.get("ActivityDate")
    if lead is not None and day and day > lead.get("LastActivityDate", ""):
        org.tables["Lead"].replace({**lead, "LastActivityDate": day})


def _opportunity(org: Org, old: Row | None, new: Row, actor: Actor) -> None:
    new["IsWon"] = new.get("StageName") == "Closed Won"
    new["IsClosed"] = str(new.get("StageName")).startswith("Closed")


def _campaign_member(org: Org, old: Row | None, new: Row, actor: Actor) -> None:
    new["HasResponded"] = new.get("Status") == "Responded"
    if new["HasResponded"]:
        new.setdefault("FirstRespondedDate", org.now()[:10])


def _user(org: Org, old: Row | None, new: Row, actor: Actor) -> None:
    set_name(new)


def _named_by_id(org: Org, old: Row | None, new: Row, actor: Actor) -> None:
    if not new.get("Name"):
        new["Name"] = new["Id"]


def _field_permissions(org: Org, old: Row | None, new: Row, actor: Actor) -> None:
    kind = org.types.get(new["SobjectType"])
    prefix, _, name = new["Field"].partition(".")
    if kind is None or prefix != kind.name or name not in kind.fields:
        text = f"Field Name: bad value for restricted picklist field: {new['Field']}"
        raise ApiError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text, ("Field",))
    for row in org.rows("FieldPermissions"):
        same = all(row[key] == new[key] for key in ("ParentId", "Field"))
        if same and row["Id"] != new["Id"]:
            text = f"duplicate value found: <unknown> duplicates value on record with id: {row['Id']}"
            raise ApiError("DUPLICATE_VALUE", text)
    if new["PermissionsEdit"] and not new["PermissionsRead"]:
        raise ApiError("FIELD_INTEGRITY_EXCEPTION", "Field permission edit depends on read", ("PermissionsRead",))


_RULES: dict[str, Rule] = {
    "Lead": _lead,
    "Task": _task,
    "Event": _event,
    "Opportunity": _opportunity,
    "CampaignMember": _campaign_member,
    "User": _user,
    "Marketing_Activity__c": _named_by_id,
    "FieldPermissions": _field_permissions,
}

