"""The metadata components an integration makes: custom fields, permission sets, list views."""

from __future__ import annotations

import re
from typing import Any

from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import Field, ObjectType, Row
from localcrm.salesforce.org import ACTIVITY, Org
from localcrm.salesforce.seeding import put
from localcrm.salesforce.tooling import change_field, drop_field, find_field, make_field

_KINDS = ("CustomField", "PermissionSet", "ListView")
_SCOPES = (
    "Everything",
    "Mine",
    "MineAndMyGroups",
    "Queue",
    "Delegated",
    "MyTerritory",
    "MyTeamTerritory",
    "Team",
)
_STANDARD_COLUMN = re.compile(r"[A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*$")
_LONGEST_LABEL = {"ListView": 40, "PermissionSet": 80}
Component = dict[str, Any]


class Components:
    """What was made over the Metadata API, as it was sent, and its effect on the org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._sent: dict[tuple[str, str], Component] = {}

    def exists(self, kind: str, name: str) -> bool:
        """Whether the org has the component; raises for a kind that nobody here can make."""
        if kind not in _KINDS:
            raise ApiError("INVALID_TYPE", f"This type of metadata is not available here: {kind}")
        if kind == "CustomField":
            return find_field(self._org, name) is not None
        if kind == "PermissionSet":
            return self._set_row(name) is not None
        return self._view_row(name) is not None

    def put(self, kind: str, value: Component) -> None:
        """Make or change one component; raises ApiError."""
        name = str(value.get("fullName", ""))
        there = self.exists(kind, name)
        if kind == "CustomField":
            (change_field if there else make_field)(self._org, name, value)
        elif kind == "PermissionSet":
            _labelled(kind, value)
            self._put_set(name, value)
        else:
            _labelled(kind, value)
            self._put_view(name, value)
        self._sent[kind, name] = {**self._sent.get((kind, name), {}), **value}

    def read(self, kind: str, name: str) -> Component | None:
        """The component as it was sent, or None."""
        return self._sent.get((kind, name)) if self.exists(kind, name) else None

    def sent(self) -> dict[tuple[str, str], Component]:
        """Everything as it was sent so far."""
        return dict(self._sent)

    def forget(self, sent: dict[tuple[str, str], Component]) -> None:
        """Remember only this much: the rest was undone."""
        self._sent = dict(sent)

    def remove(self, kind: str, name: str) -> None:
        """Take the component, and what depends on it, out of the org; raises ApiError."""
        if not self.exists(kind, name):
            raise ApiError("INVALID_CROSS_REFERENCE_KEY", f"No {kind} named: {name} found")
        if kind == "CustomField":
            drop_field(self._org, name)
        elif kind == "PermissionSet":
            self._drop_set(name)
        else:
            row = self._view_row(name)
            if row is not None:
                self._org.tables["ListView"].remove(row["Id"])
        self._sent.pop((kind, name), None)

    def _set_row(self, name: str) -> Row | None:
        return next((row for row in self._org.rows("PermissionSet") if row["Name"] == name), None)

    def _view_row(self, name: str) -> Row | None:
        target, _, view = name.partition(".")
        rows = self._org.rows("ListView")
        return next(
            (row for row in rows if (row["SobjectType"], row["DeveloperName"]) == (target, view)), None
        )

    def _put_set(self, name: str, value: Component) -> None:
        org = self._org
        wanted = self._grants(value.get("fieldPermissions", []))
        row = self._set_row(name)
        if row is None:
            row = put(org, "PermissionSet", Name=name, Label=value["label"])
        else:
            org.tables["PermissionSet"].replace({**row, "Label": value["label"]})
        for (target, field), (read, edit) in wanted.items():
            for old in list(org.rows("FieldPermissions")):
                if (old["ParentId"], old["Field"]) == (row["Id"], f"{target}.{field}"):
                    org.tables["FieldPermissions"].remove(old["Id"])
            values: Row = {"ParentId": row["Id"], "SobjectType": target, "Field": f"{target}.{field}"}
            values |= {"PermissionsRead": read or edit, "PermissionsEdit": edit}
            put(org, "FieldPermissions", **values)
        org.forget_grants()

    def _grants(self, given: list[Component]) -> dict[tuple[str, str], tuple[bool, bool]]:
        """(object, field) -> (read, edit); an activity field counts only when Task and Event both name it."""
        found: dict[tuple[str, str], tuple[bool, bool]] = {}
        for one in given:
            target, _, name = str(one.get("field")).partition(".")
            for kind in ACTIVITY if target == "Activity" else (target,):
                self._grantable(kind, name)
                found[kind, name] = bool(one.get("readable")), bool(one.get("editable"))
        for kind, name in list(found):
            other = next((one for one in ACTIVITY if one != kind), "")
            if kind in ACTIVITY and (other, name) not in found:
                found[kind, name] = False, False
        return found

    def _grantable(self, target: str, name: str) -> None:
        kind = self._org.types.get(target)
        field = kind.fields.get(name) if kind else None
        if field is None:
            text = f"In field: field - no CustomField named {target}.{name} found"
            raise ApiError("INVALID_CROSS_REFERENCE_KEY", text, ("field",))
        if not field.nillable and field.type != "boolean":
            text = f"You cannot deploy to a required field: {target}.{name}"
            raise ApiError("FIELD_INTEGRITY_EXCEPTION", text, ("field",))

    def _drop_set(self, name: str) -> None:
        row = self._set_row(name)
        if row is None:
            return
        for table, key in (("FieldPermissions", "ParentId"), ("PermissionSetAssignment", "PermissionSetId")):
            for one in list(self._org.rows(table)):
                if one[key] == row["Id"]:
                    self._org.tables[table].remove(one["Id"])
        self._org.tables["PermissionSet"].remove(row["Id"])
        self._org.forget_grants()

    def _put_view(self, name: str, value: Component) -> None:
        target, _, view = name.partition(".")
        kind = self._org.types.get(target)
        if kind is None or not re.match(r"[A-Za-z]\w*$", view):
            raise ApiError("INVALID_CROSS_REFERENCE_KEY", f"Invalid list view name: {name}", ("fullName",))
        if value.get("filterScope") not in _SCOPES:
            text = f"'{value.get('filterScope')}' is not a valid value for the enum 'FilterScope'"
            raise ApiError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text, ("filterScope",))
        for column in [*value.get("columns", []), *(one.get("field") for one in value.get("filters", []))]:
            if not _is_column(kind, str(column)):
                raise ApiError("INVALID_FIELD", f"Could not resolve list view column: {column}")
        row = self._view_row(name)
        if row is None:
            put(self._org, "ListView", Name=value["label"], DeveloperName=view, SobjectType=target)
        else:
            self._org.tables["ListView"].replace({**row, "Name": value["label"]})


def _is_column(kind: ObjectType, column: str) -> bool:
    field: Field | None = kind.fields.get(column)
    return (field is not None and field.custom) or bool(_STANDARD_COLUMN.match(column))


def _labelled(kind: str, value: Component) -> None:
    label = value.get("label")
    if not isinstance(label, str) or not 0 < len(label) <= _LONGEST_LABEL[kind]:
        text = f"Label must have 1 to {_LONGEST_LABEL[kind]} characters"
        raise ApiError("REQUIRED_FIELD_MISSING", text, ("label",))
