"""One practice org: its objects, tables, people, field permissions and switches.

It holds state and answers questions about it; the rules of writing are in ``writing``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from localcrm.clock import Clock
from localcrm.salesforce.catalogue import read_catalogue
from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import Field, ObjectType, Row
from localcrm.salesforce.ids import normal_id
from localcrm.salesforce.late import LateCommits
from localcrm.salesforce.setup import Setup
from localcrm.salesforce.stamps import stamp
from localcrm.salesforce.switches import Switches
from localcrm.salesforce.tables import Table

INBOUND_QUEUE = "Inbound Leads"
ACTIVITY = ("Task", "Event")


class Org:
    """All records. Every reader and writer holds ``lock``."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self.clock = clock
        self.switches = switches
        self.lock = threading.RLock()
        self.types: dict[str, ObjectType] = read_catalogue()
        self.by_lower: dict[str, ObjectType] = {}
        self.tables: dict[str, Table] = {name: Table(kind.prefix) for name, kind in self.types.items()}
        self.late = LateCommits(self.tables)
        self.setup = Setup()
        self.schema_changed_at: datetime = clock.now().replace(microsecond=0)
        self.integration_user = ""
        self.inbound_queue = ""
        self._grants: dict[tuple[str, str], tuple[bool, bool]] | None = None
        self.switch(switches)

    def switch(self, switches: Switches) -> None:
        """Behave as these switches say from now on."""
        self.switches = switches
        absent = {*switches.absent_objects, *(() if switches.notes else ("ContentNote",))}
        self.by_lower = {name.lower(): kind for name, kind in self.types.items() if name not in absent}
        self.schema_changed()

    def schema_changed(self) -> None:
        """A describe may read differently from now on: its Last-Modified moves by a second at least."""
        now, after = self.clock.now().replace(microsecond=0), self.schema_changed_at + timedelta(seconds=1)
        self.schema_changed_at = max(now, after)

    def has(self, name: str) -> bool:
        """Whether the API shows this object."""
        return name.lower() in self.by_lower

    def settle(self) -> None:
        """Make visible what was committed in the meantime. Every reader and writer begins with it."""
        self.late.settle(self.clock.now())

    def now(self) -> str:
        return stamp(self.clock.now())

    def kind(self, name: str) -> ObjectType:
        """The object type; raises the 404 of an unknown one."""
        found = self.by_lower.get(name.lower())
        if found is None:
            raise ApiError("NOT_FOUND", "The requested resource does not exist", status=404)
        return found

    def rows(self, name: str) -> Iterable[Row]:
        return self.tables[name].rows.values()

    def object_of_prefix(self, record_id: str) -> str | None:
        for name, table in self.tables.items():
            if record_id[:3] == table.prefix:
                return name
        return None

    def target(self, field: Field, value: str | None) -> tuple[str, Row] | None:
        """The (object, row) a reference value points at."""
        if value is None:
            return None
        for name in field.to:
            table = self.tables.get(name)
            if table is not None and value in table.rows:
                return name, table.rows[value]
        return None

    def find(self, kind: ObjectType, record_id: str) -> Row:
        """The living row; raises MALFORMED_ID, NOT_FOUND or ENTITY_IS_DELETED."""
        full = normal_id(record_id)
        row = self.tables[kind.name].rows.get(full) if full else None
        if row is None:
            raise ApiError(
                "NOT_FOUND",
                "Provided external ID field does not exist or is not accessible: Id"
                if full is None
                else "The requested resource does not exist",
                status=404,
            )
        if row.get("IsDeleted"):
            raise ApiError("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def visible(self, kind: ObjectType, field: Field) -> bool:
        """Whether field-level security lets the integration user see the field."""
        if _named(kind, field, self.switches.hidden_fields):
            return False
        return not field.granted_only or self.grants().get((kind.name, field.name), (False, False))[0]

    def editable(self, kind: ObjectType, field: Field) -> bool:
        """Whether field-level security lets the integration user set the field."""
        if _named(kind, field, self.switches.hidden_fields + self.switches.read_only_fields):
            return False
        return not field.granted_only or self.grants().get((kind.name, field.name), (False, False))[1]

    def fields(self, kind: ObjectType) -> list[Field]:
        """The fields the integration user may see."""
        return [one for one in kind.fields.values() if self.visible(kind, one)]

    def field(self, kind: ObjectType, name: str) -> Field | None:
        found = kind.by_lower.get(name.lower())
        return found if found is not None and self.visible(kind, found) else None

    def forget_grants(self) -> None:
        """Field permissions or assignments changed."""
        self._grants = None
        self.schema_changed()

    def grants(self) -> dict[tuple[str, str], tuple[bool, bool]]:
        """(object, field) -> (read, edit) over the integration user's permission sets."""
        if self._grants is None:
            self._grants = self._collect_grants()
        return self._grants

    def _collect_grants(self) -> dict[tuple[str, str], tuple[bool, bool]]:
        held = {
            row["PermissionSetId"]
            for row in self.rows("PermissionSetAssignment")
            if row["AssigneeId"] == self.integration_user
        }
        found: dict[tuple[str, str], tuple[bool, bool]] = {}
        for row in self.rows("FieldPermissions"):
            if row["ParentId"] not in held:
                continue
            name = row["Field"].partition(".")[2]
            # Task and Event share their field-level security (facts, section 4).
            for kind in ACTIVITY if row["SobjectType"] in ACTIVITY else (row["SobjectType"],):
                read, edit = found.get((kind, name), (False, False))
                edit = edit or bool(row["PermissionsEdit"])
                found[kind, name] = (read or edit or bool(row["PermissionsRead"]), edit)
        return found


def _named(kind: ObjectType, field: Field, names: tuple[str, ...]) -> bool:
    """Whether ``Object.Field`` stands among the names; Task and Event share their field-level security."""
    kinds = ACTIVITY if kind.name in ACTIVITY else (kind.name,)
    return bool(names) and any(f"{one}.{field.name}" in names for one in kinds)
