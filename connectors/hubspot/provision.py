"""Creating our properties in HubSpot: idempotent, step by step, nothing else touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from connectors.base import ProvisionStep
from connectors.hubspot.client import Client
from connectors.hubspot.fields import GROUP, GROUP_LABEL, definitions, note_definition
from connectors.hubspot.refusals import Denied, Refused

OBJECTS = ("contacts", "tasks")


def provision(client: Client, *, dry_run: bool) -> list[ProvisionStep]:
    """Groups first, then properties. Raises Denied without the scope to change schemas."""
    client.forget_schemas()
    steps = [_group(client, kind, dry_run=dry_run) for kind in OBJECTS]
    for kind in OBJECTS:
        wanted = [definition for one, definition in definitions() if one == kind]
        steps += _properties(client, kind, wanted, dry_run=dry_run)
    with suppress(Denied, Refused):  # publishing a note tells what is missing; nothing else needs it
        steps.append(_group(client, "notes", dry_run=dry_run))
        steps += _properties(client, "notes", [note_definition()], dry_run=dry_run)
    client.forget_schemas()
    return steps


def _properties(
    client: Client, kind: str, definitions: Sequence[Mapping[str, Any]], *, dry_run: bool
) -> list[ProvisionStep]:
    wanted = {str(definition["name"]): definition for definition in definitions}
    missing = [definition for name, definition in wanted.items() if name not in client.schema(kind)]
    made = _create(client, kind, missing) if missing and not dry_run else set()
    lacking = {str(definition["name"]) for definition in missing} if dry_run else made
    return [ProvisionStep(f"property {kind}.{name}", name not in lacking, name in made) for name in wanted]


def _group(client: Client, kind: str, *, dry_run: bool) -> ProvisionStep:
    what = f"property group {kind}.{GROUP}"
    if GROUP in client.groups(kind):
        return ProvisionStep(what, exists=True)
    if dry_run:
        return ProvisionStep(what, exists=False)
    with _made_meanwhile():
        client.create_group(kind, {"name": GROUP, "label": GROUP_LABEL})
        return ProvisionStep(what, exists=False, created=True)
    return ProvisionStep(what, exists=True)


def _create(client: Client, kind: str, wanted: Sequence[Mapping[str, Any]]) -> set[str]:
    """All at once, and one by one where HubSpot does not take them all. Returns what was made here."""
    made: set[str] = set()
    with suppress(Refused):
        made = {str(one["name"]) for one in client.create_properties(kind, wanted).results}
    for definition in wanted:
        if definition["name"] not in made:
            with _made_meanwhile():
                client.create_property(kind, definition)
                made.add(str(definition["name"]))
    return made


@contextmanager
def _made_meanwhile() -> Iterator[None]:
    """Two runs at the same time, or a repeat after a lost answer: what exists is as good as ours."""
    try:
        yield
    except Refused as error:
        if error.status != 409:
            raise
