"""Making our fields, permission sets and list views in an org, and taking them away.

Idempotent: what exists is left alone, and what is not ours is never touched. A field made through an API
is invisible to everybody until a permission set grants it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.base import ProvisionStep
from connectors.errors import Misconfigured, Unauthorised
from connectors.salesforce.carrier import Carrier, other_than
from connectors.salesforce.client import Client
from connectors.salesforce.definitions import PERMISSION_SET, Component, fields, list_views, permission_sets
from connectors.salesforce.fields import KEY_NAME
from connectors.salesforce.metadata_api import MetadataApi, Outcome

_THERE = "DUPLICATE_DEVELOPER_NAME"
_LOOKED_UP = "the org takes no external id on activities: our tasks are looked up by it instead"
_FOR_PEOPLE = "assign it to the people who should see the SLA on leads"
_FEW_COLUMNS = "the org refuses its standard columns: add name and owner in the list view"


def provision(admin: Client, runner: Client, carrier: Carrier, *, dry_run: bool) -> list[ProvisionStep]:
    """Make what is missing, or only say so.

    ``admin`` may change the org; ``runner`` is the user who is to see our fields, and may be the same.
    Raises Unauthorised without the right, and when fields were made and stay hidden.
    """
    api = MetadataApi(admin)
    try:
        return _Provisioning(_Parties(admin, runner, api), carrier, dry_run=dry_run).steps()
    finally:
        api.close()


def unprovision(admin: Client, carrier: Carrier, *, dry_run: bool) -> list[ProvisionStep]:
    """Take our list views, permission sets and fields away, or only say what would go.

    Where leads and contacts of one org have our fields, what both need stays until the other go too.
    A field of our name and another type is not ours. Raises Unauthorised without the right to customise.
    """
    api = MetadataApi(admin)
    try:
        return _removed(admin, api, carrier, dry_run=dry_run)
    finally:
        api.close()


@dataclass(frozen=True, slots=True)
class _Parties:
    """Who makes, who is to see, and the door it goes through."""

    admin: Client
    runner: Client
    api: MetadataApi


class _Provisioning:
    """One call of ``provision``."""

    def __init__(self, parties: _Parties, carrier: Carrier, *, dry_run: bool) -> None:
        self._admin = parties.admin
        self._runner = parties.runner
        self._api = parties.api
        self._carrier = carrier
        self._dry_run = dry_run

    def steps(self) -> list[ProvisionStep]:
        steps = self._fields()
        if any(step.blocked for step in steps):
            return steps  # what we would grant or list is somebody else's
        return [*steps, *self._permission_sets(), *self._list_views()]

    def _fields(self) -> list[ProvisionStep]:
        wanted = fields(self._carrier)
        there = self._api.read("CustomField", [one.name for one in wanted])
        steps = [_step(one, there.get(one.name)) for one in wanted]
        missing = [one for one, step in zip(wanted, steps, strict=True) if not (step.exists or step.blocked)]
        if self._dry_run or not missing:
            return steps
        outcomes = self._api.create(missing)
        made = {one.name: self._made(one, told) for one, told in zip(missing, outcomes, strict=True)}
        return [made.get(one.name, step) for one, step in zip(wanted, steps, strict=True)]

    def _made(self, component: Component, outcome: Outcome) -> ProvisionStep:
        remark = ""
        if component.name == KEY_NAME and outcome.code not in {"", _THERE}:
            (outcome,) = self._api.create(fields(self._carrier, key_as_external_id=False)[-1:])
            remark = _LOOKED_UP
        return _made_step(component, outcome, remark)

    def _permission_sets(self) -> list[ProvisionStep]:
        wanted = permission_sets(self._carrier)
        there = self._api.read("PermissionSet", [one.name for one in wanted])
        known = self._ids([one.name for one in wanted])
        steps = []
        for one in wanted:
            is_ours = one.name == PERMISSION_SET
            lacks = _lacking(one, there.get(one.name)) or (is_ours and self._hidden())
            step = ProvisionStep(one.what, exists=one.name in known)
            if lacks and step.exists:
                step = replace(step, remark="does not grant all of our fields yet")
            if lacks and not self._dry_run:
                step = self._granted(_merged(one, there.get(one.name)), step)
            if is_ours and not self._dry_run:
                self._assign()
            steps.append(step)
        return steps

    def _granted(self, component: Component, step: ProvisionStep) -> ProvisionStep:
        (outcome,) = self._api.put([component])
        if outcome.code:
            raise Unauthorised(
                f"{self._admin.name}: our fields stay hidden,"
                f" Salesforce does not grant them ({outcome.code});"
                f" grant them to our user in the permission set {PERMISSION_SET}"
            )
        if step.exists:
            return replace(step, remark="now grants all of our fields")
        is_for_people = component.name != PERMISSION_SET
        return replace(step, created=True, remark=_FOR_PEOPLE if is_for_people else "")

    def _hidden(self) -> bool:
        """Whether our user does not see all of our fields."""
        own = self._carrier.object
        shown = {
            f"{kept_at}.{field['name']}"
            for name, kept_at in ((own, own), ("Task", "Activity"))
            for field in _described(self._runner, name)
        }
        return not shown >= {one.name for one in fields(self._carrier)}

    def _assign(self) -> None:
        """The permission set belongs to the user that leadsla runs as."""
        set_id, user = self._ids([PERMISSION_SET])[PERMISSION_SET], user_id(self._runner)
        held = (
            "SELECT Id FROM PermissionSetAssignment"
            f" WHERE PermissionSetId = '{set_id}' AND AssigneeId = '{user}'"
        )
        if not self._admin.query_all(held):
            body = {"PermissionSetId": set_id, "AssigneeId": user}
            self._admin.rest("POST", "sobjects/PermissionSetAssignment", body)

    def _ids(self, names: Sequence[str]) -> dict[str, str]:
        return _permission_set_ids(self._admin, names)

    def _list_views(self) -> list[ProvisionStep]:
        wanted = list_views(self._carrier)
        there = self._api.read("ListView", [one.name for one in wanted])
        steps = {one.name: ProvisionStep(one.what, one.name in there) for one in wanted}
        missing = [one for one in wanted if one.name not in there]
        if self._dry_run or not missing:
            return list(steps.values())
        outcomes = {one.name: one for one in self._api.create(missing)}
        failed = [name for name, one in outcomes.items() if one.code not in {"", _THERE}]
        if failed:
            plain = list_views(self._carrier, with_standard_columns=False)
            fewer = [one for one in plain if one.name in failed]
            outcomes |= {one.name: one for one in self._api.create(fewer)}
        for one in missing:
            remark = _FEW_COLUMNS if one.name in failed else ""
            steps[one.name] = _made_step(one, outcomes[one.name], remark)
        return list(steps.values())


def _removed(admin: Client, api: MetadataApi, carrier: Carrier, *, dry_run: bool) -> list[ProvisionStep]:
    """List views first, then permission sets, then fields: nothing is taken from under another."""
    found: list[ProvisionStep] = []
    for wanted in _ours(api, carrier):
        kind = wanted[0].kind
        there = api.read(kind, [one.name for one in wanted])
        if kind == "PermissionSet":
            known = _permission_set_ids(admin, [one.name for one in wanted])
            steps = [ProvisionStep(one.what, exists=one.name in known) for one in wanted]
        else:
            steps = [_step(one, there.get(one.name)) for one in wanted]
        going = [one for one, step in zip(wanted, steps, strict=True) if step.exists]
        if not dry_run and going:
            if kind == "PermissionSet":
                _unassign(admin, list(_permission_set_ids(admin, [one.name for one in going]).values()))
            outcomes = {one.name: one for one in api.delete(kind, [one.name for one in going])}
            steps = [
                _gone(step, outcomes[one.name]) if one.name in outcomes else step
                for one, step in zip(wanted, steps, strict=True)
            ]
        found += steps
    return found


def _ours(api: MetadataApi, carrier: Carrier) -> list[list[Component]]:
    """What may go: what a second connection to this org needs as well goes with the later of the two."""
    others = [one for one in fields(other_than(carrier)) if one.name != KEY_NAME]
    own = [one for one in fields(carrier) if one.name != KEY_NAME]
    if api.read("CustomField", [one.name for one in others]):
        return [list_views(carrier), own]
    return [list_views(carrier), permission_sets(carrier), fields(carrier)]


def _gone(step: ProvisionStep, outcome: Outcome) -> ProvisionStep:
    if outcome.code and outcome.code != "INVALID_CROSS_REFERENCE_KEY":  # gone meanwhile is as good as deleted
        return replace(step, remark=f"Salesforce refuses: {outcome.code}")
    return replace(step, removed=True)


def _step(component: Component, there: Mapping[str, Any] | None) -> ProvisionStep:
    """What stands under this name. A field of another type is somebody else's."""
    ours, shown = component.value.get("type"), (there or {}).get("type")
    if there is not None and shown != ours:
        remark = f"is a {shown}, not a {ours}, so not ours; rename or remove it in Salesforce"
        return ProvisionStep(component.what, exists=False, blocked=True, remark=remark)
    return ProvisionStep(component.what, exists=there is not None)


def _made_step(component: Component, outcome: Outcome, remark: str = "") -> ProvisionStep:
    if outcome.code == _THERE:
        return ProvisionStep(component.what, exists=True)
    if outcome.code:
        return ProvisionStep(component.what, exists=False, remark=f"Salesforce refuses: {outcome.code}")
    return ProvisionStep(component.what, exists=False, created=True, remark=remark)


def _lacking(wanted: Component, there: Mapping[str, Any] | None) -> bool:
    """Whether the permission set lacks a permission of ours."""
    held = {one["field"]: one for one in (there or {}).get("fieldPermissions", ())}
    return any(
        not held.get(one["field"], {}).get("readable")
        or (one["editable"] and not held[one["field"]].get("editable"))
        for one in wanted.value["fieldPermissions"]
    )


def _merged(wanted: Component, there: Mapping[str, Any] | None) -> Component:
    """Our permissions in what is there: what an admin put into the set stays in it."""
    if there is None:
        return wanted
    ours = {one["field"]: one for one in wanted.value["fieldPermissions"]}
    theirs = [one for one in there.get("fieldPermissions", ()) if one["field"] not in ours]
    kept = {name: part for name, part in there.items() if name != "fullName"}
    return replace(wanted, value={**kept, "fieldPermissions": [*theirs, *ours.values()]})


def _permission_set_ids(client: Client, names: Sequence[str]) -> dict[str, str]:
    listed = ", ".join(f"'{name}'" for name in names)
    rows = client.query_all(f"SELECT Id, Name FROM PermissionSet WHERE Name IN ({listed})")
    return {str(row["Name"]): str(row["Id"]) for row in rows}


def _unassign(client: Client, set_ids: Sequence[str]) -> None:
    """Whoever holds these permission sets lets go of them; until then they cannot be deleted."""
    listed = ", ".join(f"'{one}'" for one in set_ids)
    held = f"SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId IN ({listed})"
    for row in client.query_all(held):
        client.rest("DELETE", f"sobjects/PermissionSetAssignment/{row['Id']}")


def _described(client: Client, name: str) -> Sequence[Mapping[str, Any]]:
    described = client.describe(name)
    if described is None:
        raise Misconfigured(f"{client.name}: the object {name} is not visible to this user")
    fields_shown: Sequence[Mapping[str, Any]] = described["fields"]
    return fields_shown


def user_id(client: Client) -> str:
    """The id of the user we act as."""
    answer = client.session.request("GET", f"{client.line.base_url}/services/oauth2/userinfo")
    return str(answer.json()["user_id"])
