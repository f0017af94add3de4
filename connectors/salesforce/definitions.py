"""What leadsla adds to an org: fields, permission sets, list views, as metadata. Pure.

``provision`` makes these over the Metadata API, and ``source`` writes them down for an admin to deploy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.salesforce.fields import KEY_FIELD, KEY_NAME, OUR_API_NAMES, key_metadata, metadata

PERMISSION_SET = "leadsla"
READERS = "leadsla_read"
_FIELDS = {ours: f"Lead.{api}" for ours, api in OUR_API_NAMES.items()}
# Activities have one field for both, and its permissions count only when both are named.
_KEY_ON = (f"Task.{KEY_FIELD}", f"Event.{KEY_FIELD}")
_STANDARD_COLUMNS = ("FULL_NAME", "LEAD.COMPANY", "LEAD.STATUS", "CORE.USERS.ALIAS")


@dataclass(frozen=True, slots=True)
class Component:
    """One piece of metadata: its type, its full name, and its parts as the Metadata API calls them."""

    kind: str
    name: str
    value: Mapping[str, Any]

    @property
    def what(self) -> str:
        """How people are told of it."""
        words = {"CustomField": "field", "PermissionSet": "permission set", "ListView": "list view"}
        return f"{words[self.kind]} {self.name}"


def fields(*, key_as_external_id: bool = True) -> list[Component]:
    """Our fields on Lead, and the key on Activity: a unique external id where the org takes one there."""
    ours = [Component("CustomField", full, metadata(name)) for name, full in _FIELDS.items()]
    unique = {"externalId": True, "unique": True, "caseSensitive": True} if key_as_external_id else {}
    return [*ours, Component("CustomField", KEY_NAME, {**key_metadata(), **unique})]


def permission_sets() -> list[Component]:
    """One to write our fields, for the user that leadsla runs as; one to read them, for people."""
    written = [*_FIELDS.values(), *_KEY_ON]
    return [
        Component(
            "PermissionSet",
            PERMISSION_SET,
            {
                "label": "leadsla",
                "description": "Write the SLA fields: for the user that leadsla runs as.",
                "fieldPermissions": _permissions(written, editable=True),
            },
        ),
        Component(
            "PermissionSet",
            READERS,
            {
                "label": "leadsla: read",
                "description": "See the SLA fields on leads: for sales and marketing.",
                "fieldPermissions": _permissions(list(_FIELDS.values()), editable=False),
            },
        ),
    ]


def list_views(*, with_standard_columns: bool = True) -> list[Component]:
    """What sales works by. The names of standard columns are Salesforce's own and may change."""
    ours = [OUR_API_NAMES[name] for name in ("status", "due_at", "next_step", "score")]
    columns = [*_STANDARD_COLUMNS, *ours] if with_standard_columns else ours
    return [
        _list_view("LeadSLA_Answer_Now", "SLA: answer now", "Mine", "running,at_risk,breached", columns),
        _list_view("LeadSLA_At_Risk", "SLA: at risk", "Everything", "at_risk", columns),
        _list_view("LeadSLA_Breached", "SLA: breached", "Everything", "breached", columns),
    ]


def _permissions(names: list[str], *, editable: bool) -> list[dict[str, Any]]:
    return [{"editable": editable, "field": name, "readable": True} for name in names]


def _list_view(name: str, label: str, scope: str, states: str, columns: list[str]) -> Component:
    is_in = {"field": OUR_API_NAMES["status"], "operation": "equals", "value": states}
    value = {"columns": columns, "filterScope": scope, "filters": [is_in], "label": label}
    return Component("ListView", f"Lead.{name}", value)
