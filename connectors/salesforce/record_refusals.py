"""What Salesforce's refusals of single records mean, and what a person can do about each.

A text from Salesforce may carry values of a record, so none is passed on: only the code, the fields, and
the name of the rule, trigger or flow that stands in the way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LOCKED = frozenset({"UNABLE_TO_LOCK_ROW", "TOO_MANY_APEX_REQUESTS", "QUERY_TIMEOUT"})
"""Nothing is wrong with the record: somebody else held it for a moment."""
AUTOMATION = frozenset({"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER"})
"""A trigger or flow of the org failed. Written for one record, it may fail for many at once."""
_OF_THE_SCHEMA = frozenset({"INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE"})
_GONE = frozenset({"ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY"})
_PAGES = "Setup > Object Manager >"
_REMEDIES = {
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": "another record of the same call was refused; tried in the next run",
    "CANNOT_UPDATE_CONVERTED_LEAD": "the lead was converted; nothing to do",
    "ENTITY_IS_DELETED": "the record was deleted; nothing to do",
    "NOT_FOUND": "the record is gone; nothing to do",
    "INVALID_CROSS_REFERENCE_KEY": "the record or what it points to is gone; nothing to do",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": (
        "a validation rule or trigger refuses it; exempt the integration user in"
        f" {_PAGES} (the object) > Validation Rules, or complete the record"
    ),
    "DUPLICATES_DETECTED": (
        "a duplicate rule that blocks refuses it; let it allow with an alert, or exempt the integration"
        " user, in Setup > Duplicate Rules; or merge the duplicates"
    ),
    "DUPLICATE_VALUE": "another record has this value and the field is unique; look for the other record",
    "INACTIVE_OWNER_OR_USER": "the owner is inactive; give the lead to somebody else",
    "OP_WITH_INVALID_USER_TYPE_EXCEPTION": (
        "this user or queue may not own it; add the object to the queue in Setup > Queues"
    ),
    "TRANSFER_REQUIRES_READ": "the new owner may not read it; grant the new owner access to leads",
    "INSUFFICIENT_ACCESS_OR_READONLY": (
        "the integration user may not write this record; give it edit access by sharing, or the"
        " object permission in Setup > Permission Sets"
    ),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": (
        "the integration user may not see what the record points to; share it with the integration user"
    ),
    "INVALID_FIELD_FOR_INSERT_UPDATE": "the field is read-only for the integration user; run `leadsla check`",
    "INVALID_FIELD": "a field is missing or hidden; run `leadsla provision`",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": (
        "the picklist has no such active value; add it in"
        f" {_PAGES} (the object) > Fields & Relationships, or correct the mapping; see `leadsla check`"
    ),
    "INVALID_STATUS": "a lead is converted by a person, never set so; correct the mapping",
    "REQUIRED_FIELD_MISSING": "the org requires a field that is empty on this record; fill it in",
    "STRING_TOO_LONG": "a text is longer than the field takes; lengthen the field, or shorten the wording",
    "STORAGE_LIMIT_EXCEEDED": "the org's storage is full; free some in Setup > Storage Usage",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": (
        "an Apex trigger fails even for this record alone; mend it, or exempt the integration user,"
        " in Setup > Apex Triggers"
    ),
    "CANNOT_EXECUTE_FLOW_TRIGGER": (
        "a flow fails even for this record alone; mend it, or exempt the integration user, in Setup > Flows"
    ),
}
# "LeadTrigger: execution of BeforeUpdate ... caused by: System.LimitException: ..."
_TRIGGER = re.compile(r"\b(\w+): execution of (Before|After)(\w+)")
_CAUSE = re.compile(r"\bSystem\.(\w*Exception)\b")
# A flow is named in typographic quotes: because the "Name" process failed.
_FLOW = re.compile('(?:process|flow)[^“”"]{0,30}[“"]([^”"]{1,80})[”"]|[“"]([^”"]{1,80})[”"] process')


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one record was not taken: code, field names, and the name of what refused it, if told."""

    code: str
    fields: tuple[str, ...] = ()
    by: str = ""

    @property
    def is_passing(self) -> bool:
        """Whether a later run may well write it: a lock, or a schema that the next check will look at."""
        return self.code in LOCKED or self.code in _OF_THE_SCHEMA or self.code.startswith("ALL_OR_NONE")

    @property
    def is_about_our_schema(self) -> bool:
        return self.code in _OF_THE_SCHEMA

    def says_lead_is_gone(self, name: str) -> bool:
        """Whether a row of this object was refused because its lead is not there any more."""
        of_the_lead = set(self.fields) <= {"Id"} if name in {"Lead", "Contact"} else self.fields == ("WhoId",)
        return self.code in _GONE and of_the_lead

    def __str__(self) -> str:
        where = f" on {', '.join(self.fields)}" if self.fields else ""
        by = f" ({self.by})" if self.by else ""
        if self.code in LOCKED:
            return f"{self.code}{where}: somebody else held the record each time; tried again in the next run"
        unknown = "Salesforce refuses this record; see the code in its documentation"
        return f"{self.code}{where}{by}: {_REMEDIES.get(self.code, unknown)}"


def refusal_of(answer: Mapping[str, Any]) -> Refusal:
    """Out of one record's answer in a collection."""
    first = (answer.get("errors") or [{}])[0]
    code = str(first.get("statusCode") or first.get("errorCode") or "UNKNOWN")
    fields = tuple(str(one) for one in first.get("fields") or () if re.fullmatch(r"\w+", str(one)))
    return Refusal(code, fields, _named(code, str(first.get("message") or ""), first))


def refusal_in_bulk(text: str) -> Refusal:
    """Out of a bulk row's ``sf__Error``: ``CODE:message:fields --``."""
    found = re.match(r"[A-Z][A-Z_]+", text)
    code, last = found[0] if found else "UNKNOWN", text.rpartition(":")[2]
    fields = re.split(r"[ ,]+", last.removesuffix("--").strip()) if last.endswith("--") else []
    return Refusal(code, tuple(one for one in fields if re.fullmatch(r"\w+", one)), _named(code, text, {}))


def remedy_for(code: str) -> str:
    """A refusal's code with what a person can do about it."""
    return str(Refusal(code))


def _named(code: str, text: str, error: Mapping[str, Any]) -> str:
    """The name of the rule, trigger or flow, never another word of the text."""
    if code == "DUPLICATES_DETECTED":
        rule = (error.get("duplicateResult") or {}).get("duplicateRule")
        return f"duplicate rule {rule}" if rule else ""
    if code not in AUTOMATION:
        return ""
    trigger, cause, flow = _TRIGGER.search(text), _CAUSE.search(text), _FLOW.search(text)
    if trigger:
        why = f", {cause[1]}" if cause else ""
        return f"trigger {trigger[1]} {trigger[2].lower()} {trigger[3].lower()}{why}"
    return f'flow "{flow[1] or flow[2]}"' if flow else ""
