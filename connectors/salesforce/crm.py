"""Salesforce as a ``Crm``: client, reader, writer, provisioning and check put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import cached_property

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
from connectors.calendars import CrmHours
from connectors.connection import Connection
from connectors.findings import unknown_users
from connectors.salesforce.again import Again
from connectors.salesforce.calendars import business_hours
from connectors.salesforce.check import absent, problems
from connectors.salesforce.client import Client
from connectors.salesforce.fields import KEY_FIELD
from connectors.salesforce.lanes import Lanes
from connectors.salesforce.looking import look
from connectors.salesforce.notes import Notes
from connectors.salesforce.opening import Opener
from connectors.salesforce.people import People
from connectors.salesforce.provision import provision, unprovision, user_id
from connectors.salesforce.read import Reader
from connectors.salesforce.records import Records, our_task
from connectors.salesforce.schema import Fields, Schema
from connectors.salesforce.setup_pages import SetupPages
from connectors.salesforce.sign_in import legacy
from connectors.salesforce.streams import TASK_FIELDS, Streams
from connectors.salesforce.write import Writer
from sla_engine.model import Owner

_IDS_PER_QUERY = 200


def open_crm(connection: Connection) -> SalesforceCrm:
    """Open a connection; nothing is called until something is asked."""
    return SalesforceCrm(connection)


class SalesforceCrm:
    """One org. Schema and owners are read once per opening."""

    changes_at_once = 10_000  # many updates together cost a few bulk calls

    def __init__(self, connection: Connection) -> None:
        self.name = connection.name
        self._connection = connection
        self._client = Client(connection)
        self._lanes = Lanes(self._client)
        self._people = People(self._client, connection.mapping.automation_users)
        self._schema = Schema(self._client)
        self._streams = Streams(connection.mapping)
        self._opener = Opener(self._client, self._lanes, self._schema, self._streams)
        self._records = Records(connection.mapping, lambda: self._people.owners)

    def account_id(self) -> str:
        """Told by signing in; a given session that does not tell costs a call."""
        told = self._client.identity().org_id
        return told or str(self._client.query_all("SELECT Id FROM Organization")[0]["Id"])

    def server_now(self) -> datetime:
        return self._client.server_now()

    def check(self) -> list[Problem]:
        mapping = self._connection.mapping
        self._forget_schema()
        described = self._described
        shown, carrier = None, self._streams.carrier
        if carrier.object in described:
            has_history = carrier.history in described
            shown = look(self._client, mapping, absent(mapping, described), has_history=has_history)
        found = problems(mapping, described, SetupPages(self._connection.base_url), shown)
        if mapping.automation_users:
            found += unknown_users(mapping.automation_users, *self._people.known_as())
        return [*legacy(self._connection), *found]

    @property
    def _described(self) -> Mapping[str, Fields]:
        """The fields of every object that the mapping names, as far as the org shows them."""
        wanted, carrier = self._streams.wanted(), self._streams.carrier
        names = sorted({carrier.object, "Task", carrier.history, *wanted})
        return self._schema.with_parents({name: wanted.get(name, ()) for name in names})

    def owners(self) -> Mapping[str, Owner]:
        return self._people.owners

    def remember(self, owners: Mapping[str, Owner]) -> None:
        """They are read anew when something was changed: two short queries."""

    def pull(self, cursor: str, until: datetime | None = None, marks: Marks = no_marks) -> Iterator[Page]:
        look_back = timedelta(seconds=self._connection.look_back_seconds)
        settled = until or self.server_now() - timedelta(seconds=self._connection.settle_seconds)
        reader = Reader(self._client, self._lanes, self._opener, self._records, self._people)
        return reader.pull(cursor, settled, look_back, marks)

    @property
    def _again(self) -> Again:
        return Again(self._client, self._opener, self._records)

    def reread(self, lead_ids: Sequence[str], *, whole: bool = False) -> Iterator[Page]:
        return self._again.reread(lead_ids, self.server_now(), whole=whole)

    def census(self) -> Iterator[Mapping[str, datetime]]:
        return self._again.census()

    def apply(self, changes: Sequence[Change]) -> list[Receipt]:
        return self._writer.apply(changes)

    @cached_property
    def _writer(self) -> Writer:
        def task_fields() -> Fields:
            return self._described.get("Task", {})

        mapping, own_user = self._connection.mapping, lambda: user_id(self._client)
        return Writer(self._client, mapping, task_fields, self._forget_schema, own_user)

    def _forget_schema(self) -> None:
        self._schema.forget()

    def find_tasks(self, changes: Sequence[CreateTask]) -> Mapping[str, OurTask]:
        keys = [change.key for change in changes]
        return {task.key: task for task in self._tasks(KEY_FIELD, keys)}

    def read_leads(self, lead_ids: Sequence[str]) -> list[SeenLead]:
        return self._again.leads(lead_ids)

    def read_tasks(self, lead_ids: Sequence[str]) -> list[OurTask]:
        return [task for task in self._tasks("WhoId", list(lead_ids)) if task.key]

    def _tasks(self, field: str, values: Sequence[str]) -> Iterator[OurTask]:
        """Our tasks; none before our key is provisioned."""
        if KEY_FIELD not in self._schema.described(["Task"]).get("Task", ()):
            return
        for start in range(0, len(values), _IDS_PER_QUERY):
            listed = ", ".join(
                f"'{value}'" for value in values[start : start + _IDS_PER_QUERY] if value.isalnum()
            )
            query = (
                f"SELECT {', '.join(TASK_FIELDS)} FROM Task"
                f" WHERE {field} IN ({listed}) AND {KEY_FIELD} != null"
            )
            yield from (our_task(row) for row in self._client.query_all(query))

    def provision(self, *, dry_run: bool) -> list[ProvisionStep]:
        with self._admin() as client:
            return provision(client, self._client, self._streams.carrier, dry_run=dry_run)

    def unprovision(self, *, dry_run: bool) -> list[ProvisionStep]:
        with self._admin() as client:
            return unprovision(client, self._streams.carrier, dry_run=dry_run)

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
            self._forget_schema()

    def publish_note(self, note: Note) -> Receipt:
        return Notes(self._client, self.account_id).publish(note)

    def business_hours(self, since: date, until: date) -> Sequence[CrmHours]:
        return business_hours(self._client, since, until)

    def link(self, lead_id: str) -> str:
        return f"{self._connection.base_url}/{lead_id}"

    def calls(self) -> CallCount:
        return self._client.line.calls()

    def close(self) -> None:
        self._lanes.close()
        if "_writer" in self.__dict__:
            self._writer.close()
        self._client.close()
