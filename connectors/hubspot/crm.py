"""HubSpot behind the port: reader, writer, check and provision put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from connectors.base import (
    CallCount,
    Change,
    CreateTask,
    Marks,
    Note,
    OurTask,
    Page,
    Problem,
    ProvisionStep,
    Receipt,
    SeenLead,
    no_marks,
)
from connectors.connection import Connection
from connectors.errors import wrong_address
from connectors.hubspot.carrier import carrier_of
from connectors.hubspot.check import Check
from connectors.hubspot.client import Client
from connectors.hubspot.notes import Notes
from connectors.hubspot.people import People
from connectors.hubspot.provision import provision, unprovision
from connectors.hubspot.read import Pace, Reader
from connectors.hubspot.write import Writer
from sla_engine.model import Owner


class HubSpotCrm:
    """One connection to one HubSpot account; implements ``connectors.base.Crm``. Not thread-safe."""

    def __init__(self, connection: Connection) -> None:
        mapping = connection.mapping
        self.name = connection.name
        self._connection = connection
        self._client = Client(connection)
        self._people = People(self._client, mapping.automation_users)
        waits = (connection.look_back_seconds, connection.settle_seconds)
        pace = Pace(*(timedelta(seconds=one) for one in waits))
        self._reader = Reader(self._client, mapping, self._people, pace)
        self._writer = Writer(self._client, mapping, self._reader.tasks)
        self._check = Check(self._client, mapping, self._people)
        self._account_id = ""
        self._carrier = carrier_of(mapping)

    def account_id(self) -> str:
        """The portal id. Raises Unauthorised, Unavailable, Misconfigured."""
        portal = self._client.account().get("portalId")
        if not portal:
            line = self._client.line
            raise wrong_address(line.name, line.base_url, "an account without an id")
        self._account_id = str(portal)
        return self._account_id

    def server_now(self) -> datetime:
        return self._client.server_now()

    def check(self) -> list[Problem]:
        return self._check.problems()

    def owners(self) -> Mapping[str, Owner]:
        return self._people.owners()

    def remember(self, owners: Mapping[str, Owner]) -> None:
        self._people.remember(owners)

    def pull(self, cursor: str, until: datetime | None = None, marks: Marks = no_marks) -> Iterator[Page]:
        return self._reader.pull(cursor, until, marks)

    def reread(self, lead_ids: Sequence[str], *, whole: bool = False) -> Iterator[Page]:
        return self._reader.reread(lead_ids, self.server_now(), whole=whole)

    def census(self) -> Iterator[Mapping[str, datetime]]:
        return self._reader.leads.census()

    def apply(self, changes: Sequence[Change]) -> list[Receipt]:
        return self._writer.apply(changes)

    def find_tasks(self, changes: Sequence[CreateTask]) -> Mapping[str, OurTask]:
        return self._writer.find(changes)

    def read_leads(self, lead_ids: Sequence[str]) -> list[SeenLead]:
        return self._reader.leads.by_id(lead_ids)

    def read_tasks(self, lead_ids: Sequence[str]) -> list[OurTask]:
        return self._reader.tasks.of_leads(lead_ids)

    def provision(self, *, dry_run: bool) -> list[ProvisionStep]:
        with self._admin() as client:
            return provision(client, dry_run=dry_run, carrier=self._carrier.kind)

    def unprovision(self, *, dry_run: bool) -> list[ProvisionStep]:
        with self._admin() as client:
            return unprovision(client, dry_run=dry_run, carrier=self._carrier.kind)

    @contextmanager
    def _admin(self) -> Iterator[Client]:
        """Who may change the schema: somebody else than who runs, if the connection says so."""
        try:
            if self._connection.provision_as is None:
                yield self._client
            else:
                other = Client(self._connection.provision_as)
                try:
                    yield other
                finally:
                    other.close()
        finally:
            self._client.forget_schemas()

    def publish_note(self, note: Note) -> Receipt:
        return Notes(self._client).publish(note)

    def link(self, lead_id: str) -> str:
        """The lead's page in HubSpot."""
        return self._carrier.link(self._account_id or self.account_id(), lead_id)

    def calls(self) -> CallCount:
        return self._client.line.calls()

    def close(self) -> None:
        self._client.close()
