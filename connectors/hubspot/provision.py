"""Creating our properties in HubSpot: idempotent, step by step, nothing else touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    for kind, definition in definitions():
        exists = definition["name"] in client.schema(kind)
        steps.append(ProvisionStep(f"property {definition['name']} on {kind}", exists))
        if not exists and not dry_run:
            with _made_meanwhile():
                client.create_property(kind, definition)
    client.forget_schemas()
    return steps


@contextmanager
def _made_meanwhile() -> Iterator[None]:
    """Two runs at the same time, or a repeat after a lost answer: what exists is as good as ours."""
    try:
        yield
    except Refused as error:
        if error.status != 409:
            raise
