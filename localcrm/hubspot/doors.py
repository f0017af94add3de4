"""Every address of the portal, in both path families, with its door and its limit rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from localcrm.hubspot import account, associations, batches, forms, objects, schema_doors, search
from localcrm.hubspot.calls import NEXT, Door

DATED = "2026-03"
OBJECTS = ("/crm/v3/objects", f"/crm/objects/{DATED}", f"/crm/objects/{NEXT}")
ASSOCIATIONS = (
    "/crm/v4/associations",
    "/crm/associations/v4",
    f"/crm/associations/{DATED}",
    f"/crm/associations/{NEXT}",
)
OBJECT_ASSOCIATIONS = ("/crm/v4/objects", f"/crm/objects/{DATED}", f"/crm/objects/{NEXT}")
PROPERTIES = ("/crm/v3/properties", f"/crm/properties/{DATED}", f"/crm/properties/{NEXT}")
OWNERS = ("/crm/v3/owners", f"/crm/owners/{DATED}", f"/crm/owners/{NEXT}")
PIPELINES = ("/crm/v3/pipelines", f"/crm/pipelines/{DATED}", f"/crm/pipelines/{NEXT}")
VALIDATIONS = ("/crm/v3/property-validations", f"/crm/property-validations/{NEXT}")
USAGE = "/account-info/v3/api-usage/daily/private-apps"
TOKENS = ("/oauth/v1/token", "/oauth/v3/token", f"/oauth/{DATED}/token", f"/oauth/{NEXT}/token")


@dataclass(frozen=True, slots=True)
class Address:
    """A method and path, where they lead, and which limit counts them (burst, search or free)."""

    method: str
    path: str
    door: Door
    rule: str = "burst"

    @property
    def version(self) -> str:
        """The date-based version in the path; "" for v1 to v4."""
        return next((one for one in (DATED, NEXT) if f"/{one}" in self.path), "")


def addresses() -> Iterator[Address]:
    """All addresses, the more particular first."""
    for base in OBJECTS:
        yield from _objects(f"{base}/{{kind}}")
    for base in ASSOCIATIONS:
        yield from _associations(f"{base}/{{from_kind}}/{{to_kind}}")
    for base in OBJECT_ASSOCIATIONS:
        yield from _record_associations(f"{base}/{{from_kind}}/{{id}}/associations")
    for base in PROPERTIES:
        yield from _properties(f"{base}/{{kind}}")
    for base in OWNERS:
        yield Address("GET", base, account.owners)
        yield Address("GET", f"{base}/", account.owners)
        yield Address("GET", f"{base}/{{id}}", account.owner)
    for base in PIPELINES:
        yield Address("GET", f"{base}/{{kind}}", account.pipelines)
        yield Address("GET", f"{base}/{{kind}}/{{id}}", account.pipeline)
        yield Address("GET", f"{base}/{{kind}}/{{id}}/stages", account.stages)
    for base in VALIDATIONS:
        yield Address("GET", f"{base}/{{kind}}", schema_doors.validations)
    yield Address("GET", "/email/public/v1/events", account.email_events)
    yield Address("GET", "/account-info/v3/details", account.details)
    for path in ("/marketing/v3/forms", "/marketing/v3/forms/"):
        yield Address("GET", path, forms.definitions)
    yield Address("GET", "/marketing/v3/forms/{id}", forms.definition)
    yield Address("GET", "/form-integrations/v1/submissions/forms/{id}", forms.submissions)


def _objects(base: str) -> Iterator[Address]:
    yield Address("POST", f"{base}/search", search.search, "search")
    yield Address("POST", f"{base}/batch/read", batches.read)
    yield Address("POST", f"{base}/batch/create", batches.create_many)
    yield Address("POST", f"{base}/batch/update", batches.update_many)
    yield Address("POST", f"{base}/batch/upsert", batches.upsert_many)
    yield Address("POST", f"{base}/batch/archive", batches.archive_many)
    yield Address("POST", f"{base}/merge", objects.merge)
    yield Address("POST", f"{base}/gdpr-delete", objects.gdpr_delete)
    yield Address("GET", base, objects.listing)
    yield Address("POST", base, objects.create_one)
    yield Address("GET", f"{base}/{{id}}", objects.read)
    yield Address("PATCH", f"{base}/{{id}}", objects.update_one)
    yield Address("DELETE", f"{base}/{{id}}", objects.archive_one)


def _record_associations(base: str) -> Iterator[Address]:
    yield Address("PUT", f"{base}/default/{{to_kind}}/{{to_id}}", associations.put_default)
    yield Address("PUT", f"{base}/{{to_kind}}/{{to_id}}", associations.put)
    yield Address("DELETE", f"{base}/{{to_kind}}/{{to_id}}", associations.delete)
    yield Address("GET", f"{base}/{{to_kind}}", associations.page)


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
    yield Address("DELETE", f"{base}/groups/{{name}}", schema_doors.archive_group)
    yield Address("GET", f"{base}/{{name}}", schema_doors.read)
    yield Address("PATCH", f"{base}/{{name}}", schema_doors.change)
    yield Address("DELETE", f"{base}/{{name}}", schema_doors.archive)
