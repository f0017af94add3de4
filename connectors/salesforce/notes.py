"""Our notes in an org: a ContentNote, found by the key at the end of its title, shared with the company.

A ContentNote takes no fields of ours, so the title carries the key. Whoever makes one is alone in
seeing it, administrators included, until it is shared.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from connectors.base import Note, Receipt, ReceiptStatus
from connectors.errors import BudgetSpent, CrmError, OutcomeUnknown, Unavailable
from connectors.rich_text import as_html, words_of
from connectors.salesforce.client import Client, Denied, RefusedCall, UnknownName
from connectors.salesforce.record_refusals import remedy_for

_TITLE_LENGTH = 255
_RIGHT = "enable Notes in Setup (Notes Settings) and let our user read, create and edit ContentNote"
_ALONE = "only our user sees this note, as Salesforce does not share it with the company"


class Notes:
    """Keeps notes in one org. ``org_id`` tells whom a note is shared with."""

    def __init__(self, client: Client, org_id: Callable[[], str]) -> None:
        self._client = client
        self._org_id = org_id

    def publish(self, note: Note) -> Receipt:
        """See ``KeepsNotes.publish_note``."""
        try:
            found = self._find(note.key)
            receipt = self._create(note) if found is None else self._update(found, note)
        except (Denied, UnknownName) as error:  # an org without Notes does not know the object
            return Receipt(ReceiptStatus.REJECTED, message=f"{error}; {_RIGHT}")
        except RefusedCall as error:
            return Receipt(ReceiptStatus.REJECTED, message=remedy_for(error.code))
        except Unavailable as error:
            return Receipt(ReceiptStatus.DEFERRED, message=str(error))
        if not receipt.record_id:
            return receipt
        return Receipt(receipt.status, receipt.record_id, self._share(receipt.record_id))

    def _find(self, key: str) -> dict[str, Any] | None:
        """The oldest note whose title ends with the key. A key holds no wildcard of LIKE."""
        rows = self._client.query(
            f"SELECT Id, Title FROM ContentNote WHERE Title LIKE '%[{key}]' ORDER BY CreatedDate, Id LIMIT 1"
        )["records"]
        return rows[0] if rows else None

    def _create(self, note: Note) -> Receipt:
        try:
            made = self._client.rest("POST", "sobjects/ContentNote", _values(note))
        except OutcomeUnknown as error:
            found = self._find(note.key)
            if found is None:
                return Receipt(ReceiptStatus.UNKNOWN, message=str(error))
            made = {"id": found["Id"]}
        return Receipt(ReceiptStatus.WRITTEN, str(made["id"]))

    def _update(self, found: dict[str, Any], note: Note) -> Receipt:
        path = f"sobjects/ContentNote/{found['Id']}"
        content = (self._client.blob(f"{path}/Content") or b"").decode(errors="replace")
        is_same = words_of(content) == words_of(as_html(note.lines))
        if is_same and found["Title"] == _title(note):
            return Receipt(ReceiptStatus.UNCHANGED, str(found["Id"]))
        self._client.rest("PATCH", path, _values(note))
        return Receipt(ReceiptStatus.WRITTEN, str(found["Id"]))

    def _share(self, note_id: str) -> str:
        """Let everybody in the company read the note. What is left to do, if anything."""
        link = {"ContentDocumentId": note_id, "LinkedEntityId": self._org_id()}
        asked = " AND ".join(f"{name} = '{value}'" for name, value in link.items())
        try:
            if not self._client.query(f"SELECT Id FROM ContentDocumentLink WHERE {asked}")["records"]:
                self._client.rest("POST", "sobjects/ContentDocumentLink", {**link, "ShareType": "V"})
        except BudgetSpent:
            raise
        except CrmError as error:
            return f"{_ALONE} ({error}); share the note {note_id} with who should read it"
        return ""


def _title(note: Note) -> str:
    tail = f" [{note.key}]"
    return " ".join(note.title.split())[: _TITLE_LENGTH - len(tail)] + tail


def _values(note: Note) -> dict[str, str]:
    content = as_html(note.lines).encode()
    return {"Title": _title(note), "Content": b64encode(content).decode()}
