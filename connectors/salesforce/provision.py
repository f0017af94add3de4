"""Creating our fields in an org: custom fields, and a permission set so that they can be seen.

Idempotent: what exists is left alone. A field made through the API is invisible to everybody until
a permission set grants it.
"""

from __future__ import annotations

from connectors.base import ProvisionStep
from connectors.errors import Misconfigured, Unauthorised
from connectors.salesforce.client import Client, RefusedCall
from connectors.salesforce.fields import KEY_FIELD, KEY_NAME, OUR_API_NAMES, key_metadata, metadata

PERMISSION_SET = "leadsla"


def provision(client: Client, *, dry_run: bool) -> list[ProvisionStep]:
    """Make what is missing, or only say so. Raises Unauthorised when fields were made and stay hidden."""
    shown = {name: _shown(client, name) for name in ("Lead", "Task")}
    wanted = [(f"Lead.{api}", "Lead", api) for api in OUR_API_NAMES.values()]
    wanted.append((KEY_NAME, "Task", KEY_FIELD))
    missing = {name: (thing, api) for name, thing, api in wanted if api not in shown[thing]}
    made: set[str] = set()
    if missing and not dry_run:
        made = {name for name in missing if _make_field(client, name)}
        grant(client, list(missing.values()))
    lacking = set(missing) if dry_run else made  # what was there but hidden is not made
    return [ProvisionStep(f"field {name}", name not in lacking, name in made) for name, _, _ in wanted]


def _shown(client: Client, name: str) -> frozenset[str]:
    described = client.describe(name)
    if described is None:
        raise Misconfigured(f"{client.name}: the object {name} is not visible to this user")
    return frozenset(field["name"] for field in described["fields"])


def _make_field(client: Client, full_name: str) -> bool:
    """False when it exists and is only hidden: the grant will show it."""
    by_name = {f"Lead.{api}": metadata(ours) for ours, api in OUR_API_NAMES.items()}
    body = {"FullName": full_name, "Metadata": by_name.get(full_name, key_metadata())}
    try:
        client.rest("POST", "tooling/sobjects/CustomField", body)
    except RefusedCall as error:
        if "DUPLICATE" not in error.code:
            raise
        return False
    return True


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
    answers = client.rest("POST", "composite/sobjects", {"allOrNone": False, "records": records})
    codes = {str(error.get("statusCode")) for answer in answers for error in answer.get("errors") or ()}
    codes.discard("DUPLICATE_VALUE")  # granted before
    if codes:
        why = ", ".join(sorted(codes))
        raise Unauthorised(
            f"{client.name}: our fields stay hidden, Salesforce does not grant them ({why});"
            f" grant them to our user in the permission set {PERMISSION_SET}"
        )


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
