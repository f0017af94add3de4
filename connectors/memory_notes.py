"""Notes in the CRM in this process: looked up by key before one is made, as the real ones do."""

from __future__ import annotations

from connectors.base import Note, Receipt, ReceiptStatus
from connectors.memory_records import MemoryRecords

LOST = Receipt(ReceiptStatus.UNKNOWN, message="the answer was lost")


def publish(records: MemoryRecords, note: Note) -> Receipt:
    """See ``KeepsNotes.publish_note``."""
    if records.faults.forbid_notes:
        return Receipt(ReceiptStatus.REJECTED, message="FORBIDDEN: give our user the right to write notes")
    found = [note_id for note_id, kept in records.notes.items() if kept.key == note.key]
    if not found:
        return _create(records, note)
    if records.notes[found[0]] == note:
        return Receipt(ReceiptStatus.UNCHANGED, found[0])
    records.notes[found[0]] = note
    return Receipt(ReceiptStatus.WRITTEN, found[0])


def _create(records: MemoryRecords, note: Note) -> Receipt:
    faults = records.faults
    if faults.lose_before:
        faults.lose_before -= 1
        return LOST
    note_id = records.new_note_id()
    records.notes[note_id] = note
    if faults.lose_after:
        faults.lose_after -= 1
        return LOST
    return Receipt(ReceiptStatus.WRITTEN, note_id)
