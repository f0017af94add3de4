"""A company's story as a portal: owners, contacts with the history of stage and owner, their companies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from localcrm.company import Change, Company, LeadEntry, Rep, Touch
from localcrm.hubspot.errors import invalid_value, invalid_values
from localcrm.hubspot.kinds import ASSOCIATION_TYPES
from localcrm.hubspot.loading_leads import Cast, load_lead
from localcrm.hubspot.loading_touches import REPEATING, Journal, Touches
from localcrm.hubspot.portal import Owner, Portal
from localcrm.hubspot.records import FLOW, IMPORT, Record, person
from localcrm.hubspot.values import BadValue, accepted, iso, millis

_FIRST_OWNER, _FIRST_USER = 29_512, 7_301
STAGES: dict[str, dict[str, str]] = {
    "new": {"lifecyclestage": "lead", "hs_lead_status": "NEW"},
    "mql": {"lifecyclestage": "marketingqualifiedlead", "hs_lead_status": "OPEN"},
    "accepted": {"hs_lead_status": "IN_PROGRESS"},
    "qualified": {"lifecyclestage": "salesqualifiedlead", "hs_lead_status": "CONNECTED"},
    "opportunity": {"lifecyclestage": "opportunity", "hs_lead_status": "OPEN_DEAL"},
    "customer": {"lifecyclestage": "customer"},
    "recycled": {"hs_lead_status": "BAD_TIMING"},
    "disqualified": {"hs_lead_status": "UNQUALIFIED"},
}
_LOST = ("recycled", "disqualified")
_SOLD = ("opportunity", "customer")


def load_company(portal: Portal, company: Company) -> None:
    """Fill an empty portal; raises ApiError for a value no property takes.

    HubSpot has one contact per email address: a later lead with the same one comes without it.
    """
    cast = _load_reps(portal, company)
    changes: dict[str, list[Change]] = defaultdict(list)
    touches: dict[str, list[Touch]] = defaultdict(list)
    for change in company.changes:
        changes[change.lead].append(change)
    for touch in company.touches:
        touches[touch.lead].append(touch)
    companies: dict[str, Record] = {}
    known = Touches(portal, cast.owner_ids, cast.sources, millis(company.told_until))
    for lead in company.leads:
        contact = _load_contact(portal, lead, changes[lead.key], cast)
        _load_employer(portal, lead, contact, companies)
        journal = _journal(lead, changes[lead.key], cast)
        journal += known.load(contact, lead, touches[lead.key])
        for at, name, value, source in sorted(journal, key=lambda row: row[0]):
            contact.put(name, value, at, source, repeats=source in REPEATING)
        _load_deal(portal, lead, contact, changes[lead.key], cast)
        if portal.switches.leads:
            load_lead(portal, lead, contact, changes[lead.key], cast)
    known.finish()


def _load_reps(portal: Portal, company: Company) -> Cast:
    cast = Cast()
    for position, rep in enumerate(company.reps):
        if rep.automation:
            cast.sources[rep.key] = FLOW
            continue
        owner = _owner(rep, position, millis(company.told_until))
        portal.owners[owner.id] = owner
        _load_user(portal, owner, rep.time_zone)
        cast.owner_ids[rep.key] = owner.id
        cast.sources[rep.key] = person(owner.user)
    return cast


def _owner(rep: Rep, position: int, at: int) -> Owner:
    return Owner(
        id=str(_FIRST_OWNER + 31 * position),
        user=_FIRST_USER + position,
        email=rep.email,
        first_name=rep.first_name,
        last_name=rep.last_name,
        active=rep.active,
        at=at,
    )


def _load_user(portal: Portal, owner: Owner, time_zone: str) -> None:
    """Who signs in: where people keep their own time zone."""
    values = {
        "hs_email": owner.email,
        "hs_given_name": owner.first_name,
        "hs_family_name": owner.last_name,
        "hs_internal_user_id": str(owner.user),
        "hs_standard_time_zone": time_zone,
    }
    portal.add_record("users", owner.at, IMPORT, values)


def _load_contact(portal: Portal, lead: LeadEntry, changes: list[Change], cast: Cast) -> Record:
    values = _first_values(lead)
    stage = next((change.old or "new" for change in changes if change.field == "stage"), lead.stage)
    if stage in ("accepted", *_LOST):
        values["lifecyclestage"] = "marketingqualifiedlead"
    if stage == "customer":
        values["hs_lead_status"] = "OPEN_DEAL"
    values.update(STAGES[stage])
    owner = next((change.old for change in changes if change.field == "owner"), lead.owner)
    values["hubspot_owner_id"] = cast.owner(owner)
    if stage == lead.stage and lead.stage in _LOST:
        values["rejection_reason"] = lead.reason
    values = _accepted(portal, {**values, **lead.extra})
    if values.get("email") in portal.tables["contacts"].unique["email"]:
        del values["email"]
    return portal.add_record("contacts", millis(lead.created_at), IMPORT, values)


def _first_values(lead: LeadEntry) -> dict[str, str]:
    return {
        "email": lead.email,
        "firstname": lead.first_name,
        "lastname": lead.last_name,
        "phone": lead.phone,
        "company": lead.company,
        "jobtitle": lead.job_title,
        "country": lead.country,
        "industry": lead.industry,
        "numberofemployees": "" if lead.employees is None else str(lead.employees),
        "lead_source": lead.source,
        "hs_object_source": IMPORT.type,
    }


def _accepted(portal: Portal, values: Mapping[str, str]) -> dict[str, str]:
    kept, owners = {}, set(portal.owners)
    for name, text in values.items():
        told = portal.property("contacts", name)
        if told is None or not text:
            continue
        try:
            kept[name] = accepted(told, text, owners)
        except BadValue as bad:
            raise invalid_values([invalid_value(name, bad.error, bad.message)]) from bad
    return kept


def _journal(lead: LeadEntry, changes: list[Change], cast: Cast) -> Journal:
    rows: Journal = []
    for change in changes:
        at, source = millis(change.at), cast.source(change.by)
        if change.field == "owner":
            rows.append((at, "hubspot_owner_id", cast.owner(change.new), source))
            rows.append((at, "hubspot_owner_assigneddate", iso(at), source))
            continue
        stage = change.new or "new"
        rows += [(at, name, value, source) for name, value in STAGES[stage].items()]
        if stage in _LOST and stage == lead.stage and lead.reason:
            rows.append((at, "rejection_reason", lead.reason, source))
    return rows


def _load_employer(portal: Portal, lead: LeadEntry, contact: Record, companies: dict[str, Record]) -> None:
    if not lead.company:
        return
    employer = companies.get(lead.company)
    if employer is None:
        values = {
            "name": lead.company,
            "country": lead.country,
            "numberofemployees": "" if lead.employees is None else str(lead.employees),
        }
        kept = {name: value for name, value in values.items() if value}
        employer = portal.add_record("companies", contact.created, IMPORT, kept)
        companies[lead.company] = employer
    for type_id in ASSOCIATION_TYPES["contacts", "companies"]:
        portal.link(("contacts", "companies"), (contact, employer), type_id)
    contact.values["associatedcompanyid"] = str(employer.number)


def _load_deal(portal: Portal, lead: LeadEntry, contact: Record, changes: list[Change], cast: Cast) -> None:
    won = [change for change in changes if change.field == "stage" and change.new in _SOLD]
    if not won and lead.stage not in _SOLD:
        return
    at = millis(won[0].at) if won else contact.created
    source = cast.source(won[0].by) if won else IMPORT
    values = {
        "dealname": f"{lead.company or lead.last_name} deal",
        "pipeline": "default",
        "dealstage": "appointmentscheduled",
        "hubspot_owner_id": contact.values.get("hubspot_owner_id", ""),
    }
    kept = {name: value for name, value in values.items() if value}
    deal = portal.add_record("deals", at, source, kept)
    if lead.stage == "customer":
        closed = millis(won[-1].at) if won else at
        deal.put("dealstage", "closedwon", closed, source)
        deal.put("closedate", iso(closed), closed, source)
    portal.link(("deals", "contacts"), (deal, contact), 3)
