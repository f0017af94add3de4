"""What happens to a contact that a lead was converted into: it counts for that lead too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from connectors.mapping import parse_instant
from connectors.salesforce.carrier import CONTACTS
from connectors.salesforce.client import Client, UnknownName
from sla_engine.model import Activity

CONVERTED_INTO = "ConvertedContactId"
_IDS_PER_QUERY = 2000
About = tuple[str, Activity]


class Converted:
    """Finds the leads behind contacts: a call for contacts not met before, none where there are none.

    Of one window, so that a later conversion is seen. Where field-level security hides the field there are
    none; that it is hidden is told with the leads.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._leads: dict[str, list[tuple[str, datetime]]] = {}

    def given(self, found: Sequence[About]) -> list[About]:
        """These activities, those about contacts given to their leads; about other contacts: none of ours.

        A contact may be older than the lead: only what happened since the lead was made is about it.
        """
        self._learn({about for about, _ in found if about.startswith(CONTACTS.prefix)})
        return [one for about, activity in found for one in self._of(about, activity)]

    def _of(self, about: str, activity: Activity) -> Iterator[About]:
        if not about.startswith(CONTACTS.prefix):
            yield about, activity
        for lead_id, since in self._leads.get(about, ()):
            if activity.at >= since:
                yield lead_id, activity

    def _learn(self, contacts: Iterable[str]) -> None:
        unknown = sorted(one for one in contacts if one not in self._leads and one.isalnum())
        self._leads |= {one: [] for one in unknown}
        for start in range(0, len(unknown), _IDS_PER_QUERY):
            listed = ", ".join(f"'{one}'" for one in unknown[start : start + _IDS_PER_QUERY])
            soql = f"SELECT Id, CreatedDate, {CONVERTED_INTO} FROM Lead WHERE {CONVERTED_INTO} IN ({listed})"
            try:
                rows = self._client.query_all(soql)
            except UnknownName:
                return
            for row in rows:
                lead = str(row["Id"]), parse_instant(row["CreatedDate"])
                self._leads[str(row[CONVERTED_INTO])].append(lead)
