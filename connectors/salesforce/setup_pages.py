"""Where in an org's Setup an administrator mends something: in clicks, and as an address. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SetupPages:
    """The Setup of one org; ``base_url`` is its My Domain."""

    base_url: str

    def fields(self, name: str) -> str:
        """The fields of an object; those of tasks and events are kept at Activity."""
        kept_at = "Activity" if name in {"Task", "Event"} else name
        return self._at(
            f"Object Manager > {kept_at} > Fields & Relationships",
            f"ObjectManager/{kept_at}/FieldsAndRelationships/view",
        )

    def history(self, name: str) -> str:
        """Where field history tracking of an object is switched on."""
        return self._at(
            f"Object Manager > {name} > Fields & Relationships > Set History Tracking",
            f"ObjectManager/{name}/FieldsAndRelationships/setHistoryTracking",
        )

    def permission_sets(self) -> str:
        return self._at("Permission Sets", "PermSets/home")

    def users(self) -> str:
        return self._at("Users", "ManageUsers/home")

    def objects(self) -> str:
        return self._at("Object Manager", "ObjectManager/home")

    def lead_statuses(self) -> str:
        return self.fields("Lead")

    def _at(self, clicks: str, path: str) -> str:
        return f"Setup > {clicks} ({self.base_url.rstrip('/')}/lightning/setup/{path})"
