"""Opportunities that are found through a contact's role on them, as a stage of the lead or contact.

On when the mapping has the stages table ``ROLE_STAGE``; one query more for each page of leads then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.mapping import ConnectionMapping
from connectors.salesforce.carrier import carrier_of
from connectors.salesforce.client import Client, Denied, UnknownName
from connectors.salesforce.converted import CONVERTED_INTO
from connectors.salesforce.streams import DEAL_OF_ROLE, ROLE_FIELDS, ROLE_STAGE, ROLES, value_at
from sla_engine.model import LifecycleStage

_IDS_PER_QUERY = 2000
Row = Mapping[str, Any]


class Roles:
    """Puts the opportunity that counts on rows of leads or contacts, as if it were a parent of theirs."""

    def __init__(self, client: Client, mapping: ConnectionMapping) -> None:
        self._client = client
        self._stages = mapping.stages.get(ROLE_STAGE)
        carrier = carrier_of(mapping)
        self._object = carrier.object
        self._read: set[str] = set()
        self._contact = CONVERTED_INTO if carrier.converts else "Id"

    def put_on(self, rows: Sequence[Row]) -> list[Row]:
        """The same rows; those whose contact has a role on an opportunity in a mapped stage show it.

        Won counts before open, and of two like that the older role.
        """
        contacts = {str(row[self._contact]) for row in rows if row.get(self._contact)}
        if not self._stages or not contacts:
            return list(rows)
        held = self._held_by(sorted(contacts))
        return [
            {**row, ROLES: found[0]} if (found := held.get(str(row.get(self._contact)))) else row
            for row in rows
        ]

    def behind(self, roles: Sequence[Row], fields: Sequence[str]) -> list[dict[str, Any]]:
        """The rows of the leads or contacts that these roles are about, as they are now; each only once."""
        contacts = sorted({str(row["ContactId"]) for row in roles} - self._read)
        self._read.update(contacts)
        wanted = f"SELECT {', '.join(fields)} FROM {self._object} WHERE {self._contact}"
        return [row for part in _parts(contacts) for row in self._client.query_all(f"{wanted} IN ({part})")]

    def _held_by(self, contacts: Sequence[str]) -> Mapping[str, list[Row]]:
        held: dict[str, list[Row]] = defaultdict(list)
        wanted = f"SELECT {', '.join(ROLE_FIELDS)} FROM {ROLES} WHERE ContactId"
        for part in _parts(contacts):
            try:
                rows = self._client.query_all(f"{wanted} IN ({part})")
            except (UnknownName, Denied):  # told with the stream of roles
                return {}
            for row in rows:
                if self._stage(row) is not None:
                    held[str(row["ContactId"])].append(row)
        return {one: sorted(rows, key=self._rank) for one, rows in held.items()}

    def _stage(self, row: Row) -> LifecycleStage | None:
        return (self._stages or {}).get(str(value_at(row, DEAL_OF_ROLE)))

    def _rank(self, row: Row) -> tuple[bool, str, str]:
        return self._stage(row) is not LifecycleStage.CUSTOMER, str(row["CreatedDate"]), str(row["Id"])


def _parts(ids: Sequence[str]) -> list[str]:
    """Quoted ids, as many as one query takes."""
    starts = range(0, len(ids), _IDS_PER_QUERY)
    return [", ".join(f"'{one}'" for one in ids[start : start + _IDS_PER_QUERY]) for start in starts]
