"""What was learned from an export, as one JSON object with keys that stay; what cannot be told is null.

Not here: the text for people (``learned``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from leadsla.cli import learned_words as words
from leadsla.cli.card_shown import support
from leadsla.cli.learned_warnings import warnings
from leadsla.exports.learning import Learned, days
from sla_engine.card import Scorecard
from sla_engine.learning.audit import Blocked
from sla_engine.learning.lift import Lift, LiftReport
from sla_engine.learning.proposal import Note
from sla_engine.learning.sample import Sample

SCHEMA = 1
_DIGITS = 6


def as_json(learned: Learned) -> dict[str, Any]:
    """Everything, under keys that stay."""
    leads, counting = learned.leads, learned.counting
    roles = leads.roles
    found = {
        "schema": SCHEMA,
        "leads_file": {
            "name": leads.export.path.name,
            "rows": leads.size,
            "encoding": leads.export.encoding,
            "delimiter": leads.export.delimiter,
        },
        "activities_file": _activities_json(learned),
        "columns": asdict(roles),
        "outcome": {
            "column": roles.outcome,
            "won": leads.outcome.meaning,
            "values": [
                {"value": text, "leads": amount, "taken_for": end.name.lower()}
                for text, amount, end in leads.outcome.counts
            ],
        },
        "counted": {
            "leads": counting.leads,
            "wins": counting.wins,
            "excluded": dict(counting.excluded),
            "landmark_days": days(counting.landmark),
            "horizon_days": days(counting.horizon),
            "as_of": counting.as_of,
        },
        "card": card_json(learned.card, learned.assembled.sample),
        "held_out": {"share": learned.request.holdout, **plain(learned.proposal.new)},
        "challenger": plain(learned.proposal.challenger),
        "card_to_challenger": plain(learned.proposal.new_to_challenger),
        "blocked": blocked_json(learned.blocked),
        "dropped": [
            {"field": one.field, "why": one.why, "text": words.dropped_sentence(one)}
            for one in learned.assembled.dropped
        ],
        "lifts": {**lifts_json(learned.lifts), "seldom": learned.assembled.seldom},
        "notes": notes_json(learned.proposal.notes),
        "warnings": list(warnings(learned)),
    }
    return {key: clean(value) for key, value in found.items()}


def blocked_json(blocked: Sequence[Blocked]) -> list[dict[str, Any]]:
    """Fields that may not become lines, each with why."""
    return [
        {
            "field": one.field,
            "why": one.code,
            "values": dict(one.values),
            "text": words.blocked_sentence(one),
        }
        for one in blocked
    ]


def notes_json(notes: Sequence[Note]) -> list[dict[str, Any]]:
    """What is to be said about a proposal."""
    return [{"code": one.code, "values": dict(one.values), "text": words.note_sentence(one)} for one in notes]


def _activities_json(learned: Learned) -> dict[str, Any] | None:
    if learned.done is None:
        return None
    return {**asdict(learned.done.counts), "columns": learned.done.columns, "kinds": len(learned.done.kinds)}


def card_json(card: Scorecard, sample: Sample) -> dict[str, Any]:
    """A card, each line with the leads it holds for and the share of them that were won."""
    lines = []
    for line in card.lines:
        leads, rate = support(line, sample)
        when = line.when.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
        within = None if line.within is None else line.within.days
        lines.append(
            {
                "name": line.name,
                "group": line.group,
                "points": line.points,
                "when": when,
                "within_days": within,
                "text": words.condition(line),
                "leads": leads,
                "rate": rate,
            }
        )
    content = card.model_dump(mode="json", exclude={"lines"})
    return {"version": card.version, **content, "lines": lines}


def lifts_json(report: LiftReport) -> dict[str, Any]:
    """The rows of the lift table and how many were tested."""
    return {
        "base": report.base,
        "tested": report.tested,
        "not_tested": report.not_tested,
        "units": report.units,
        "design_effect": report.design_effect,
        "rows": [lift_row(row) for row in report.rows],
    }


def lift_row(row: Lift) -> dict[str, Any]:
    """One row of the lift table, flat."""
    return {**asdict(row), "rate": row.rate, "rate_without": row.rate_without}


def plain(value: Any) -> dict[str, Any]:
    """A dataclass of figures as a mapping; empty for none."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else {}


def clean(value: Any) -> Any:
    """Numbers without the digits nobody can tell, and null for nan, which JSON does not know."""
    if isinstance(value, float):
        return round(value, _DIGITS) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: clean(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [clean(one) for one in value]
    return value
