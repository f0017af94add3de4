"""Which of our kinds of activity an export's words mean.

Not here: the columns that hold them (``activities``).
"""

from __future__ import annotations

import re

from leadsla.exports import naming
from sla_engine.model import ActivityKind

_WORDS: tuple[tuple[str, ActivityKind], ...] = (
    (r"mail.*\bopen|\bopen.*mail", ActivityKind.EMAIL_OPEN),
    (r"mail.*click|click.*(mail|link)", ActivityKind.EMAIL_CLICK),
    (r"repl(y|ied)", ActivityKind.EMAIL_REPLY),
    (r"bounce", ActivityKind.BOUNCE),
    (r"unsubscrib|opt(ed)? ?out", ActivityKind.OPT_OUT),
    (r"demo request|contact request|hand ?raise|call (me )?back|requested", ActivityKind.HAND_RAISE),
    (r"meeting|demo|termin\b", ActivityKind.MEETING),
    (r"webinar|\bevent|trade ?show|conference|messe", ActivityKind.EVENT),
    (r"form|download|formular", ActivityKind.FORM),
    (r"page|visit|website", ActivityKind.PAGE_VISIT),
    (r"\bcall|phone|anruf", ActivityKind.CALL),
    (r"newsletter|automat", ActivityKind.AUTOMATIC_EMAIL),
    (r"e ?mail", ActivityKind.EMAIL),
    (r"\btask|aufgabe", ActivityKind.TASK),
)


def engine_kind(raw: str) -> ActivityKind | None:
    """The kind of ours that an export's word means.

    >>> engine_kind("Email Opened").value, engine_kind("Page Visited on Website").value, engine_kind("Gift")
    ('email_open', 'page_visit', None)
    """
    words = naming.plain(raw)
    exact = words.replace(" ", "_")
    if exact in set(ActivityKind):
        return ActivityKind(exact)
    return next((kind for pattern, kind in _WORDS if re.search(pattern, words)), None)
