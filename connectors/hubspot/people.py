"""Who acts in HubSpot: owners, the users behind them, and who is no person.

A *user* signs in, an *owner* can have leads; changes name users, records name owners. One word
for both past this line: the owner's id.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from connectors.hubspot.client import BATCH, Client
from connectors.hubspot.refusals import Denied, Refused
from sla_engine.model import ActorKind, Owner

KEPT_SECONDS = 300.0
# Where a change comes from when a person made it by hand; everything else is a machine.
BY_HAND = frozenset(
    {
        "CRM_UI",
        "CRM_UI_BULK_ACTION",
        "CONTACTS_WEB",
        "MOBILE",
        "MOBILE_IOS",
        "MOBILE_ANDROID",
        "EXTENSION",
        "SALES",
    }
)
_ZONE_PROPERTIES = ["hs_email", "hs_internal_user_id", "hs_standard_time_zone"]
_ACCOUNT = ""  # the key of the account's own time zone


@dataclass(frozen=True, slots=True)
class Register:
    """Who is who, as read at one time: owners by id, owner ids by user, names and what they stand for."""

    owners: dict[str, Owner] = field(default_factory=dict)
    by_user: dict[str, str] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)


class People:
    """The owners of one account, read when needed and kept for five minutes. Safe between threads."""

    def __init__(self, client: Client, automation_users: tuple[str, ...]) -> None:
        self._client = client
        self._automation = {one.lower() for one in automation_users}
        self._known = Register()
        self._remembered: Mapping[str, Owner] = {}
        self._read_at: float | None = None
        self._lock = threading.RLock()

    def owners(self) -> Mapping[str, Owner]:
        """Every owner by id, those that left included."""
        return self._register().owners

    def remember(self, owners: Mapping[str, Owner]) -> None:
        """See ``Crm.remember``. Who is behind a user is asked for when a change names one."""
        self._remembered = dict(owners)

    def known_as(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """What names a user in ``automation_users``, and what only looks like it: lower case -> which one.

        Of a user who is no owner, changes show the id only.
        """
        known = self._register()
        return known.users, known.others

    def owner(self, owner_id: str | None) -> Owner | None:
        """The owner with this id; one that the CRM does not list any more has only its id."""
        if not owner_id:
            return None
        if self._read_at is None and owner_id in self._remembered:
            return self._remembered[owner_id]
        return self.owners().get(owner_id) or Owner(owner_id, is_active=False)

    def kind_of_owner(self, owner_id: str | None) -> ActorKind:
        owner = self.owner(owner_id)
        if owner is None:
            return ActorKind.UNKNOWN
        return ActorKind.AUTOMATION if owner.is_automation else ActorKind.PERSON

    def actor_of(self, version: Mapping[str, Any]) -> tuple[str | None, ActorKind]:
        """Who made a change of a property: the owner's id if the user is one, and what kind of actor."""
        user = _user_of(version)
        known = self._register() if user else self._known
        owner_id = known.by_user.get(user) if user else None
        actor = owner_id or user or None
        if str(version.get("sourceType") or "") not in BY_HAND:
            return actor, ActorKind.AUTOMATION
        is_automation = user.lower() in self._automation or (
            owner_id is not None and known.owners[owner_id].is_automation
        )
        return actor, ActorKind.AUTOMATION if is_automation else ActorKind.PERSON

    def _register(self) -> Register:
        with self._lock:  # threads that need it at the same time read it once
            if self._read_at is None or time.monotonic() - self._read_at > KEPT_SECONDS:
                known = Register()
                zones = self._zones(known)
                for archived in (True, False):
                    for row in self._client.owners(archived=archived):
                        self._take(known, row, zones, is_active=not archived)
                self._known, self._read_at = known, time.monotonic()
            return self._known

    def _take(
        self, known: Register, row: Mapping[str, Any], zones: Mapping[str, str], *, is_active: bool
    ) -> None:
        owner_id, email, user = (str(row.get(name) or "") for name in ("id", "email", "userId"))
        user = user or str(row.get("userIdIncludingInactive") or "")
        names = [str(row.get(name) or "") for name in ("firstName", "lastName")]
        known_as = {owner_id.lower(), email.lower(), user.lower()} - {""}
        known.users.update(dict.fromkeys(known_as, f"owner {owner_id}"))
        known.others[" ".join(names).strip().lower()] = f"owner {owner_id}"
        known.owners[owner_id] = Owner(
            id=owner_id,
            name=" ".join(name for name in names if name),
            is_queue=row.get("type") == "QUEUE",
            is_active=is_active,
            time_zone=zones.get(user) or zones.get(email.lower()) or zones.get(_ACCOUNT),
            is_automation=bool(known_as & self._automation),
        )
        if user:
            known.by_user[user] = owner_id

    def _zones(self, known: Register) -> Mapping[str, str]:
        """Time zones by user id and by e-mail; the account's own for everybody not told."""
        try:
            account = str(self._client.account().get("timeZone") or "")
        except (Refused, Denied):
            account = ""
        zones = {_ACCOUNT: account} if account else {}
        with suppress(Refused, Denied):  # few tokens may read users
            after = ""
            while True:
                reply = self._client.page_of("users", limit=BATCH, after=after, properties=_ZONE_PROPERTIES)
                for row in reply.results:
                    zones.update(_zone_of(row.get("properties") or {}))
                    _note_user(known, row.get("properties") or {})
                after = reply.after
                if not after:
                    break
        return zones


def _note_user(known: Register, user: Mapping[str, Any]) -> None:
    user_id = str(user.get("hs_internal_user_id") or "")
    if user_id:
        known.users[user_id] = known.others[str(user.get("hs_email") or "").lower()] = f"user {user_id}"


def _zone_of(user: Mapping[str, Any]) -> dict[str, str]:
    zone = str(user.get("hs_standard_time_zone") or "")
    keys = (str(user.get("hs_internal_user_id") or ""), str(user.get("hs_email") or "").lower())
    return {key: zone for key in keys if key and zone}


def _user_of(version: Mapping[str, Any]) -> str:
    user = version.get("updatedByUserId")
    if user:
        return str(user)
    source = str(version.get("sourceId") or "")
    return source.removeprefix("userId:") if source.startswith("userId:") else ""
