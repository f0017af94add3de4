"""Turns a company's story into Salesforce people, leads and their history."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from localcrm.company import Change, Company, LeadEntry, Rep
from localcrm.salesforce.conversion import Conversion, convert
from localcrm.salesforce.fields import Row
from localcrm.salesforce.history import history_row, owner_rows
from localcrm.salesforce.loading_touches import load_touches
from localcrm.salesforce.org import Org
from localcrm.salesforce.rules import set_name
from localcrm.salesforce.seeding import put, put_queue, user_fields
from localcrm.salesforce.stamps import stamp
from localcrm.salesforce.values import stored

STATUS = {
    "new": "Open - Not Contacted",
    "mql": "Marketing Qualified",
    "accepted": "Working - Contacted",
    "qualified": "Sales Qualified",
    "opportunity": "Closed - Converted",
    "customer": "Closed - Converted",
    "recycled": "Recycled - Nurture",
    "disqualified": "Closed - Not Converted",
}
_CONVERTED = ("opportunity", "customer")
_DEAL_STAGE = {"opportunity": "Proposal", "customer": "Closed Won"}
_NO_COMPANY = "[not provided]"


class Loading:
    """One load. ``owners`` and ``leads`` map the story's keys to record ids."""

    def __init__(self, org: Org, company: Company) -> None:
        self.org = org
        self.company = company
        self.owners: dict[str, str] = {}
        self.leads: dict[str, str] = {}
        self.changes: dict[str, list[Change]] = defaultdict(list)
        for change in company.changes:
            self.changes[change.lead].append(change)

    def run(self) -> None:
        self._people()
        rows = [self._lead(entry) for entry in self.company.leads]
        self.org.tables["Lead"].put_all(rows)
        self._history()
        load_touches(self.org, self.company.touches, self.owners, self.leads)

    def _people(self) -> None:
        org, company = self.org, self.company
        start = stamp(min((one.created_at for one in company.leads), default=company.told_until))
        automation = next((one for one in company.reps if one.automation), None)
        for rep in company.reps:
            self._person(rep, start, integration=rep is automation)
        for queue in company.queues:
            same = next((row for row in org.rows("Group") if row["Name"] == queue.name), None)
            self.owners[queue.key] = same["Id"] if same else put_queue(org, queue.name)

    def _person(self, rep: Rep, start: str, *, integration: bool) -> None:
        fields = user_fields(rep.first_name, rep.last_name, rep.email, rep.time_zone)
        fields |= {"IsActive": rep.active, "_key": rep.key, "_automation": rep.automation}
        if integration:
            user = self.org.integration_user
            table = self.org.tables["User"]
            table.replace({**table.rows[user], **fields})
            self.owners[rep.key] = user
        else:
            self.owners[rep.key] = put(self.org, "User", start, **fields)["Id"]

    def _lead(self, entry: LeadEntry) -> Row:
        org, kind = self.org, self.org.types["Lead"]
        row: Row = {**kind.blank, **self._given(entry), "Id": org.tables["Lead"].next_id()}
        row["Status"] = STATUS[entry.stage]
        row["OwnerId"] = self.owners.get(entry.owner or "", org.inbound_queue)
        row["IsUnreadByOwner"] = entry.stage in ("new", "mql")
        row["HasOptedOutOfEmail"] = entry.email_opt_out
        set_name(row)
        changes = self.changes.get(entry.key, [])
        last = changes[-1] if changes else None
        row["CreatedDate"] = stamp(entry.created_at)
        row["CreatedById"] = org.integration_user
        row["LastModifiedDate"] = row["SystemModstamp"] = stamp(last.at) if last else row["CreatedDate"]
        row["LastModifiedById"] = (
            self.owners.get(last.by, org.integration_user) if last else org.integration_user
        )
        if entry.stage in _CONVERTED:
            at, by = self._converted(entry, changes)
            user = self.owners.get(by, org.integration_user)
            convert(org, row, Conversion(user, stamp(at), _DEAL_STAGE[entry.stage]))
            self._won(entry, row, changes)
        self.leads[entry.key] = row["Id"]
        return row

    def _given(self, entry: LeadEntry) -> Row:
        fields = self.org.types["Lead"].fields
        given: Row = {
            "LastName": entry.last_name or _NO_COMPANY,
            "FirstName": entry.first_name,
            "Company": entry.company or _NO_COMPANY,
            "Email": entry.email,
            "Phone": entry.phone,
            "Title": entry.job_title,
            "Country": entry.country,
            "Industry": entry.industry,
            "LeadSource": entry.source,
            "Rejection_Reason__c": entry.reason,
        }
        row: Row = {name: text[: fields[name].length] for name, text in given.items() if text}
        if entry.employees is not None:
            row["NumberOfEmployees"] = entry.employees
        for name, text in entry.extra.items():
            if name in fields and (value := stored(fields[name], text)) is not None:
                row[name] = value
        return row

    def _converted(self, entry: LeadEntry, changes: list[Change]) -> tuple[datetime, str]:
        for change in changes:
            if change.field == "stage" and change.new in _CONVERTED:
                return change.at, change.by
        return (changes[-1].at, changes[-1].by) if changes else (entry.created_at, "")

    def _won(self, entry: LeadEntry, lead: Row, changes: list[Change]) -> None:
        won = next((one for one in changes if one.field == "stage" and one.new == "customer"), None)
        if won is not None and entry.stage == "customer":
            table = self.org.tables["Opportunity"]
            deal = table.rows[lead["ConvertedOpportunityId"]]
            table.replace({**deal, "LastModifiedDate": stamp(won.at), "SystemModstamp": stamp(won.at)})

    def _history(self) -> None:
        org, rows = self.org, list[Row]()
        told: list[tuple[datetime, int, LeadEntry | Change]] = [
            (one.created_at, 0, one) for one in self.company.leads
        ]
        told += [(one.at, 1, one) for one in self.company.changes if one.lead in self.leads]
        for at, _, one in sorted(told, key=lambda item: item[:2]):
            if isinstance(one, LeadEntry):
                rows.append(history_row(org, self.leads[one.key], stamp(at), org.integration_user, "created"))
            else:
                rows += self._changed(one)
        org.tables["LeadHistory"].put_all(rows)

    def _changed(self, change: Change) -> list[Row]:
        org, lead, at = self.org, self.leads[change.lead], stamp(change.at)
        untracked = org.switches.untracked_fields
        by = self.owners.get(change.by, org.integration_user)
        if change.field == "owner":
            if "OwnerId" in untracked:
                return []
            old, new = (self.owners.get(key or "", org.inbound_queue) for key in (change.old, change.new))
            return owner_rows(org, lead, at, by, old, new)
        before, after = STATUS.get(change.old or ""), STATUS.get(change.new or "")
        if before == after:
            return []
        is_tracked = "Status" not in untracked
        rows = [history_row(org, lead, at, by, "Status", before, after)] if is_tracked else []
        if change.new in _CONVERTED:
            rows.append(history_row(org, lead, at, by, "leadConverted"))
        return rows


def load_company(org: Org, company: Company) -> None:
    """Load a whole story into a freshly furnished org. The caller holds the lock."""
    Loading(org, company).run()
