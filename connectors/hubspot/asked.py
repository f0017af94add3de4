"""What is asked of a lead, and which of it tells that its past is news.

A property that goes away and comes back between two polls shows what it showed before, unless HubSpot
keeps a date or a count beside it (below). Its past is then told late, with the next that is read; not lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from connectors.hubspot.carrier import LEADS, OF_CONTACT, carrier_of, of_contact
from connectors.hubspot.fields import LEAD_STAMP, OWNER, milliseconds, our_properties
from connectors.hubspot.marks import Mark
from connectors.mapping import ConnectionMapping, parse_instant

MERGED_IDS = "hs_merged_object_ids"
MERGED_WHEN = "hs_calculated_merged_vids"  # "id:milliseconds;id:milliseconds"
LIFECYCLE = "lifecyclestage"
PRIMARY_CONTACT = "hs_primary_contact_id"
CONTACT_STAMP = OF_CONTACT + LEAD_STAMP
CONTACT_EMAIL = OF_CONTACT + "email"
# What moves with a property even when the property has the same value again. Unknown ones are not shown.
_BESIDE: Mapping[str, tuple[str, ...]] = {
    OWNER: ("hubspot_owner_assigneddate",),
    "recent_conversion_event_name": ("recent_conversion_date", "num_conversion_events"),
    "first_conversion_event_name": ("first_conversion_date",),
    "hs_analytics_last_url": ("hs_analytics_last_timestamp", "hs_analytics_num_page_views"),
    "hs_latest_source": ("hs_latest_source_timestamp",),
    "hs_pipeline_stage": ("hs_v2_date_entered_current_stage",),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The properties asked of a lead, those asked with their history, those that tell of a new past.

    With the Leads object, names that start with ``contact.`` are asked of the lead's contact.
    """

    plain: tuple[str, ...]
    with_history: tuple[str, ...]
    telling: tuple[str, ...]
    stamp: str

    @classmethod
    def by(cls, mapping: ConnectionMapping) -> Asked:
        carrier = carrier_of(mapping)
        past = [*mapping.stages, OWNER]
        past += [one.history_of for one in mapping.activities.values() if one.history_of]
        opt_out = mapping.lead.get("email_opt_out")
        if opt_out is not None:
            past.append(opt_out.field)
        telling = [*past, *(beside for name in past for beside in _beside(name))]
        for value in mapping.stages.get(LIFECYCLE, ()):
            telling += [f"hs_v2_date_entered_{value}", f"hs_v2_date_exited_{value}"]
        plain = [carrier.created, carrier.stamp, MERGED_IDS, OWNER, *mapping.stages]
        if carrier is LEADS:
            plain += [PRIMARY_CONTACT, CONTACT_STAMP, CONTACT_EMAIL]
        else:
            plain += ["email", MERGED_WHEN]
        plain += [*(one.field for one in mapping.lead.values()), *our_properties(), *telling]
        return cls(_once(plain), _once(past), _once(telling), carrier.stamp)

    @property
    def own(self) -> Asked:
        """What is asked of the lead itself."""
        return self._part(lambda name: "" if of_contact(name) else name)

    @property
    def contacts(self) -> Asked:
        """What is asked of its contact, by the contact's own names."""
        return self._part(of_contact)

    def _part(self, name_of: Callable[[str], str]) -> Asked:
        parts = (_once(map(name_of, names)) for names in (self.plain, self.with_history, self.telling))
        plain, with_history, telling = parts
        return Asked(plain, with_history, telling, self.stamp)

    def mark(self, row: Mapping[str, Any]) -> Mark:
        """Of a record that shows every plain property."""
        shown = row.get("properties") or {}
        return Mark(
            stamp_of(row, self.stamp),
            _short([shown.get(name) or "" for name in self.telling]),
            _short([shown.get(MERGED_IDS) or "", shown.get(MERGED_WHEN) or ""]),
            _milliseconds(shown.get(CONTACT_STAMP)),
        )


def stamp_of(row: Mapping[str, Any], stamp: str = LEAD_STAMP) -> int:
    """When a record was changed, in milliseconds since 1970; 0 when nothing readable tells."""
    shown = row.get("properties") or {}
    told = (_milliseconds(raw) for raw in (shown.get(stamp), row.get("updatedAt"), row.get("createdAt")))
    return next((one for one in told if one), 0)


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, names)))


def _beside(name: str) -> Iterator[str]:
    start = OF_CONTACT if of_contact(name) else ""
    for beside in _BESIDE.get(of_contact(name) or name, ()):
        yield start + beside


def _milliseconds(raw: Any) -> int:
    try:
        return int(milliseconds(parse_instant(str(raw)))) if raw else 0
    except (ValueError, OverflowError):
        return 0


def _short(values: list[str]) -> str:
    return blake2b(json.dumps(values).encode(), digest_size=8).hexdigest()
