"""What becomes of a lead: its conversion, its merging into another, its way out of the recycle bin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import ObjectType, Row
from localcrm.salesforce.history import history_row
from localcrm.salesforce.org import ACTIVITY, Org
from localcrm.salesforce.stamps import instant_of, stamp

CONVERTED_STATUS = "Closed - Converted"
_NO_COMPANY = "[not provided]"
_LIKE_THE_LEAD = (
    "FirstName",
    "LastName",
    "Salutation",
    "Email",
    "Phone",
    "MobilePhone",
    "Title",
    "LeadSource",
)
_KEPT_BY_LOSER = ("LeadHistory", "ContactHistory")


@dataclass(frozen=True, slots=True)
class Conversion:
    """How one lead is converted. ``at`` is a canonical stamp; no ``stage``, no opportunity."""

    user: str
    at: str
    stage: str | None = "Proposal"


def convert(org: Org, lead: Row, how: Conversion) -> None:
    """Make the lead converted, with its account, contact and (as a rule) opportunity; changes ``lead``."""
    owner = lead["OwnerId"] if lead["OwnerId"].startswith("005") else how.user
    company = lead.get("Company") or lead["Name"]
    account = _made(org, "Account", how, Name=company, OwnerId=owner)
    same = {name: lead[name] for name in _LIKE_THE_LEAD if name in lead}
    contact = _made(org, "Contact", how, **same, Name=lead["Name"], AccountId=account, OwnerId=owner)
    lead |= {"Status": CONVERTED_STATUS, "IsConverted": True, "ConvertedDate": how.at[:10]}
    lead |= {"ConvertedAccountId": account, "ConvertedContactId": contact}
    if how.stage:
        closed = how.stage.startswith("Closed")
        deal = _made(
            org,
            "Opportunity",
            how,
            Name=company,
            AccountId=account,
            OwnerId=owner,
            StageName=how.stage,
            CloseDate=stamp(instant_of(how.at) + timedelta(days=30))[:10],
            IsClosed=closed,
            IsWon=how.stage == "Closed Won",
        )
        _made(org, "OpportunityContactRole", how, OpportunityId=deal, ContactId=contact, IsPrimary=True)
        lead["ConvertedOpportunityId"] = deal
    _take_along(org, lead["Id"], contact, how)


def _made(org: Org, name: str, how: Conversion, **values: object) -> str:
    kind, table = org.types[name], org.tables[name]
    row: Row = {**kind.blank, **values, "Id": table.next_id()}
    row |= dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), how.at)
    row |= dict.fromkeys(("CreatedById", "LastModifiedById"), how.user)
    table.put(row)
    return str(row["Id"])


def _take_along(org: Org, lead: str, contact: str, how: Conversion) -> None:
    """Campaign members belong to both from now on; activities move where the switch says so."""
    moved = {"LastModifiedDate": how.at, "SystemModstamp": how.at, "LastModifiedById": how.user}
    for member in org.tables["CampaignMember"].having("LeadId", lead):
        org.tables["CampaignMember"].replace({**member, "ContactId": contact, **moved})
    for name in ACTIVITY if org.switches.activities_follow_conversion else ():
        for row in org.tables[name].having("WhoId", lead):
            org.tables[name].replace({**row, "WhoId": contact, **moved})


def merge(org: Org, kind: ObjectType, loser_id: str, survivor_id: str, user: str) -> None:
    """Delete one record in favour of another of its kind, which takes its children over."""
    loser, survivor = org.find(kind, loser_id), org.find(kind, survivor_id)
    if "MasterRecordId" not in kind.fields or loser["Id"] == survivor["Id"]:
        raise ApiError("INVALID_OPERATION", "cannot merge these records")
    moved = {"LastModifiedDate": org.now(), "SystemModstamp": org.now(), "LastModifiedById": user}
    for child in kind.children:
        if child.object in _KEPT_BY_LOSER:
            continue
        table, fields = org.tables[child.object], org.types[child.object].fields
        stamps = {name: value for name, value in moved.items() if name in fields}
        for row in table.having(child.field, loser["Id"]):
            table.replace({**row, child.field: survivor["Id"], **stamps})
    table = org.tables[kind.name]
    table.replace({**loser, "IsDeleted": True, "MasterRecordId": survivor["Id"], **moved})
    table.replace({**survivor, **moved})
    if kind.name == "Lead":
        org.tables["LeadHistory"].put(history_row(org, survivor["Id"], org.now(), user, "leadMerged"))


def undelete(org: Org, kind: ObjectType, record_id: str, user: str) -> None:
    """Take a record, and what was deleted with it, out of the recycle bin."""
    row = org.tables[kind.name].rows.get(record_id)
    if row is None or not row.get("IsDeleted") or "undelete" not in kind.can:
        raise ApiError("UNDELETE_FAILED", "Entity is not in the recycle bin")
    moved = {"IsDeleted": False, "SystemModstamp": org.now()}
    if "LastModifiedDate" in kind.fields:
        moved |= {"LastModifiedDate": org.now(), "LastModifiedById": user}
    back = {name: value for name, value in row.items() if name not in ("MasterRecordId", "_deleted_with")}
    org.tables[kind.name].replace({**back, **moved})
    for child in kind.children:
        for one in org.tables[child.object].having(child.field, record_id):
            if one.get("_deleted_with") == record_id:
                fields = org.types[child.object].fields
                stamps = {name: value for name, value in moved.items() if name in fields}
                kept = {name: value for name, value in one.items() if name != "_deleted_with"}
                org.tables[child.object].replace({**kept, **stamps})
