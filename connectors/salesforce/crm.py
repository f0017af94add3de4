"""Salesforce as a ``Crm``: client, reader, writer, provisioning and check put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

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
from connectors.findings import unknown_users
from connectors.salesforce.check import problems
from connectors.salesforce.client import Client
from connectors.salesforce.fields import KEY_FIELD
from connectors.salesforce.notes import Notes
from connectors.salesforce.people import People
from connectors.salesforce.provision import provision, unprovision, user_id
from connectors.salesforce.read import TASK_FIELDS, Reader
from connectors.salesforce.records import our_task
from connectors.salesforce.write import Writer, retrieve
from sla_engine.model import Owner

_IDS_PER_QUERY = 200


def open_crm(connection: Connection) -> SalesforceCrm:
    """Open a connection; nothing is called until something is asked."""
    return SalesforceCrm(connection)


class SalesforceCrm:
    """One org. Schema and owners are read once per opening."""

    def __init__(self, connection: Connection) -> None:
        self.name = connection.name
        self._connection = connection
        self._client = Client(connection)
        self._people = People(self._client, connection.mapping.automation_users)

    def account_id(self) -> str:
        return str(self._client.query_all("SELECT Id FROM Organization")[0]["Id"])

    def server_now(self) -> datetime:
        heard = self._client.line.server_now()
        if heard is None:
            self._client.rest("GET", "limits")
            heard = self._client.line.server_now()
        return heard or datetime.now(UTC)

    def check(self) -> list[Problem]:
        mapping = self._connection.mapping
        found = problems(mapping, self._described)
        if mapping.automation_users:
            found += unknown_users(mapping.automation_users, *self._people.known_as())
        return found

    @cached_property
    def _described(self) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
        sources = {source.object for source in self._connection.mapping.activities.values() if source.object}
        names = sorted({"Lead", "Task", "LeadHistory", *sources})
        found = {name: self._client.describe(name) for name in names}
        return {
            name: {field["name"]: field for field in described["fields"]}
            for name, described in found.items()
            if described is not None
        }

    def owners(self) -> Mapping[str, Owner]:
        return self._people.owners

    def remember(self, owners: Mapping[str, Owner]) -> None:
        """They are read anew when something was changed: two short queries."""

    @cached_property
    def _reader(self) -> Reader:
        visible = {name: frozenset(fields) for name, fields in self._described.items()}
        return Reader(self._client, self._connection.mapping, self._people.owners, visible)

    def pull(self, cursor: str, until: datetime | None = None, marks: Marks = no_marks) -> Iterator[Page]:  # noqa: ARG002 - a page costs the same however much of it is news
        look_back = timedelta(seconds=self._connection.look_back_seconds)
        settled = until or self.server_now() - timedelta(seconds=self._connection.settle_seconds)
        return self._reader.pull(cursor, settled, look_back)

    def reread(self, lead_ids: Sequence[str], *, whole: bool = False) -> Iterator[Page]:
        return self._reader.reread(lead_ids, self.server_now(), whole=whole)

    def census(self) -> Iterator[Mapping[str, datetime]]:
        return self._reader.census()

    def apply(self, changes: Sequence[Change]) -> list[Receipt]:
        return self._writer.apply(changes)

    @cached_property
    def _writer(self) -> Writer:
        statuses = self._client.query_all("SELECT ApiName, IsClosed FROM TaskStatus")
        closed = [row["ApiName"] for row in statuses if row["IsClosed"]]
        return Writer(self._client, self._connection.mapping, closed[0] if closed else "Completed")

    def find_tasks(self, changes: Sequence[CreateTask]) -> Mapping[str, OurTask]:
        keys = [change.key for change in changes]
        return {task.key: task for task in self._tasks(KEY_FIELD, keys)}

    def read_leads(self, lead_ids: Sequence[str]) -> list[SeenLead]:
        rows = retrieve(self._client, "Lead", lead_ids, self._reader.lead_fields())
        return [self._reader.records.seen(row) for row in rows]

    def read_tasks(self, lead_ids: Sequence[str]) -> list[OurTask]:
        return [task for task in self._tasks("WhoId", list(lead_ids)) if task.key]

    def _tasks(self, field: str, values: Sequence[str]) -> Iterator[OurTask]:
        """Our tasks; none before our key is provisioned."""
        if KEY_FIELD not in self._described.get("Task", ()):
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
            user = "" if dry_run or client is self._client else user_id(self._client)
            return provision(client, dry_run=dry_run, user=user)

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
            for known in ("_described", "_reader"):  # the schema may have changed
                self.__dict__.pop(known, None)

    def publish_note(self, note: Note) -> Receipt:
        return Notes(self._client, self.account_id).publish(note)

    def link(self, lead_id: str) -> str:
        return f"{self._connection.base_url}/{lead_id}"

    def calls(self) -> CallCount:
        return self._client.line.calls()

    def close(self) -> None:
        self._client.close()
