"""Creating our fields in an org, and taking them away: custom fields, and a permission set to see them.

Idempotent: what exists is left alone. A field made through the API is invisible to everybody until
a permission set grants it.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from connectors.base import OUR_FIELDS, ProvisionStep
from connectors.errors import Misconfigured, Unauthorised
from connectors.salesforce.client import Client, RefusedCall
from connectors.salesforce.fields import (
    DESCRIBED_AS,
    KEY_FIELD,
    KEY_NAME,
    OUR_API_NAMES,
    key_metadata,
    metadata,
)

PERMISSION_SET = "leadsla"


def provision(client: Client, *, dry_run: bool, user: str = "") -> list[ProvisionStep]:
    """Make what is missing, or only say so. Raises Unauthorised when fields were made and stay hidden.

    ``user``: the id of the user who is to see them (empty: the one ``client`` acts as).
    """
    shown = {name: _shown(client, name) for name in ("Lead", "Task")}
    wanted = [(f"Lead.{api}", "Lead", api) for api in OUR_API_NAMES.values()]
    wanted.append((KEY_NAME, "Task", KEY_FIELD))
    missing = {name: (thing, api) for name, thing, api in wanted if api not in shown[thing]}
    made: set[str] = set()
    if missing and not dry_run:
        made = {name for name in missing if _make_field(client, name)}
        grant(client, list(missing.values()), user or user_id(client))
    lacking = set(missing) if dry_run else made  # what was there but hidden is not made
    return [ProvisionStep(f"field {name}", name not in lacking, name in made) for name, _, _ in wanted]


def unprovision(client: Client, *, dry_run: bool) -> list[ProvisionStep]:
    """Delete our fields with what is in them, then our permission set, or only say what would go.

    A field of our name and another type is not ours. Raises Unauthorised without the right to customise.
    """
    types = {
        name: {field["name"]: field["type"] for field in (client.describe(name) or {}).get("fields", ())}
        for name in ("Lead", "Task")
    }
    ids = _field_ids(client)
    wanted = [(f"Lead.{api}", types["Lead"].get(api), ours) for ours, api in OUR_API_NAMES.items()]
    wanted.append((KEY_NAME, types["Task"].get(KEY_FIELD), ""))
    steps = []
    for name, shown, ours in wanted:
        step = _found(name, shown, DESCRIBED_AS[OUR_FIELDS.get(ours, "text")], exists=name in ids)
        is_to_go = step.exists and not dry_run
        steps.append(_gone(client, step, f"tooling/sobjects/CustomField/{ids[name]}") if is_to_go else step)
    return [*steps, _without_permission_set(client, dry_run=dry_run)]


def _field_ids(client: Client) -> dict[str, str]:
    """The id of each of our fields, hidden ones too, by its full name."""
    names = ", ".join(f"'{api.removesuffix('__c')}'" for api in (*OUR_API_NAMES.values(), KEY_FIELD))
    soql = f"SELECT Id, DeveloperName, TableEnumOrId FROM CustomField WHERE DeveloperName IN ({names})"
    rows = client.rest("GET", f"tooling/query?{urlencode({'q': soql})}")["records"]
    return {f"{row['TableEnumOrId']}.{row['DeveloperName']}__c": str(row["Id"]) for row in rows}


def _found(name: str, shown: str | None, ours: str, *, exists: bool) -> ProvisionStep:
    """What stands under this name; ``shown``: its type, if we see it; ``ours``: the type we make."""
    if not exists or shown in {None, ours}:
        return ProvisionStep(f"field {name}", exists)
    remark = f"is a {shown}, not a {ours}, so not ours; rename or remove it in Salesforce"
    return ProvisionStep(f"field {name}", exists=False, blocked=True, remark=remark)


def _gone(client: Client, step: ProvisionStep, path: str) -> ProvisionStep:
    try:
        client.rest("DELETE", path)
    except RefusedCall as error:
        if error.status != 404:  # gone meanwhile is as good as deleted
            return replace(step, remark=f"Salesforce refuses: {error.code}")
    return replace(step, removed=True)


def _without_permission_set(client: Client, *, dry_run: bool) -> ProvisionStep:
    found = client.query_all(f"SELECT Id FROM PermissionSet WHERE Name = '{PERMISSION_SET}'")
    step = ProvisionStep(f"permission set {PERMISSION_SET}", exists=bool(found))
    if not found or dry_run:
        return step
    set_id = str(found[0]["Id"])
    held = f"SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId = '{set_id}'"
    for row in client.query_all(held):
        client.rest("DELETE", f"sobjects/PermissionSetAssignment/{row['Id']}")
    return _gone(client, step, f"sobjects/PermissionSet/{set_id}")


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


def grant(client: Client, fields: list[tuple[str, str]], user: str) -> None:
    """Let this user see and edit these fields, through a permission set of our name."""
    set_id = _permission_set(client, user)
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


def _permission_set(client: Client, user: str) -> str:
    found = client.query_all(f"SELECT Id FROM PermissionSet WHERE Name = '{PERMISSION_SET}'")
    if found:
        set_id = str(found[0]["Id"])
    else:
        body = {"Name": PERMISSION_SET, "Label": "leadsla"}
        set_id = str(client.rest("POST", "sobjects/PermissionSet", body)["id"])
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
