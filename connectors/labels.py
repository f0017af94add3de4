"""What people read at our fields, the same in every CRM: the label and what the values mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """A field's label (up to 40 characters) and its help text (up to 255)."""

    name: str
    help: str


LABELS: Mapping[str, Label] = {
    "status": Label(
        "SLA status",
        "running: an answer is due. at_risk: due soon. breached: overdue. paused: the clock stands."
        " met: answered in time. met_late: answered late. unproven: cannot tell. cancelled: no longer due."
        " none: nothing is due.",
    ),
    "due_at": Label("SLA due", "By when the lead must be answered, as agreed. Empty: no answer is due."),
    "target": Label("SLA target", "Which target of the agreement sets the due time."),
    "score": Label("SLA score", "0 to 100: how ready the lead is, from minimum data, fit and interest."),
    "interest": Label("SLA interest", "none, low, medium or high: what the lead did lately; it fades."),
    "qualification": Label(
        "SLA qualification",
        "mql: ready for sales by the agreement. not_yet: something is missing. not_a_buyer: will not buy.",
    ),
    "missing": Label("SLA missing data", "What must still be known before the lead can go to sales."),
    "reasons": Label("SLA reasons", "Every criterion of the agreement: whether the lead meets it, and why."),
    "next_step": Label("SLA next step", "What happens next with this lead, and whose turn it is."),
    "responded_at": Label("SLA responded", "When sales last answered the lead, as far as the CRM proves it."),
}
"""By our name of the field (``base.OUR_FIELDS``)."""

KEY_LABEL = Label("SLA key", "leadsla finds its own tasks by this key. Do not change it.")
NOTE_KEY_LABEL = Label("SLA key", "leadsla finds its own notes by this key. Do not change it.")
