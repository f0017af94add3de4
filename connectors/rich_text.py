"""Lines of ours as the rich text both CRMs keep in notes, and what a rich text says whatever its form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape

# The only entities a Salesforce note takes; any other one, or a bare character, spoils the note.
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_BREAK = "<br>"
_TAG = re.compile(r"<[^>]*>")


def as_html(lines: Sequence[str]) -> str:
    """Plain lines as HTML. Spaces are folded, and characters that cannot be printed are left out.

    >>> as_html(["Webinar & demo", "lift  < 2"])
    'Webinar &amp; demo<br>lift &lt; 2'
    """
    return _BREAK.join(_printable(line).translate(_ENTITIES) for line in lines)


def _printable(line: str) -> str:
    return " ".join("".join(one for one in line if one.isprintable() or one.isspace()).split())


def words_of(html: str) -> list[str]:
    """The words a rich text shows: a CRM may rewrite the tags, never the words.

    >>> words_of("<p>Webinar &amp; demo</p><p>lift</p>") == words_of("Webinar &#38; demo<br>lift")
    True
    """
    return unescape(_TAG.sub(" ", html)).split()
