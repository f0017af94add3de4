"""What is read of an org: one stream per object, with every field that any use of it needs.

Several activity sources on one object, and our own tasks, share its stream: a record is read once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.mapping import ActivitySource, ConnectionMapping
from connectors.salesforce.carrier import carrier_of
from connectors.salesforce.cursor import WHOLE, Span
from connectors.salesforce.fields import KEY_FIELD, OUR_API_NAMES

PAGE = 2000
LEAD_FIELDS = ("Id", "CreatedDate", "SystemModstamp", "OwnerId", "IsDeleted", "MasterRecordId")
HISTORY_FIELDS = ("Id", "Field", "OldValue", "NewValue", "CreatedDate", "CreatedById")
TASK_FIELDS = (
    "Id",
    "WhoId",
    "OwnerId",
    "Subject",
    "IsClosed",
    "ReminderDateTime",
    KEY_FIELD,
    "SystemModstamp",
)
_DEAL = "ConvertedOpportunity."
DEALS = "deals"
DEAL_STAMP = f"{_DEAL}SystemModstamp"
"""What moves when the opportunity of a converted lead does: the lead's own stamp stays."""
ROLES = "OpportunityContactRole"
DEAL_OF_ROLE = "Opportunity.StageName"
ROLE_STAGE = f"{ROLES}.{DEAL_OF_ROLE}"
"""The stages table that switches opportunities found through a contact's role on."""
ROLE_FIELDS = (
    "Id",
    "ContactId",
    "CreatedDate",
    "CreatedById",
    "SystemModstamp",
    DEAL_OF_ROLE,
    "Opportunity.SystemModstamp",
)
ROLE_STREAMS = frozenset({"roles", "deals of roles"})
STAMPS = ("SystemModstamp", "LastModifiedDate", "CreatedDate")


@dataclass(frozen=True, slots=True)
class Stream:
    """One query repeated with a moving key: object, fields, stamp field, extra condition.

    ``sources``: the activity sources, by name, that its rows are for. ``ours``: the reference to leads that
    it has without any source.
    """

    name: str
    object: str
    fields: tuple[str, ...]
    stamp: str
    where: str = ""
    deleted: bool = False
    sources: Mapping[str, ActivitySource] = field(default_factory=dict)
    ours: tuple[str, ...] = ()

    def soql(self, span: Span) -> str:
        """The next page. One row more than it holds is asked for, so the answer says if there is more."""
        return f"{self._select(span)} ORDER BY {self.stamp}, Id LIMIT {PAGE + 1}"

    def bulk_soql(self, span: Span) -> str:
        """All that is left, in no order: an order would keep Salesforce from dividing the work."""
        return self._select(span)

    def count_soql(self, span: Span) -> str:
        """How many rows are left."""
        return f"SELECT COUNT() FROM {self.object} WHERE {self._where(span)}"

    @property
    def leads_by(self) -> tuple[str, ...]:
        """The fields that say which lead a row is about."""
        return tuple(dict.fromkeys((*(one.lead for one in self.sources.values()), *self.ours)))

    def among(self, listed: str) -> str:
        """Everything about the leads with these quoted ids."""
        about = " OR ".join(f"{name} IN ({listed})" for name in self.leads_by)
        where = f"({about})" + (f" AND {self.where}" if self.where else "")
        return f"SELECT {', '.join(self.fields)} FROM {self.object} WHERE {where}"

    def key_of(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """The place behind this row."""
        return str(value_at(row, self.stamp)), str(row["Id"])

    def _select(self, span: Span) -> str:
        return f"SELECT {', '.join(self.fields)} FROM {self.object} WHERE {self._where(span)}"

    def _where(self, span: Span) -> str:
        return " AND ".join((*span.conditions(self.stamp), *([self.where] if self.where else ())))


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """The value of a field, also of a parent's (``Campaign.Name``); None where there is none.

    >>> value_at({"Campaign": {"Name": "Fair"}}, "Campaign.Name"), value_at({"Campaign": None}, "Campaign.Id")
    ('Fair', None)
    """
    found: Any = row if path else None
    for name in path.split(".") if path else ():
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


class Streams:
    """What a mapping asks an org for, without what the org does not show."""

    def __init__(self, mapping: ConnectionMapping) -> None:
        self._mapping = mapping
        self.carrier = carrier_of(mapping)

    def wanted(self) -> dict[str, tuple[str, ...]]:
        """Every field that is asked for, by object, when everything is shown."""
        found: dict[str, tuple[str, ...]] = {}
        for one in self.shown({}):
            found[one.object] = tuple(dict.fromkeys((*found.get(one.object, ()), *one.fields)))
        return found

    def shown(self, hidden: Mapping[str, frozenset[str]]) -> Iterator[Stream]:
        """The streams, where ``hidden`` names what not to ask for; leads first."""
        fields = self.lead_fields(hidden)
        name, history, about = self.carrier.object, self.carrier.history, self.carrier.history_of
        yield Stream(name, name, fields, "SystemModstamp", deleted=True)
        if DEAL_STAMP in fields:
            yield Stream(DEALS, name, fields, DEAL_STAMP)
        if _is_shown(hidden, history):
            told = (*HISTORY_FIELDS, about)
            yield Stream(history, history, told, "CreatedDate", self.tracked(), ours=(about,))
        if ROLE_STAGE in self._mapping.stages and not hidden.get(ROLES, frozenset()) & {*ROLE_FIELDS, WHOLE}:
            yield Stream("roles", ROLES, ROLE_FIELDS, "SystemModstamp", deleted=True)
            yield Stream("deals of roles", ROLES, ROLE_FIELDS, "Opportunity.SystemModstamp")
        for name in self._objects():
            if _is_shown(hidden, name):
                yield from self._activities(name, hidden.get(name, frozenset()))

    def lead_fields(self, hidden: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
        """Every lead field we read that the org shows us."""
        mapped = [one.field for one in self._mapping.lead.values()]
        deals = [DEAL_STAMP] if any(one.startswith(_DEAL) for one in self.judged_by) else []
        wanted = (
            *LEAD_FIELDS,
            *self.carrier.own,
            *mapped,
            *self._own_stages,
            *deals,
            *OUR_API_NAMES.values(),
        )
        unseen = hidden.get(self.carrier.object, frozenset())
        return tuple(dict.fromkeys(name for name in wanted if name not in unseen))

    @property
    def judged_by(self) -> tuple[str, ...]:
        """The lead fields that the mapping reads."""
        return tuple(dict.fromkeys((*(one.field for one in self._mapping.lead.values()), *self._own_stages)))

    @property
    def _own_stages(self) -> tuple[str, ...]:
        return tuple(one for one in self._mapping.stages if one != ROLE_STAGE)

    def tracked(self) -> str:
        """The condition for the changes we understand."""
        stages = (name for name in self._mapping.stages if "." not in name)
        further = ("leadConverted",) if self.carrier.converts else ()
        tracked = ", ".join(f"'{name}'" for name in (*stages, "Owner", *further))
        return f"Field IN ({tracked})"

    def _objects(self) -> tuple[str, ...]:
        named = (one.object for one in self._mapping.activities.values() if one.object)
        return tuple(dict.fromkeys(("Task", *named)))

    def _activities(self, name: str, unseen: frozenset[str]) -> Iterator[Stream]:
        sources = {
            key: one
            for key, one in self._mapping.activities.items()
            if one.object == name and one.lead not in unseen
        }
        fields = [field_name for one in sources.values() for field_name in _needed(one)]
        ours_only = name == "Task" and not sources
        if name == "Task":
            fields += TASK_FIELDS
            if ours_only and KEY_FIELD in unseen:
                return
        elif not sources:
            return
        stamp = _stamp(name, sources, unseen)
        shown = ("Id", stamp, *(one for one in fields if one not in unseen))
        where = f"{KEY_FIELD} != null" if ours_only else ""
        about = ("WhoId",) if name == "Task" else ()
        yield Stream(name, name, tuple(dict.fromkeys(shown)), stamp, where, sources=sources, ours=about)


def _is_shown(hidden: Mapping[str, frozenset[str]], name: str) -> bool:
    return WHOLE not in hidden.get(name, frozenset())


def _needed(source: ActivitySource) -> list[str]:
    named = (source.lead, source.at, source.known_at, source.kind_from, source.actor)
    wanted = ["Id", *named, source.content, source.outcome, *source.only]
    if source.object == "Task":
        wanted += ["IsClosed", "ActivityDate", KEY_FIELD]
    return [one for one in wanted if one]


def _stamp(name: str, sources: Mapping[str, ActivitySource], unseen: frozenset[str]) -> str:
    """The field that moves with every change: the parent's where the instant is the parent's.

    An e-mail's opening moves the stamp of the e-mail, not that of its relation to the lead.
    """
    parents = {source.at.rpartition(".")[0] for source in sources.values()}
    parent = f"{parents.pop()}." if len(parents) == 1 and name != "Task" else ""
    parent = parent if parent != "." else ""
    return next(
        (f"{parent}{one}" for one in STAMPS if f"{parent}{one}" not in unseen), f"{parent}CreatedDate"
    )
