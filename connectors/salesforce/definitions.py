"""What leadsla adds to an org: fields, permission sets, list views, as metadata. Pure.

``provision`` makes these over the Metadata API, and ``source`` writes them down for an admin to deploy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.salesforce.carrier import LEADS, Carrier
from connectors.salesforce.fields import KEY_FIELD, KEY_NAME, OUR_API_NAMES, key_metadata, metadata

PERMISSION_SET = "leadsla"
READERS = "leadsla_read"
# Activities have one field for both, and its permissions count only when both are named.
_KEY_ON = (f"Task.{KEY_FIELD}", f"Event.{KEY_FIELD}")


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


def fields(carrier: Carrier = LEADS, *, key_as_external_id: bool = True) -> list[Component]:
    """Our fields on Lead, and the key on Activity: a unique external id where the org takes one there."""
    ours = [
        Component("CustomField", f"{carrier.object}.{api}", metadata(name))
        for name, api in OUR_API_NAMES.items()
    ]
    unique = {"externalId": True, "unique": True, "caseSensitive": True} if key_as_external_id else {}
    return [*ours, Component("CustomField", KEY_NAME, {**key_metadata(), **unique})]


def permission_sets(carrier: Carrier = LEADS) -> list[Component]:
    """One to write our fields, for the user that leadsla runs as; one to read them, for people."""
    shown = [f"{carrier.object}.{api}" for api in OUR_API_NAMES.values()]
    written = [*shown, *_KEY_ON]
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
                "description": f"See the SLA fields on {carrier.plural}: for sales and marketing.",
                "fieldPermissions": _permissions(shown, editable=False),
            },
        ),
    ]


def list_views(carrier: Carrier = LEADS, *, with_standard_columns: bool = True) -> list[Component]:
    """What sales works by. The names of standard columns are Salesforce's own and may change."""
    ours = [OUR_API_NAMES[name] for name in ("status", "due_at", "next_step", "score")]
    columns = [*carrier.columns, *ours] if with_standard_columns else ours
    named = (
        ("Answer_Now", "answer now", "Mine", "running,at_risk,breached"),
        ("At_Risk", "at risk", "Everything", "at_risk"),
        ("Breached", "breached", "Everything", "breached"),
    )
    return [
        Component(
            "ListView",
            f"{carrier.object}.LeadSLA_{name}",
            _list_view(f"SLA: {label}", scope, states, columns),
        )
        for name, label, scope, states in named
    ]


def _permissions(names: list[str], *, editable: bool) -> list[dict[str, Any]]:
    return [{"editable": editable, "field": name, "readable": True} for name in names]


def _list_view(label: str, scope: str, states: str, columns: list[str]) -> dict[str, Any]:
    is_in = {"field": OUR_API_NAMES["status"], "operation": "equals", "value": states}
    return {"columns": columns, "filterScope": scope, "filters": [is_in], "label": label}
