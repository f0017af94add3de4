"""Every address of the portal, in both path families, with its door and its limit rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from localcrm.hubspot import account, associations, batches, objects, schema_doors, search
from localcrm.hubspot.calls import Door

DATED = "2026-03"
OBJECTS = ("/crm/v3/objects", f"/crm/objects/{DATED}")
ASSOCIATIONS = ("/crm/v4/associations", f"/crm/associations/{DATED}", "/crm/associations/v4")
OBJECT_ASSOCIATIONS = ("/crm/v4/objects", f"/crm/objects/{DATED}")
PROPERTIES = ("/crm/v3/properties", f"/crm/properties/{DATED}")
OWNERS = ("/crm/v3/owners", f"/crm/owners/{DATED}")
PIPELINES = ("/crm/v3/pipelines", f"/crm/pipelines/{DATED}")
USAGE = "/account-info/v3/api-usage/daily/private-apps"
TOKENS = ("/oauth/v1/token", "/oauth/v3/token", f"/oauth/{DATED}/token")


@dataclass(frozen=True, slots=True)
class Address:
    """A method and path, where they lead, and which limit counts them (burst, search or free)."""

    method: str
    path: str
    door: Door
    rule: str = "burst"


def addresses() -> Iterator[Address]:
    """All addresses, the more particular first."""
    for base in OBJECTS:
        yield from _objects(f"{base}/{{kind}}")
    for base in ASSOCIATIONS:
        yield from _associations(f"{base}/{{from_kind}}/{{to_kind}}")
    for base in OBJECT_ASSOCIATIONS:
        yield Address("GET", f"{base}/{{from_kind}}/{{id}}/associations/{{to_kind}}", associations.page)
    for base in PROPERTIES:
        yield from _properties(f"{base}/{{kind}}")
    for base in OWNERS:
        yield Address("GET", base, account.owners)
        yield Address("GET", f"{base}/", account.owners)
        yield Address("GET", f"{base}/{{id}}", account.owner)
    for base in PIPELINES:
        yield Address("GET", f"{base}/{{kind}}", account.pipelines)
    yield Address("GET", "/email/public/v1/events", account.email_events)
    yield Address("GET", "/account-info/v3/details", account.details)


def _objects(base: str) -> Iterator[Address]:
    yield Address("POST", f"{base}/search", search.search, "search")
    yield Address("POST", f"{base}/batch/read", batches.read)
    yield Address("POST", f"{base}/batch/create", batches.create_many)
    yield Address("POST", f"{base}/batch/update", batches.update_many)
    yield Address("POST", f"{base}/batch/upsert", batches.upsert_many)
    yield Address("POST", f"{base}/batch/archive", batches.archive_many)
    yield Address("POST", f"{base}/merge", objects.merge)
    yield Address("GET", base, objects.listing)
    yield Address("POST", base, objects.create_one)
    yield Address("GET", f"{base}/{{id}}", objects.read)
    yield Address("PATCH", f"{base}/{{id}}", objects.update_one)
    yield Address("DELETE", f"{base}/{{id}}", objects.archive_one)


def _associations(base: str) -> Iterator[Address]:
    yield Address("POST", f"{base}/batch/read", associations.read, "free")
    yield Address("POST", f"{base}/batch/create", associations.create, "free")
    yield Address("POST", f"{base}/batch/associate/default", associations.create_default, "free")
    yield Address("POST", f"{base}/batch/archive", associations.archive, "free")
    yield Address("GET", f"{base}/labels", associations.labels, "free")


def _properties(base: str) -> Iterator[Address]:
    yield Address("GET", base, schema_doors.listing)
    yield Address("POST", base, schema_doors.create)
    yield Address("POST", f"{base}/batch/create", schema_doors.create_many)
    yield Address("POST", f"{base}/batch/read", schema_doors.read_many)
    yield Address("GET", f"{base}/groups", schema_doors.groups)
    yield Address("POST", f"{base}/groups", schema_doors.create_group)
    yield Address("GET", f"{base}/groups/{{name}}", schema_doors.read_group)
    yield Address("GET", f"{base}/{{name}}", schema_doors.read)
    yield Address("PATCH", f"{base}/{{name}}", schema_doors.change)
    yield Address("DELETE", f"{base}/{{name}}", schema_doors.archive)
