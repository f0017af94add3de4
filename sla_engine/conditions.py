"""Whether a condition holds for a lead: yes, no, or cannot tell (None) when the data is missing."""

from __future__ import annotations

from collections.abc import Iterable

from sla_engine.agreement import Condition
from sla_engine.model import LeadHistory, Value


def holds(condition: Condition, history: LeadHistory) -> bool | None:
    """Judge one condition. None: the field it asks about is empty."""
    if condition.activity is not None:
        return any(activity.kind is condition.activity for activity in history.activities)
    value = history.lead.fields.get(condition.field)
    empty = value is None or value == ""
    if condition.missing is not None:
        return empty is condition.missing
    return None if empty else _compare(condition, value)


def all_hold(conditions: Iterable[Condition], history: LeadHistory) -> bool:
    """Whether every condition holds for sure."""
    return all(holds(condition, history) is True for condition in conditions)


def _compare(condition: Condition, value: Value) -> bool:
    if condition.is_ is not None:
        return _same(value, condition.is_)
    if condition.in_ is not None:
        return any(_same(value, option) for option in condition.in_)
    if condition.matches is not None:
        return condition.matches.search(str(value)) is not None
    number = value if isinstance(value, int | float) else None
    if number is None:
        return False
    if condition.at_least is not None:
        return number >= condition.at_least
    return condition.at_most is not None and number <= condition.at_most


def _same(value: Value, wanted: str | float | bool) -> bool:  # noqa: FBT001 - a value to compare, no switch
    if isinstance(value, str) and isinstance(wanted, str):
        return value.casefold() == wanted.casefold()
    return value == wanted
