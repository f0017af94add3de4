"""Merged, erased and restored records: what stays findable, and under which id."""

from __future__ import annotations

from localcrm.hubspot.portal import Portal
from localcrm.hubspot.records import Record, Source


def merge_into(portal: Portal, kind: str, primary: Record, other: Record, source: Source) -> Record:
    """Fold ``other`` into ``primary``; answers the survivor, found by both old ids from now on.

    With the switch ``merge_makes_new_record`` the survivor is a third record that took over from both.
    """
    absorbed, survivor = [other], primary
    if portal.switches.merge_makes_new_record:
        survivor = _heir(portal, kind, primary, source)
        absorbed.append(primary)
    moved = sum(_absorb(portal, kind, survivor, one, source) for one in absorbed)
    _note_merged(portal, kind, survivor, absorbed, source)
    portal.claim(kind, survivor)
    told = {
        "primaryObjectId": primary.number,
        "mergedObjectIds": [other.number],
        "newObjectId": survivor.number,
        "numberOfPropertiesMoved": moved,
    }
    portal.tell(kind, "merge", survivor, source, told)
    return survivor


def erase(portal: Portal, kind: str, record: Record, source: Source) -> None:
    """Delete for good: no list, no archive, no history and no event knows the record afterwards."""
    if record.archived_at is None:
        portal.archive(kind, record, source)
    del portal.tables[kind].archived[record.number]
    address = record.values.get("email", "")
    if kind == "contacts" and address:
        portal.email_events = [one for one in portal.email_events if one["recipient"] != address]
        portal.submissions = [one for one in portal.submissions if one.address != address]
    portal.tell(kind, "privacyDeletion", record, source)


def restore(portal: Portal, kind: str, record: Record, source: Source) -> None:
    """Bring an archived record back as it was, without its associations."""
    table = portal.tables[kind]
    record.archived_at = None
    record.updated = max(record.updated, portal.now())
    table.restore(record)
    portal.claim(kind, record)
    portal.tell(kind, "restore", record, source)


def _heir(portal: Portal, kind: str, primary: Record, source: Source) -> Record:
    heir = portal.add_record(kind, portal.now(), source, dict(primary.values))
    heir.created, heir.origin = primary.created, primary.origin
    heir.history = {name: list(versions) for name, versions in primary.history.items()}
    return heir


def _absorb(portal: Portal, kind: str, survivor: Record, gone: Record, source: Source) -> int:
    """Move associations, then empty properties; answers how many properties moved."""
    for to_kind, others in [(to_kind, dict(others)) for to_kind, others in gone.links.items()]:
        for number, type_ids in others.items():
            target = portal.tables[to_kind].records.get(number)
            for type_id in sorted(type_ids) if target is not None and target is not survivor else ():
                portal.link((kind, to_kind), (survivor, target or survivor), type_id)
    table, now = portal.tables[kind], portal.now()
    portal.take_away(kind, gone)
    del table.archived[gone.number]
    table.merged[gone.number] = survivor.number
    for old, target_number in list(table.merged.items()):
        if target_number == gone.number:
            table.merged[old] = survivor.number
    moved = [(name, value) for name, value in gone.values.items() if value and not survivor.values.get(name)]
    for name, value in moved:
        survivor.put(name, value, now, source)
    survivor.updated = max(survivor.updated, now)
    return len(moved)


def _note_merged(portal: Portal, kind: str, survivor: Record, absorbed: list[Record], source: Source) -> None:
    now = portal.now()
    ids = survivor.values.get("hs_merged_object_ids", "").split(";")
    for one in absorbed:
        ids += [*one.values.get("hs_merged_object_ids", "").split(";"), str(one.number)]
    survivor.put("hs_merged_object_ids", ";".join(dict.fromkeys(filter(None, ids))), now, source)
    if kind == "contacts":
        stamped = [survivor.values.get("hs_calculated_merged_vids", "")]
        stamped += [f"{one.number}:{now}" for one in absorbed]
        survivor.put("hs_calculated_merged_vids", ";".join(filter(None, stamped)), now, source)
