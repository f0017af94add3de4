"""What an admin has set up to stand in the way of a save: validation rules, duplicate rules, triggers.

They are made and ended through the control interface, like records of their kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from localcrm.face import Refused
from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import Row

if TYPE_CHECKING:
    from localcrm.salesforce.org import Org
    from localcrm.salesforce.rules import Actor


@dataclass(frozen=True, slots=True)
class ValidationRule:
    """Refuses a record of ``object`` that looks like ``when`` and leaves the field ``requires`` empty."""

    object: str
    requires: str
    when: Mapping[str, Any] = field(default_factory=dict)
    message: str = "Please fill this field in."

    def check(self, _org: Org, row: Row, _actor: Actor) -> None:
        """Raise FIELD_CUSTOM_VALIDATION_EXCEPTION."""
        applies = all(row.get(name) == value for name, value in self.when.items())
        if applies and row.get(self.requires) in (None, "", False):
            raise ApiError("FIELD_CUSTOM_VALIDATION_EXCEPTION", self.message, (self.requires,))


@dataclass(frozen=True, slots=True)
class DuplicateRule:
    """Refuses a record whose ``match`` field equals another's. ``block``: no header lets it through."""

    object: str
    match: str = "Email"
    block: bool = False
    message: str = "Use one of these records?"

    def check(self, org: Org, row: Row, actor: Actor) -> None:
        """Raise DUPLICATES_DETECTED unless the caller may save duplicates."""
        value = row.get(self.match)
        if not isinstance(value, str) or (actor.allow_duplicates and not self.block):
            return
        others = [
            one["Id"]
            for one in org.tables[self.object].having(self.match, value)
            if one["Id"] != row.get("Id") and not one.get("IsDeleted")
        ]
        if others:
            result = {
                "allowSave": not self.block,
                "duplicateRule": f"{self.object}_{self.match}",
                "duplicateRuleEntityType": self.object,
                "errorMessage": self.message,
                "matchResults": [
                    {"entityType": self.object, "success": True, "size": len(others), "matchRecords": []}
                ],
            }
            more = {"duplicateResult": result}
            raise ApiError("DUPLICATES_DETECTED", self.message, more=more)


@dataclass(frozen=True, slots=True)
class ApexTrigger:
    """Code that fails for more than ``fails_over`` records saved together, as governor limits do."""

    object: str
    fails_over: int = 0
    code: str = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    name: str = "LeadTrigger"

    def check(self, _org: Org, _row: Row, actor: Actor) -> None:
        """Raise what the trigger (or, with another ``code``, the flow) raises."""
        if actor.batch > self.fails_over:
            text = (
                f"{self.name}: execution of BeforeUpdate\n\ncaused by: "
                "System.LimitException: Apex CPU time limit exceeded"
            )
            raise ApiError(self.code, text)


Rule = ValidationRule | DuplicateRule | ApexTrigger
# In the order of execution: triggers before the save, then validation, then duplicates.
KINDS: dict[str, type[Rule]] = {
    "ApexTrigger": ApexTrigger,
    "ValidationRule": ValidationRule,
    "DuplicateRule": DuplicateRule,
}


class Setup:
    """The rules of one org."""

    def __init__(self) -> None:
        self._rules: dict[str, list[Rule]] = {name: [] for name in KINDS}

    def make(self, kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Add a rule, or with ``delete`` end all of this kind; answers it as it stands. Raises Refused."""
        if given.get("delete"):
            self._rules[kind].clear()
            return {"deleted": True}
        try:
            rule = KINDS[kind](**given)
        except TypeError as problem:
            raise Refused(f"{kind}: {problem}") from problem
        self._rules[kind].append(rule)
        return asdict(rule)

    def standing(self, kind: str) -> list[dict[str, Any]]:
        """The rules of a kind."""
        return [asdict(one) for one in self._rules[kind]]

    def check(self, org: Org, name: str, row: Row, actor: Actor) -> None:
        """Let every rule of the object look at a record about to be saved; raises the first refusal."""
        for rules in self._rules.values():
            for rule in rules:
                if rule.object == name:
                    rule.check(org, row, actor)
