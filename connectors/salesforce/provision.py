"""Creating our fields in an org: custom fields, and a permission set so that they can be seen.

Idempotent: what exists is left alone. A field made through the API is invisible to everybody until
a permission set grants it.
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.base import ProvisionStep
from connectors.errors import Misconfigured
from connectors.salesforce.client import Client, RefusedCall
from connectors.salesforce.fields import KEY_FIELD, OUR_API_NAMES, metadata

PERMISSION_SET = "leadsla"
_KEY_LENGTH = 80


def provision(client: Client, *, dry_run: bool) -> list[ProvisionStep]:
    """Make what is missing, or only say so."""
    steps = []
    shown = {name: _shown(client, name) for name in ("Lead", "Task")}
    wanted = [(f"Lead.{api}", "Lead", api) for api in OUR_API_NAMES.values()]
    wanted.append((f"Activity.{KEY_FIELD}", "Task", KEY_FIELD))
    missing = [one for one in wanted if one[2] not in shown[one[1]]]
    for full_name, object_name, api in wanted:
        exists = (full_name, object_name, api) not in missing
        steps.append(ProvisionStep(f"field {full_name}", exists))
    if missing and not dry_run:
        for full_name, _, _ in missing:
            _make_field(client, full_name)
        grant(client, [(object_name, api) for _, object_name, api in missing])
    return steps


def _shown(client: Client, name: str) -> frozenset[str]:
    described = client.describe(name)
    if described is None:
        raise Misconfigured(f"{client.name}: the object {name} is not visible to this user")
    return frozenset(field["name"] for field in described["fields"])


def _make_field(client: Client, full_name: str) -> None:
    by_name = {api: metadata(ours) for ours, api in OUR_API_NAMES.items()}
    key = {"label": "LeadSLA Key", "type": "Text", "length": _KEY_LENGTH}
    body = {"FullName": full_name, "Metadata": by_name.get(full_name.partition(".")[2], key)}
    try:
        client.rest("POST", "tooling/sobjects/CustomField", body)
    except RefusedCall as error:
        if "DUPLICATE" not in error.code:  # it exists and is only hidden: the grant will show it
            raise


def grant(client: Client, fields: list[tuple[str, str]]) -> None:
    """Let our own user see and edit these fields, through a permission set of our name."""
    set_id = _permission_set(client)
    records = [
        {
            "attributes": {"type": "FieldPermissions"},
            "ParentId": set_id,
            "SobjectType": object_name,
            "Field": f"{object_name}.{api}",
            "PermissionsRead": True,
            "PermissionsEdit": True,
        }
        for object_name, api in fields
    ]
    client.rest("POST", "composite/sobjects", {"allOrNone": False, "records": records})


def _permission_set(client: Client) -> str:
    found = client.query_all(f"SELECT Id FROM PermissionSet WHERE Name = '{PERMISSION_SET}'")
    if found:
        set_id = str(found[0]["Id"])
    else:
        body = {"Name": PERMISSION_SET, "Label": "leadsla"}
        set_id = str(client.rest("POST", "sobjects/PermissionSet", body)["id"])
    user = user_id(client)
    assigned = client.query_all(
        f"SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId = '{set_id}' AND AssigneeId = '{user}'"
    )
    if not assigned:
        body = {"PermissionSetId": set_id, "AssigneeId": user}
        client.rest("POST", "sobjects/PermissionSetAssignment", body)
    return set_id


def user_id(client: Client) -> str:
    """The id of the user we act as."""
    answer = client.session.request("GET", f"{client.line.base_url}/services/oauth2/userinfo")
    return str(answer.json()["user_id"])


def missing_fields(visible: frozenset[str]) -> Iterator[str]:
    """Our lead fields that the org does not show us."""
    return (api for api in OUR_API_NAMES.values() if api not in visible)
