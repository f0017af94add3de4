"""Who acts in Salesforce: users, queues, and which users are no persons."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from connectors.salesforce.client import Client
from connectors.salesforce.provision import user_id
from sla_engine.model import Owner


class People:
    """The users and queues of one org, read once when needed."""

    def __init__(self, client: Client, automation_users: tuple[str, ...]) -> None:
        self._client = client
        self._automation = {one.casefold() for one in automation_users}

    @cached_property
    def owners(self) -> Mapping[str, Owner]:
        """Everybody who can own a lead, by id. Our own user is no person."""
        own = user_id(self._client)
        people = {
            row["Id"]: Owner(
                row["Id"],
                row["Name"],
                is_active=row["IsActive"],
                time_zone=row["TimeZoneSidKey"],
                is_automation=row["Id"] == own or not self._automation.isdisjoint(_names(row)),
            )
            for row in self._users
        }
        return people | {row["Id"]: Owner(row["Id"], row["Name"], is_queue=True) for row in self._queues}

    def known_as(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """What names a user in ``automation_users``, and what only looks like it: lower case -> which one."""
        users = {name: f"user {row['Id']}" for row in self._users for name in _names(row)}
        others = {str(row["Name"]).casefold(): f"user {row['Id']}" for row in self._users}
        for row in self._queues:
            others |= dict.fromkeys((row["Id"].casefold(), row["Name"].casefold()), f"queue {row['Id']}")
        return users, others

    @cached_property
    def _users(self) -> list[dict[str, Any]]:
        return self._client.query_all("SELECT Id, Name, Email, IsActive, TimeZoneSidKey FROM User")

    @cached_property
    def _queues(self) -> list[dict[str, Any]]:
        return self._client.query_all("SELECT Id, Name FROM Group WHERE Type = 'Queue'")


def _names(user: Mapping[str, Any]) -> set[str]:
    return {str(user["Id"]).casefold(), str(user["Email"]).casefold()}
