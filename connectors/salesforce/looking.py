"""What ``check`` asks an org besides its describes: what is there though hidden, and what is tracked.

Each question is one that our user may have no right to ask; then the answer is None: nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.errors import CrmError
from connectors.mapping import ConnectionMapping
from connectors.salesforce.carrier import Carrier, carrier_of
from connectors.salesforce.client import Ask, Client

_AT_ONCE = 5  # queries in one call
_DEFINITIONS = (
    "SELECT QualifiedApiName, IsFieldHistoryTracked FROM FieldDefinition"
    " WHERE EntityDefinition.QualifiedApiName = '{}'"
)
_CONVERTED = "SELECT ApiName FROM LeadStatus WHERE IsConverted = true"


@dataclass(frozen=True, slots=True)
class Look:
    """``there``: the fields known to exist, by object, hidden ones too; without what nobody could ask.

    ``untracked``: fields of what carries the clocks whose changes leave no trace. ``converted``: the values
    of Status that only a conversion sets.
    """

    there: Mapping[str, frozenset[str]] = field(default_factory=dict)
    untracked: frozenset[str] = frozenset()
    converted: frozenset[str] = frozenset()

    def knows(self, name: str) -> bool:
        """Whether the org has said which fields the object has."""
        return bool(self.there.get(name))

    def is_hidden(self, name: str, api: str) -> bool:
        """Whether a field that we are not shown exists for certain."""
        return api in self.there.get(name, ())


def look(
    client: Client, mapping: ConnectionMapping, absent: Mapping[str, Iterable[str]], *, has_history: bool
) -> Look:
    """Ask. Raises Unavailable, BudgetSpent.

    ``absent``: by object, the fields we would need and are not shown. ``has_history``: whether the history
    of the stage fields and owner can be read at all.
    """
    carrier = carrier_of(mapping)
    wanted = list(dict.fromkeys((*(one for one in mapping.stages if "." not in one), "OwnerId")))
    objects = [carrier.object]
    objects += [name for name, fields in absent.items() if name != carrier.object and list(fields)]
    traces = wanted if has_history else []
    sets_stages = carrier.converts and bool(mapping.writes.stages)  # then the converted values matter
    asked = [
        *map(_DEFINITIONS.format, objects),
        *(_trace_of(carrier, one) for one in traces),
        *([_CONVERTED] if sets_stages else []),
    ]
    answers = _answers(client, asked)
    defined = [_definitions(answers.pop(0)) for _ in objects]
    there = {name: frozenset(fields or ()) for name, fields in zip(objects, defined, strict=True)}
    lead = defined[0]
    if not has_history:
        untracked = frozenset(wanted)
    elif lead is not None and any(lead.values()):
        untracked = frozenset(one for one in wanted if not lead.get(one, False))
    else:  # nobody may say what is tracked: then a history without any trace is the sign
        untracked = frozenset(one for one, rows in zip(traces, answers, strict=False) if rows == [])
    converted = answers[-1] if sets_stages else None
    return Look(there, untracked, frozenset(str(row["ApiName"]) for row in converted or ()))


def _definitions(rows: list[Any] | None) -> dict[str, bool] | None:
    """The fields that the org says an object has, each with whether its history is tracked."""
    if rows is None:
        return None
    return {str(row["QualifiedApiName"]): bool(row["IsFieldHistoryTracked"]) for row in rows}


def _trace_of(carrier: Carrier, name: str) -> str:
    """Whether any change of this field stands in the history, which calls OwnerId by another name."""
    called = {"OwnerId": "Owner"}.get(name, name)
    return f"SELECT Id FROM {carrier.history} WHERE Field = '{called}' LIMIT 1"


def _answers(client: Client, asked: Sequence[str]) -> list[list[Any] | None]:
    """The records of each query; None for one that our user may not ask."""
    found: list[list[Any] | None] = []
    for start in range(0, len(asked), _AT_ONCE):
        bodies = client.ask([Ask.query(soql) for soql in asked[start : start + _AT_ONCE]])
        found += [None if isinstance(body, CrmError) else list(body["records"]) for body in bodies]
    return found
