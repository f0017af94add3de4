"""How long a text HubSpot takes, and what becomes of a longer one.

Only the body of our own task is cut, with a mark: nothing reads it back. A subject or a field that is too
long is refused by HubSpot and told, for what it shows is compared with what we want it to show. A text
that stands in HubSpot already is never cut.
"""

from __future__ import annotations

from connectors.hubspot.fields import rich_text

LONGEST = 65_536  # of any text property, in the units in which Java counts
MARK = "…"


def body_of(text: str) -> str:
    """Plain text as the body of a task, cut at the end with a mark where HubSpot would not take all of it.

    >>> body_of("A & B")
    'A &amp; B'
    >>> len(body_of("&" * 20_000)), body_of("&" * 20_000)[-6:]
    (65536, '&amp;…')
    """
    whole = rich_text(text)
    if _units(whole) <= LONGEST:
        return whole
    room = LONGEST - _units(MARK)
    kept = []
    for letter in text:
        shown = rich_text(letter)  # never cut through an entity or a pair of surrogates
        room -= _units(shown)
        if room < 0:
            break
        kept.append(shown)
    return "".join(kept) + MARK


def with_note(body: str, note: str) -> str:
    """A body with a note below it; as it was where there is no room for the note."""
    parts = [part for part in (body, rich_text(note)) if part]
    longer = "<br>".join(parts)
    return longer if _units(longer) <= LONGEST else body


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
