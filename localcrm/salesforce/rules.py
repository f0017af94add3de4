"""What Salesforce itself does when a record is saved: derived fields, assignment, refusals by state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from localcrm.salesforce.conversion import CONVERTED_STATUS, Conversion, convert
from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import Row
from localcrm.salesforce.notes import note_saved, share_saved
from localcrm.salesforce.org import Org
from localcrm.salesforce.stamps import instant_of, stamp

CLOSED_TASK = "Completed"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes, and how. A ``person`` works in the screens: no assignment rule, more fields.

    ``batch`` counts the records saved together; ``opportunity`` says whether a conversion makes one.
    """

    user: str
    person: bool = False
    auto_assign: bool = True
    allow_duplicates: bool = False
    batch: int = 1
    opportunity: bool = True
    may_customise: bool = True


@dataclass(frozen=True, slots=True)
class Save:
    """One record about to be saved; ``old`` is None when it is created, ``new`` may be completed."""

    org: Org
    old: Row | None
    new: Row
    actor: Actor


Rule = Callable[[Save], None]


def before_save(org: Org, name: str, old: Row | None, new: Row, actor: Actor) -> None:
    """Complete ``new`` in place, or refuse the save."""
    rule = _RULES.get(name)
    if rule is not None:
        rule(Save(org, old, new, actor))


def set_name(row: Row) -> None:
    """Name = first and last name."""
    row["Name"] = f"{row.get('FirstName') or ''} {row.get('LastName') or ''}".strip()


def _lead(save: Save) -> None:
    set_name(save.new)
    if save.actor.person:
        if save.new.get("IsConverted") and not (save.old or {}).get("IsConverted"):
            stage = "Proposal" if save.actor.opportunity else None
            convert(save.org, save.new, Conversion(save.actor.user, save.org.now(), stage))
        if save.actor.user == save.new.get("OwnerId"):
            save.new["IsUnreadByOwner"] = False
        return
    if save.old is not None and save.old.get("IsConverted"):
        raise ApiError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    if save.new.get("Status") == CONVERTED_STATUS and (save.old or {}).get("Status") != CONVERTED_STATUS:
        raise ApiError(
            "INVALID_STATUS", "invalid convertedStatus: a lead is converted, not set so", ("Status",)
        )
    if save.actor.auto_assign and save.org.switches.assignment_rules:
        save.new["OwnerId"] = save.org.inbound_queue


def _task(save: Save) -> None:
    save.new["IsClosed"] = save.new.get("Status") == CLOSED_TASK
    save.new["IsHighPriority"] = save.new.get("Priority") == "High"
    save.new.setdefault("TaskSubtype", "Task")
    if not save.new["IsClosed"]:
        save.new.pop("CompletedDateTime", None)
    elif not (save.old or {}).get("IsClosed"):
        save.new.setdefault("CompletedDateTime", save.org.now())
        _last_activity(save.org, save.new)


def _event(save: Save) -> None:
    start = save.new.get("StartDateTime") or save.new.get("ActivityDateTime")
    if not start:
        raise ApiError(
            "REQUIRED_FIELD_MISSING", "Required fields are missing: [StartDateTime]", ("StartDateTime",)
        )
    if save.new.get("DurationInMinutes") is None and not save.new.get("EndDateTime"):
        raise ApiError(
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [DurationInMinutes]",
            ("DurationInMinutes",),
        )
    save.new["StartDateTime"] = save.new["ActivityDateTime"] = start
    save.new["ActivityDate"] = start[:10]
    if save.new.get("DurationInMinutes") is not None:
        save.new["EndDateTime"] = stamp(instant_of(start) + timedelta(minutes=save.new["DurationInMinutes"]))
    else:
        length = instant_of(save.new["EndDateTime"]) - instant_of(start)
        save.new["DurationInMinutes"] = int(length.total_seconds() // 60)
    _last_activity(save.org, save.new)


def _last_activity(org: Org, activity: Row) -> None:
    lead = org.tables["Lead"].rows.get(activity.get("WhoId") or "")
    day = activity.get("ActivityDate")
    if lead is not None and day and day > lead.get("LastActivityDate", ""):
        org.tables["Lead"].replace({**lead, "LastActivityDate": day})


def _opportunity(save: Save) -> None:
    save.new["IsWon"] = save.new.get("StageName") == "Closed Won"
    save.new["IsClosed"] = str(save.new.get("StageName")).startswith("Closed")


def _campaign_member(save: Save) -> None:
    save.new["HasResponded"] = save.new.get("Status") == "Responded"
    if save.new["HasResponded"]:
        save.new.setdefault("FirstRespondedDate", save.org.now()[:10])


def _person_named(save: Save) -> None:
    set_name(save.new)


def _email_message(save: Save) -> None:
    save.new["Name"] = save.new.get("Subject") or save.new["Id"]
    save.new.setdefault("MessageDate", save.org.now())


def _email_relation(save: Save) -> None:
    target = save.org.target(
        save.org.types["EmailMessageRelation"].fields["RelationId"], save.new.get("RelationId")
    )
    if target is not None:
        save.new["RelationObjectType"] = target[0]
        save.new.setdefault("RelationAddress", target[1].get("Email"))


def _named_by_id(save: Save) -> None:
    if not save.new.get("Name"):
        save.new["Name"] = save.new["Id"]


def _field_permissions(save: Save) -> None:
    kind = save.org.types.get(save.new["SobjectType"])
    prefix, _, name = save.new["Field"].partition(".")
    if kind is None or prefix != kind.name or name not in kind.fields:
        text = f"Field Name: bad value for restricted picklist field: {save.new['Field']}"
        raise ApiError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text, ("Field",))
    for row in save.org.rows("FieldPermissions"):
        same = all(row[key] == save.new[key] for key in ("ParentId", "Field"))
        if same and row["Id"] != save.new["Id"]:
            text = f"duplicate value found: <unknown> duplicates value on record with id: {row['Id']}"
            raise ApiError("DUPLICATE_VALUE", text)
    if save.new["PermissionsEdit"] and not save.new["PermissionsRead"]:
        raise ApiError(
            "FIELD_INTEGRITY_EXCEPTION", "Field permission edit depends on read", ("PermissionsRead",)
        )


_RULES: dict[str, Rule] = {
    "Lead": _lead,
    "Task": _task,
    "Event": _event,
    "Opportunity": _opportunity,
    "CampaignMember": _campaign_member,
    "User": _person_named,
    "Contact": _person_named,
    "EmailMessage": _email_message,
    "EmailMessageRelation": _email_relation,
    "Marketing_Activity__c": _named_by_id,
    "FieldPermissions": _field_permissions,
    "ContentNote": lambda save: note_saved(save.new),
    "ContentDocumentLink": lambda save: share_saved(save.org, save.new),
}
