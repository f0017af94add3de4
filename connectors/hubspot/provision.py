"""Creating our properties in HubSpot, and taking them away again: step by step, nothing else touched.

Ours is what carries our name and our type. What somebody made under our name with another type is left
alone both ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from connectors.base import ProvisionStep
from connectors.hubspot.client import Client
from connectors.hubspot.fields import (
    GROUP,
    GROUP_LABEL,
    LEAD_OBJECTS,
    TASK_KEY,
    definitions,
    note_definition,
)
from connectors.hubspot.refusals import Denied, Refused

Definition = Mapping[str, Any]
UNIQUE = "unique: HubSpot itself lets no task be made twice"
PLAIN = "not unique: leadsla looks a task up before it repeats a call whose answer was lost"
ARCHIVED = "HubSpot keeps an archived property of this name; restore it in the property settings"


def provision(client: Client, *, dry_run: bool, carrier: str = "contacts") -> list[ProvisionStep]:
    """Groups first, then properties; ``carrier`` is the object that carries the leads.

    Raises Denied without the scope to change schemas.
    """
    client.forget_schemas()
    steps = [_group(client, kind, dry_run=dry_run) for kind in (carrier, "tasks")]
    for kind in (carrier, "tasks"):
        steps += _properties(client, kind, _wanted(kind), dry_run=dry_run)
    with suppress(Denied, Refused):  # publishing a note tells what is missing; nothing else needs it
        steps.append(_group(client, "notes", dry_run=dry_run))
        steps += _properties(client, "notes", _wanted("notes"), dry_run=dry_run)
    client.forget_schemas()
    return steps


def unprovision(client: Client, *, dry_run: bool, carrier: str = "contacts") -> list[ProvisionStep]:
    """Archive our properties and then our groups, if nothing else is left in them.

    Also those on an object that carried the leads earlier. What HubSpot refuses (a property that a list
    or a workflow uses, say) is a step that says so. Raises Denied without the scope to change schemas.
    """
    client.forget_schemas()
    steps: list[ProvisionStep] = []
    for kind in dict.fromkeys((carrier, "tasks", *LEAD_OBJECTS, "notes")):
        is_needed = kind in {carrier, "tasks"}
        try:
            schema = client.schema(kind)
        except (Denied, Refused):
            if is_needed:
                raise
            continue  # an object this account does not have, or does not show us, holds nothing of ours
        found = _removals(client, kind, schema, _wanted(kind), dry_run=dry_run)
        steps += [step for step in found if step.exists or is_needed]
    client.forget_schemas()
    return steps


def _wanted(kind: str) -> dict[str, Definition]:
    """Our properties of an object, by name; of one that may carry the leads, as if it did."""
    carrier = kind if kind in LEAD_OBJECTS else LEAD_OBJECTS[0]
    told = [note_definition()] if kind == "notes" else [one for of, one in definitions(carrier) if of == kind]
    return {str(one["name"]): one for one in told}


def _properties(
    client: Client, kind: str, wanted: Mapping[str, Definition], *, dry_run: bool
) -> list[ProvisionStep]:
    before = client.schema(kind)
    missing = [definition for name, definition in wanted.items() if name not in before]
    made = _create(client, kind, missing) if missing and not dry_run else set()
    present = before
    if missing and not dry_run:
        client.forget_schemas()
        present = client.schema(kind)
    steps = [
        _told(ProvisionStep(_name(kind, name), _is_there(name, before, present, made), name in made), present)
        for name in wanted
    ]
    steps = [_other(step, wanted[name], present.get(name)) for name, step in zip(wanted, steps, strict=True)]
    lacking = [step for step in steps if not (step.exists or step.created or step.blocked)]
    return steps if dry_run or not lacking else _explained(client, kind, steps)


def _is_there(name: str, before: Mapping[str, Any], present: Mapping[str, Any], made: set[str]) -> bool:
    """It was there, or somebody else made it meanwhile."""
    return name in before or (name in present and name not in made)


def _told(step: ProvisionStep, present: Mapping[str, Definition]) -> ProvisionStep:
    """The key of a task: which sort it is."""
    if step.what != _name("tasks", TASK_KEY) or not (step.exists or step.created):
        return step
    return replace(step, remark=UNIQUE if present.get(TASK_KEY, {}).get("hasUniqueValue") else PLAIN)


def _other(step: ProvisionStep, wanted: Definition, shown: Definition | None) -> ProvisionStep:
    """A property of our name and another type is somebody else's."""
    if shown is None or shown.get("type") == wanted["type"]:
        return step
    remark = f"is a {shown.get('type')}, not a {wanted['type']}, so not ours; rename or remove it in HubSpot"
    return replace(step, exists=False, created=False, blocked=True, remark=remark)


def _explained(client: Client, kind: str, steps: Sequence[ProvisionStep]) -> list[ProvisionStep]:
    archived = {_name(kind, name) for name in client.archived_properties(kind)}
    return [
        replace(step, remark=ARCHIVED)
        if step.what in archived and not (step.exists or step.created or step.blocked)
        else step
        for step in steps
    ]


def _group(client: Client, kind: str, *, dry_run: bool) -> ProvisionStep:
    what = _group_name(kind)
    if GROUP in client.groups(kind):
        return ProvisionStep(what, exists=True)
    if dry_run:
        return ProvisionStep(what, exists=False)
    with _made_meanwhile():
        client.create_group(kind, {"name": GROUP, "label": GROUP_LABEL})
        return ProvisionStep(what, exists=False, created=True)
    return ProvisionStep(what, exists=GROUP in client.groups(kind))


def _create(client: Client, kind: str, wanted: Sequence[Definition]) -> set[str]:
    """All at once, and one by one where HubSpot does not take them all. Returns what was made here."""
    if kind == "tasks":
        return {name for one in wanted for name in _create_key(client, kind, one)}
    made: set[str] = set()
    with suppress(Refused):
        made = {str(one["name"]) for one in client.create_properties(kind, wanted).results}
    for definition in wanted:
        if definition["name"] not in made:
            with _made_meanwhile():
                client.create_property(kind, definition)
                made.add(str(definition["name"]))
    return made


def _create_key(client: Client, kind: str, definition: Definition) -> Iterator[str]:
    """Unique where HubSpot allows that on tasks, which can be said only now, else a plain one."""
    with _made_meanwhile():
        try:
            client.create_property(kind, {**definition, "hasUniqueValue": True})
        except Refused as error:
            if error.status == 409:
                raise
            client.create_property(kind, definition)
        yield str(definition["name"])


@contextmanager
def _made_meanwhile() -> Iterator[None]:
    """Two runs at the same time, or a repeat after a lost answer: what exists is as good as ours."""
    try:
        yield
    except Refused as error:
        if error.status != 409:
            raise


def _removals(
    client: Client,
    kind: str,
    schema: Mapping[str, Definition],
    wanted: Mapping[str, Definition],
    *,
    dry_run: bool,
) -> Iterator[ProvisionStep]:
    staying = {name for name, shown in schema.items() if shown.get("groupName") == GROUP}
    for name, definition in wanted.items():
        step = ProvisionStep(_name(kind, name), exists=name in schema)
        step = _other(step, definition, schema.get(name))
        if step.exists:
            step = step if dry_run else _without_property(client, kind, name, step)
            staying -= {name} if dry_run or step.removed else set()
        yield step
    group = ProvisionStep(_group_name(kind), exists=GROUP in client.groups(kind))
    if group.exists and staying:
        remark = f"still holds {len(staying)} properties: {', '.join(sorted(staying))}"
        group = replace(group, exists=False, blocked=True, remark=remark)
    elif group.exists and not dry_run:
        group = _without_group(client, kind, group)
    yield group


def _without_property(client: Client, kind: str, name: str, step: ProvisionStep) -> ProvisionStep:
    try:
        client.archive_property(kind, name)
    except Refused as error:
        client.forget_schemas()
        if error.status != 404 or name in client.schema(kind):
            return _refused(step, error)
    return replace(step, removed=True)  # by us, or by somebody meanwhile


def _without_group(client: Client, kind: str, step: ProvisionStep) -> ProvisionStep:
    try:
        client.archive_group(kind, GROUP)
    except Refused as error:
        if error.status != 404 or GROUP in client.groups(kind):
            return _refused(step, error)
    return replace(step, removed=True)


def _refused(step: ProvisionStep, error: Refused) -> ProvisionStep:
    return replace(step, remark=f"HubSpot refuses: {error.code} (HTTP {error.status})")


def _name(kind: str, name: str) -> str:
    return f"property {kind}.{name}"


def _group_name(kind: str) -> str:
    return f"property group {kind}.{GROUP}"
