"""Validation rules an admin set on properties. Writes by the paths of 2026-09 must keep them, no others.

Reference: HubSpot's changelog of 2026-08-11 and the property validations API, whose rule names these are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcrm.face import Refused
from localcrm.hubspot.errors import invalid_value
from localcrm.hubspot.values import number


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one property, such as ``REGEX`` with its pattern."""

    type: str
    arguments: tuple[str, ...]

    def holds(self, text: str) -> bool:
        """Whether a value may be kept; clearing always may."""
        return not text or _HOLDS[self.type](text, self.arguments[0])

    def shown(self) -> dict[str, Any]:
        """The rule as the validations API shows it."""
        return {"ruleType": self.type, "ruleArguments": list(self.arguments)}


def read_rule(row: Mapping[str, Any]) -> Rule:
    """A rule from ``{"ruleType": ..., "ruleArguments": [...]}``; raises Refused."""
    kind, arguments = row.get("ruleType"), row.get("ruleArguments")
    if kind not in _HOLDS:
        raise Refused(f"'ruleType' must be one of {', '.join(_HOLDS)}")
    if not isinstance(arguments, list) or len(arguments) != 1:
        raise Refused("'ruleArguments' must be a list with one text")
    rule = Rule(str(kind), (str(arguments[0]),))
    try:
        rule.holds("1")
    except (ValueError, re.error) as problem:
        raise Refused("'ruleArguments' does not fit the rule") from problem
    return rule


def broken(rules: Mapping[str, Sequence[Rule]], values: Mapping[str, str]) -> list[dict[str, Any]]:
    """The problems of values that break a rule, as entries of HubSpot's list of invalid values."""
    return [
        invalid_value(name, "INVALID_FORMAT", f"{name} does not meet the validation rule {rule.type}.")
        for name, text in values.items()
        for rule in rules.get(name, ())
        if not rule.holds(text)
    ]


_HOLDS: Mapping[str, Callable[[str, str], bool]] = {
    "MIN_LENGTH": lambda text, told: len(text) >= int(told),
    "MAX_LENGTH": lambda text, told: len(text) <= int(told),
    "MIN_NUMBER": lambda text, told: (number(text) or 0) >= float(told),
    "MAX_NUMBER": lambda text, told: (number(text) or 0) <= float(told),
    "REGEX": lambda text, told: re.fullmatch(told, text) is not None,
}
