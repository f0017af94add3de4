"""Our notes in a HubSpot account, found by a property of ours. They belong to no record.

Only the search knows a property's value, and it lags behind writes: a new note is waited for until the
search shows it, so that whoever publishes next finds it.
"""

from __future__ import annotations

from connectors.base import Note, Receipt, ReceiptStatus
from connectors.errors import OutcomeUnknown, Unavailable
from connectors.hubspot.client import Client
from connectors.hubspot.fields import NOTE_KEY, milliseconds
from connectors.hubspot.refusals import Denied, Refused, message_for
from connectors.rich_text import as_html, words_of

LOOKS = 6
SECONDS_BETWEEN_LOOKS = 3.0
_BODY = "hs_note_body"
_RIGHT = "notes need crm.objects.contacts.read and crm.objects.contacts.write"
_NO_KEY = f"the property notes.{NOTE_KEY} is missing; run `leadsla provision`"
_UNSEEN = "HubSpot's search does not show the note yet; publish it again in some minutes, not before"
_ON_NO_RECORD = (
    "HubSpot shows a note on the records it is associated with; associate it with one to read it there"
)


class Notes:
    """Keeps notes in one account."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def publish(self, note: Note) -> Receipt:
        """See ``KeepsNotes.publish_note``."""
        try:
            if NOTE_KEY not in self._client.schema("notes"):
                return Receipt(ReceiptStatus.REJECTED, message=_NO_KEY)
            note_id = self._find(note.key)
            body = self._body(note_id)
            return self._create(note) if body is None else self._update(note_id, body, note)
        except Denied as error:
            return Receipt(ReceiptStatus.REJECTED, message=f"{error}; {_RIGHT}")
        except Refused as error:
            return Receipt(ReceiptStatus.REJECTED, message=message_for(error.code))
        except Unavailable as error:
            return Receipt(ReceiptStatus.DEFERRED, message=str(error))

    def _find(self, key: str) -> str:
        """The id of the oldest note with the key, as far as the search knows; empty without one."""
        wanted = {"propertyName": NOTE_KEY, "operator": "EQ", "value": key}
        found = self._client.search("notes", [wanted], [NOTE_KEY]).results
        return str(found[0]["id"]) if found else ""

    def _body(self, note_id: str) -> str | None:
        """What the note says now, read by id and so without the search's lag; None without such a note."""
        rows = self._client.read("notes", [note_id], [_BODY]) if note_id else []
        return str((rows[0].get("properties") or {}).get(_BODY) or "") if rows else None

    def _update(self, note_id: str, body: str, note: Note) -> Receipt:
        if words_of(body) == words_of(_html(note)):
            return Receipt(ReceiptStatus.UNCHANGED, note_id)
        self._client.update("notes", [{"id": note_id, "properties": self._properties(note)}])
        return Receipt(ReceiptStatus.WRITTEN, note_id)

    def _create(self, note: Note) -> Receipt:
        new = {"properties": {NOTE_KEY: note.key, **self._properties(note)}, "associations": []}
        made = lost = ""
        try:
            made = "".join(str(one["id"]) for one in self._client.create("notes", [new]).results)
        except OutcomeUnknown as error:
            lost = f"{error}; "
        shown = self._await(note.key)
        if made or shown:
            return Receipt(ReceiptStatus.WRITTEN, made or shown, _ON_NO_RECORD if shown else _UNSEEN)
        return Receipt(ReceiptStatus.UNKNOWN, message=f"{lost}{_UNSEEN}")

    def _await(self, key: str) -> str:
        """The id of the note once the search shows it; empty when it takes too long."""
        for look in range(LOOKS):
            if look:
                self._client.line.sleep(SECONDS_BETWEEN_LOOKS)
            try:
                found = self._find(key)
            except Unavailable:
                continue
            if found:
                return found
        return ""

    def _properties(self, note: Note) -> dict[str, str]:
        return {_BODY: _html(note), "hs_timestamp": milliseconds(self._client.server_now())}


def _html(note: Note) -> str:
    """HubSpot's notes have no title: it is the first line."""
    return f"<strong>{as_html([note.title])}</strong><br>{as_html(note.lines)}"
