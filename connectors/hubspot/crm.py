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
from connectors.hubspot.check import Check
from connectors.hubspot.client import Client
from connectors.hubspot.notes import Notes
from connectors.hubspot.people import People
from connectors.hubspot.provision import provision, unprovision
from connectors.hubspot.read import Reader
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
        look_back = timedelta(seconds=connection.look_back_seconds)
        self._reader = Reader(self._client, mapping, self._people, look_back)
        self._writer = Writer(self._client, mapping, self._reader.tasks)
        self._check = Check(self._client, mapping, self._people)
        self._account_id = ""
        self._settle = timedelta(seconds=connection.settle_seconds)

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

    def pull(self, cursor: str, until: datetime | None = None, marks: Marks = no_marks) -> Iterator[Page]:  # noqa: ARG002
        return self._reader.pull(cursor, until or self.server_now() - self._settle)

    def reread(self, lead_ids: Sequence[str], *, whole: bool = False) -> Iterator[Page]:  # noqa: ARG002
        return self._reader.contacts.reread(lead_ids, self.server_now())

    def census(self) -> Iterator[Mapping[str, datetime]]:
        return self._reader.contacts.census()

    def apply(self, changes: Sequence[Change]) -> list[Receipt]:
        return self._writer.apply(changes)

    def find_tasks(self, changes: Sequence[CreateTask]) -> Mapping[str, OurTask]:
        return self._writer.find(changes)

    def read_leads(self, lead_ids: Sequence[str]) -> list[SeenLead]:
        return self._reader.contacts.by_id(lead_ids)

    def read_tasks(self, lead_ids: Sequence[str]) -> list[OurTask]:
        return self._reader.tasks.of_leads(lead_ids)

    def provision(self, *, dry_run: bool) -> list[ProvisionStep]:
        with self._admin() as client:
            return provision(client, dry_run=dry_run)

    def unprovision(self, *, dry_run: bool) -> list[ProvisionStep]:
        with self._admin() as client:
            return unprovision(client, dry_run=dry_run)

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
        """The contact's page in HubSpot (contacts are object 0-1)."""
        account = self._account_id or self.account_id()
        return f"https://app.hubspot.com/contacts/{account}/record/0-1/{lead_id}"

    def calls(self) -> CallCount:
        return self._client.line.calls()

    def close(self) -> None:
        self._client.close()
