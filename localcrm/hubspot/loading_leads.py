"""The story's handed-over leads as records of the leads object: where sales work, one for each contact."""

from __future__ import annotations

from dataclasses import dataclass, field

from localcrm.company import Change, LeadEntry
from localcrm.hubspot.leads import PRIMARY_COMPANY, PRIMARY_CONTACT
from localcrm.hubspot.portal import Portal
from localcrm.hubspot.records import FLOW, Record, Source
from localcrm.hubspot.values import iso, millis

# A contact becomes a lead when marketing hands it over; the stages are those of HubSpot's own lead pipeline.
LEAD_STAGES = {
    "mql": "new-stage-id",
    "accepted": "attempting-stage-id",
    "qualified": "connected-stage-id",
    "opportunity": "qualified-stage-id",
    "customer": "qualified-stage-id",
    "recycled": "unqualified-stage-id",
    "disqualified": "unqualified-stage-id",
}


@dataclass(slots=True)
class Cast:
    """Who the story's people are here: owner ids and sources by a rep's key."""

    owner_ids: dict[str, str] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)

    def source(self, key: str | None) -> Source:
        """Who wrote: a person for a rep with a seat, else an automation."""
        return self.sources.get(key or "", FLOW)

    def owner(self, key: str | None) -> str:
        """The owner's id; "" for nobody, a queue (HubSpot has none) or an automation."""
        return self.owner_ids.get(key or "", "")


def load_lead(portal: Portal, lead: LeadEntry, contact: Record, changes: list[Change], cast: Cast) -> None:
    """The lead of a contact that was ever handed over, with the history of its stage and owner."""
    stages = [change for change in changes if change.field == "stage" and change.new in LEAD_STAGES]
    if not stages and lead.stage not in LEAD_STAGES:
        return
    old = next((change.old for change in changes if change.field == "stage"), None)
    first = lead.stage if not stages else stages[0].new or lead.stage
    was_there = old in LEAD_STAGES or not stages
    born = contact.created if was_there else millis(stages[0].at)
    record = portal.add_record("leads", born, FLOW, _values(lead, changes, cast, born))
    record.values["hs_pipeline_stage"] = LEAD_STAGES[(old or "") if old in LEAD_STAGES else first]
    _replay(record, [change for change in changes if millis(change.at) > born or was_there], cast)
    portal.link(("leads", "contacts"), (record, contact), PRIMARY_CONTACT)
    for number in contact.links.get("companies", {}):
        employer = portal.tables["companies"].records[number]
        portal.link(("leads", "companies"), (record, employer), PRIMARY_COMPANY)
        record.values["hs_associated_company_name"] = employer.values.get("name", "")


def _values(lead: LeadEntry, changes: list[Change], cast: Cast, born: int) -> dict[str, str]:
    owners = [change for change in changes if change.field == "owner"]
    before = [change.new for change in owners if millis(change.at) <= born]
    owner = before[-1] if before else owners[0].old if owners else lead.owner
    values = {
        "hs_lead_name": " ".join(part for part in (lead.first_name, lead.last_name) if part),
        "hs_lead_type": "NEW BUSINESS",
        "hs_lead_label": "WARM",
        "hs_lead_source": lead.source,
        "hs_pipeline": "lead-pipeline-id",
        "hubspot_owner_id": cast.owner(owner),
    }
    return {name: value for name, value in values.items() if value}


def _replay(record: Record, changes: list[Change], cast: Cast) -> None:
    for change in changes:
        at, source = millis(change.at), cast.source(change.by)
        if change.field == "owner":
            record.put("hubspot_owner_id", cast.owner(change.new), at, source)
            record.put("hubspot_owner_assigneddate", iso(at), at, source)
        elif change.new in LEAD_STAGES:
            record.put("hs_pipeline_stage", LEAD_STAGES[change.new], at, source)
