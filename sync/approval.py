"""A plan as a file: what a person read is exactly what is written.

Each lead's state is named by a hash, so a lead that changed after the plan was made is left alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.base import Change
from connectors.errors import Misconfigured
from sync.store.known import KnownLead
from sync.store.packing import pack_change, pack_lead, unpack_change

GONE = "gone"
"""The state of a lead that is not in the CRM any more."""
_FORM = "leadsla-plan/2"


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes of one connection, with the state of each lead they were decided on.

    ``policy`` names the agreement and rollout it was made under: under another one it is void.
    """

    connection: str
    policy: str
    changes: tuple[Change, ...]
    states: Mapping[str, str]


def state_of(known: KnownLead) -> str:
    """Names what the CRM showed of a lead: the record, what happened, our fields, our tasks on it."""
    tasks = [[task.id, task.key, task.is_open] for task in known.tasks]
    told = known.history
    facts = [
        *(one.id for one in told.activities),
        *(f"{one.id} {one.at}" for one in told.stages),
        *(f"{one.id} {one.at}" for one in told.owners),
    ]
    text = json.dumps([pack_lead(known.seen.lead), sorted(known.seen.ours.items()), tasks, facts])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def to_json(plans: list[Plan]) -> str:
    """The text of a plan file."""
    body = [
        {
            "connection": plan.connection,
            "policy": plan.policy,
            "states": dict(plan.states),
            "changes": [[type(change).__name__, json.loads(pack_change(change))] for change in plan.changes],
        }
        for plan in plans
    ]
    return json.dumps({"form": _FORM, "plans": body}, indent=1, ensure_ascii=False)


def from_json(text: str) -> list[Plan]:
    """Read a plan file. Raises Misconfigured when it is none."""
    try:
        body = json.loads(text)
        plans = {_FORM: body["plans"]}[body["form"]]
        return [
            Plan(
                one["connection"],
                one["policy"],
                tuple(unpack_change(kind, json.dumps(raw)) for kind, raw in one["changes"]),
                one["states"],
            )
            for one in plans
        ]
    except (ValueError, KeyError, TypeError):
        raise Misconfigured("this is no plan file; make one with `leadsla plan --out FILE`") from None
