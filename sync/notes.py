"""Whether a note of ours may go into a CRM at all. How it gets there is the connector's matter."""

from __future__ import annotations

from connectors.base import Crm, KeepsNotes, Note, Receipt, ReceiptStatus
from sync.orders import Mode


def publish(crm: Crm, note: Note, mode: Mode) -> Receipt:
    """Put a note where everybody can read it; in shadow mode nothing is written, and that is said.

    Raises Unauthorised and BudgetSpent, as ``KeepsNotes.publish_note`` does.
    """
    if mode == "shadow":
        return Receipt(ReceiptStatus.DEFERRED, message="in shadow mode nothing is written, not even a note")
    if not isinstance(crm, KeepsNotes):
        return Receipt(ReceiptStatus.REJECTED, message="notes cannot be written into this CRM")
    return crm.publish_note(note)
