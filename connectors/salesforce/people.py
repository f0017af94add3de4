"""Who acts in Salesforce: users, queues, and which users are no persons."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from connectors.errors import CrmError
from connectors.salesforce.client import Ask, Client
from connectors.salesforce.lanes import Lanes
from connectors.salesforce.provision import user_id
from sla_engine.model import Owner

_USERS = "SELECT Id, Name, Email, IsActive, TimeZoneSidKey FROM User"
_QUEUES = "SELECT Id, Name FROM Group WHERE Type = 'Queue'"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Found:
    users: Sequence[Row]
    queues: Sequence[Row]
    own: str


class People:
    """The users and queues of one org, read once when needed. Safe between threads."""

    def __init__(self, client: Client, automation_users: tuple[str, ...]) -> None:
        self._client = client
        self._automation = {one.casefold() for one in automation_users}
        self._lock = threading.Lock()
        self._found: _Found | None = None
        self._under_way: Future[_Found] | None = None

    def begin(self, lanes: Lanes) -> None:
        """Read them beside other calls; whoever asks for them meanwhile waits."""
        with self._lock:
            if self._found is None and self._under_way is None:
                self._under_way = lanes.begin(_read)

    @property
    def owners(self) -> Mapping[str, Owner]:
        """Everybody who can own a lead, by id. Our own user is no person."""
        found = self._read()
        people = {
            row["Id"]: Owner(
                row["Id"],
                row["Name"],
                is_active=row["IsActive"],
                time_zone=row["TimeZoneSidKey"],
                is_automation=row["Id"] == found.own or not self._automation.isdisjoint(_names(row)),
            )
            for row in found.users
        }
        return people | {row["Id"]: Owner(row["Id"], row["Name"], is_queue=True) for row in found.queues}

    def known_as(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """What names a user in ``automation_users``, and what only looks like it: lower case -> which one."""
        users = {name: f"user {row['Id']}" for row in self._read().users for name in _names(row)}
        others = {str(row["Name"]).casefold(): f"user {row['Id']}" for row in self._read().users}
        for row in self._read().queues:
            others |= dict.fromkeys((row["Id"].casefold(), row["Name"].casefold()), f"queue {row['Id']}")
        return users, others

    def _read(self) -> _Found:
        with self._lock:
            if self._found is None:
                asked, self._under_way = self._under_way, None
                self._found = asked.result() if asked else _read(self._client)
            return self._found


def _read(client: Client) -> _Found:
    """Users, queues and our own id: one call, but for pages that follow and a session that was given."""
    users, queues = client.ask([Ask.query(_USERS), Ask.query(_QUEUES)])
    for found in (users, queues):
        if isinstance(found, CrmError):
            raise found
    own = client.identity().user_id or user_id(client)
    return _Found(client.all_of(users, _USERS), client.all_of(queues, _QUEUES), own)


def _names(user: Mapping[str, Any]) -> set[str]:
    return {str(user["Id"]).casefold(), str(user["Email"]).casefold()}
