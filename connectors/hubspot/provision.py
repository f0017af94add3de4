"""Creating our properties in HubSpot: idempotent, step by step, nothing else touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from connectors.base import ProvisionStep
from connectors.hubspot.client import Client
from connectors.hubspot.fields import GROUP, GROUP_LABEL, definitions
from connectors.hubspot.refusals import Refused

OBJECTS = ("contacts", "tasks")


def provision(client: Client, *, dry_run: bool) -> list[ProvisionStep]:
    """Groups first, then properties. Raises Denied without the scope to change schemas."""
    client.forget_schemas()
    steps = []
    for kind in OBJECTS:
        exists = GROUP in client.groups(kind)
        steps.append(ProvisionStep(f"property group {GROUP} on {kind}", exists))
        if not exists and not dry_run:
            with _made_meanwhile():
                client.create_group(kind, {"name": GROUP, "label": GROUP_LABEL})
    missing: dict[str, list[Mapping[str, Any]]] = {}
    for kind, definition in definitions():
        exists = definition["name"] in client.schema(kind)
        steps.append(ProvisionStep(f"property {definition['name']} on {kind}", exists))
        if not exists:
            missing.setdefault(kind, []).append(definition)
    if not dry_run:
        for kind, wanted in missing.items():
            _create(client, kind, wanted)
    client.forget_schemas()
    return steps


def _create(client: Client, kind: str, wanted: Sequence[Mapping[str, Any]]) -> None:
    """All at once, and one by one where HubSpot does not take them all."""
    try:
        if client.create_properties(kind, wanted).status != 207:
            return
    except Refused:
        client.forget_schemas()
    for definition in wanted:
        with _made_meanwhile():
            client.create_property(kind, definition)


@contextmanager
def _made_meanwhile() -> Iterator[None]:
    """Two runs at the same time, or a repeat after a lost answer: what exists is as good as ours."""
    try:
        yield
    except Refused as error:
        if error.status != 409:
            raise
