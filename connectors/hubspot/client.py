"""The way to HubSpot: the SDK on our sessions, and the calls of HubSpot that are needed.

The SDK builds requests and knows the paths; our sessions send them. Answers are read as raw JSON
(the SDK's models take eight times as long and drop the errors inside a 207).
Not here: what is asked and what it means (``read``, ``write``).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from hubspot import HubSpot

from connectors.connection import Connection
from connectors.errors import CrmError, OutcomeUnknown, Unavailable
from connectors.hubspot.refusals import code_of, refusal
from connectors.hubspot.sessions import SessionPool, Sessions
from connectors.hubspot.sign_in import sign_in_by
from connectors.hubspot.transport import rules
from connectors.line import Line

DEFAULT_BASE_URL = "https://api.hubapi.com"
SCHEMA_SECONDS = 3600.0
BATCH = 100
HISTORY_BATCH = 50
SEARCH_PAGE = 200
ASSOCIATION_BATCH = 1000

Item = TypeVar("Item")


def chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """``items`` in order, at most ``size`` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer; ``status`` 207 means that some rows failed."""

    status: int
    body: Mapping[str, Any]

    @property
    def results(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.body.get("results") or ()
        return found

    @property
    def after(self) -> str:
        """Where the next page starts; empty at the end."""
        return str(((self.body.get("paging") or {}).get("next") or {}).get("after") or "")


def _only_missing(reply: Reply, what: str) -> None:
    """Raise Unavailable when rows failed for another reason than not being there: facts would be lost."""
    for error in reply.body.get("errors") or ():
        if error.get("category") != "OBJECT_NOT_FOUND" and "NOT_FOUND" not in str(error.get("subCategory")):
            raise Unavailable(f"HubSpot could not {what} in full: {code_of(error)}")


class Client:
    """The SDK's API objects, made once, and the calls of HubSpot that are needed, as raw JSON.

    Several threads may call at the same time (``flight`` does). Raises Refused and Denied for a
    refused call, the session's errors for the rest.
    """

    def __init__(self, connection: Connection) -> None:
        base_url = connection.base_url or DEFAULT_BASE_URL
        self.line = Line(
            connection.name,
            base_url,
            rules(connection.api_version),
            sign_in_by(connection),
            attempts=connection.attempts,
            sleep=connection.sleep,
            patience=connection.patience,
        )
        self.sessions = Sessions(self.line)
        crm = HubSpot(api_factory=self._api).crm
        self._basic = crm.objects.basic_api
        self._batch = crm.objects.batch_api
        self._search = crm.objects.search_api
        self._associations = crm.associations.v4.batch_api
        self._properties = crm.properties.core_api
        self._property_batch = crm.properties.batch_api
        self._groups = crm.properties.groups_api
        self._owners = crm.owners.owners_api
        self._schema_lock = threading.RLock()
        self._schemas: dict[str, tuple[float, Mapping[str, Mapping[str, Any]]]] = {}

    def _api(self, package: Any, api_name: str, _config: Mapping[str, Any]) -> Any:
        api_client = package.ApiClient(configuration=package.Configuration())
        api_client.rest_client.pool_manager = SessionPool(self.sessions)
        return getattr(package, api_name)(api_client=api_client)

    def _call(self, what: str, method: Callable[..., Any], *arguments: Any, **options: Any) -> Reply:
        try:
            answer = method(*arguments, _preload_content=False, **options)
        except CrmError:
            raise
        except Exception as error:  # each SDK module has an ApiException of its own, with no common base
            status = getattr(error, "status", None)
            if status is None:
                raise
            raise refusal(what, int(status), getattr(error, "body", "")) from None
        return self._reply(what, answer.status, answer.data)

    def _reply(self, what: str, status: int, data: bytes) -> Reply:
        try:
            # bytes that are no UTF-8 spoil the one value they stand in, never the page
            return Reply(status, json.loads(data.decode("utf-8-sig", "replace")) if data else {})
        except ValueError:
            kind = OutcomeUnknown if "create" in what else Unavailable
            raise kind(f"{self.line.name}: the answer to {what} is no JSON") from None

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """A call that the SDK does not know."""
        with self.sessions.lent() as session:
            response = session.request("GET", path, params=dict(params or {}))
        if response.status_code >= 300:
            raise refusal(f"GET {path}", response.status_code, response.content)
        return self._reply(f"GET {path}", response.status_code, response.content)

    def search(
        self, kind: str, filters: Sequence[Mapping[str, str]], properties: Sequence[str], *, after: str = "0"
    ) -> Reply:
        """Up to 200 records that fit all ``filters``, by rising id. Lags behind writes."""
        request = {
            "filterGroups": [{"filters": list(filters)}],
            "sorts": ["hs_object_id"],
            "properties": list(properties),
            "limit": SEARCH_PAGE,
            "after": after,
        }
        return self._call(f"search {kind}", self._search.do_search, kind, request)

    def page_of(self, kind: str, **options: Any) -> Reply:
        """One page of all records; ``options`` are the SDK's (limit, after, properties ...)."""
        given = {name: value for name, value in options.items() if value}
        return self._call(f"list {kind}", self._basic.get_page, kind, **given)

    def read(
        self,
        kind: str,
        ids: Sequence[str],
        properties: Sequence[str],
        *,
        history: Sequence[str] = (),
        by: str = "",
    ) -> list[Mapping[str, Any]]:
        """The records with these ids (or values of ``by``), as they are now; missing ones are left out."""
        found: list[Mapping[str, Any]] = []
        for part in chunks(ids, HISTORY_BATCH if history else BATCH):
            request: dict[str, Any] = {
                "inputs": [{"id": one} for one in part],
                "properties": list(properties),
                "propertiesWithHistory": list(history),
            }
            if by:
                request["idProperty"] = by
            reply = self._call(f"read {kind}", self._batch.read, kind, request)
            _only_missing(reply, f"read {kind}")
            found += reply.results
        return found

    def archived(self, kind: str, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """Those of these records that were deleted, as long as HubSpot shows them (90 days)."""
        found: list[Mapping[str, Any]] = []
        for part in chunks(ids, BATCH):
            inputs = [{"id": one} for one in part]
            request = {"inputs": inputs, "properties": [], "propertiesWithHistory": []}
            reply = self._call(f"read archived {kind}", self._batch.read, kind, request, archived=True)
            _only_missing(reply, f"read archived {kind}")
            found += reply.results
        return found

    def update(self, kind: str, inputs: Sequence[Mapping[str, Any]]) -> Reply:
        return self._call(f"update {kind}", self._batch.update, kind, {"inputs": list(inputs)})

    def create(self, kind: str, inputs: Sequence[Mapping[str, Any]]) -> Reply:
        return self._call(f"create {kind}", self._batch.create, kind, {"inputs": list(inputs)})

    def upsert(self, kind: str, inputs: Sequence[Mapping[str, Any]]) -> Reply:
        """Update or create by a unique property; takes no associations. Safe to repeat."""
        return self._call(f"upsert {kind}", self._batch.upsert, kind, {"inputs": list(inputs)})

    def archive(self, kind: str, ids: Sequence[str]) -> None:
        """Take up to 100 records away; those that are not there are no error."""
        self._call(f"archive {kind}", self._batch.archive, kind, {"inputs": [{"id": one} for one in ids]})

    def associate(self, kind: str, to: str, pairs: Sequence[tuple[str, str]]) -> Reply:
        """Make each pair (id, ``to`` id) stand together, by HubSpot's own type. Safe to repeat."""
        inputs = [{"from": {"id": one}, "to": {"id": other}} for one, other in pairs]
        method = self._associations.create_default
        return self._call(f"associate {kind}", method, kind, to, {"inputs": inputs})

    def close(self) -> None:
        self.sessions.close()

    def associated(self, kind: str, to: str, ids: Sequence[str]) -> dict[str, list[str]]:
        """The ids of the ``to`` records of each record; a record without any is left out."""
        return {one: list(ends) for one, ends in self.associations(kind, to, ids).items()}

    def associations(self, kind: str, to: str, ids: Sequence[str]) -> dict[str, dict[str, set[int]]]:
        """The ``to`` records of each record with the types of their association, likewise."""
        found: dict[str, dict[str, set[int]]] = {}
        for part in chunks(ids, ASSOCIATION_BATCH):
            waiting: list[dict[str, str]] = [{"id": one} for one in part]
            while waiting:
                reply = self._call(
                    f"associations {kind}", self._associations.get_page, kind, to, {"inputs": waiting}
                )
                _only_missing(reply, f"associations {kind}")
                waiting = []
                for row in reply.results:
                    start = str(row["from"]["id"])
                    ends = found.setdefault(start, {})
                    for end in row.get("to") or ():
                        types = ends.setdefault(str(end["toObjectId"]), set())
                        types |= {int(one["typeId"]) for one in end.get("associationTypes") or ()}
                    after = ((row.get("paging") or {}).get("next") or {}).get("after")
                    if after:
                        waiting.append({"id": start, "after": str(after)})
        return found

    def schema(self, kind: str) -> Mapping[str, Mapping[str, Any]]:
        """The properties of an object by name; kept for an hour."""
        with self._schema_lock:  # threads that need it at the same time fetch it once
            kept = self._schemas.get(kind)
            if kept is None or time.monotonic() - kept[0] > SCHEMA_SECONDS:
                reply = self._call(f"properties of {kind}", self._properties.get_all, kind)
                kept = (time.monotonic(), {str(one["name"]): one for one in reply.results})
                self._schemas[kind] = kept
            return kept[1]

    def forget_schemas(self) -> None:
        self._schemas.clear()

    def groups(self, kind: str) -> set[str]:
        reply = self._call(f"property groups of {kind}", self._groups.get_all, kind)
        return {str(one["name"]) for one in reply.results}

    def create_group(self, kind: str, group: Mapping[str, Any]) -> None:
        self._call(f"new property group of {kind}", self._groups.create, kind, dict(group))

    def create_properties(self, kind: str, definitions: Sequence[Mapping[str, Any]]) -> Reply:
        request = {"inputs": [dict(one) for one in definitions]}
        return self._call(f"new properties of {kind}", self._property_batch.create, kind, request)

    def archived_properties(self, kind: str) -> set[str]:
        """The names of properties that were archived and not yet given up by HubSpot."""
        reply = self._call(f"archived properties of {kind}", self._properties.get_all, kind, archived=True)
        return {str(one["name"]) for one in reply.results}

    def archive_property(self, kind: str, name: str) -> None:
        self._call(f"removal of a property of {kind}", self._properties.archive, kind, name)

    def archive_group(self, kind: str, name: str) -> None:
        self._call(f"removal of a property group of {kind}", self._groups.archive, kind, name)

    def create_property(self, kind: str, definition: Mapping[str, Any]) -> None:
        self._call(f"new property of {kind}", self._properties.create, kind, dict(definition))

    def owners(self, *, archived: bool) -> list[Mapping[str, Any]]:
        """Every owner, active or archived."""
        found: list[Mapping[str, Any]] = []
        after = ""
        while True:
            options = {"after": after} if after else {}
            reply = self._call("owners", self._owners.get_page, limit=BATCH, archived=archived, **options)
            found += reply.results
            after = reply.after
            if not after:
                return found

    def server_now(self) -> datetime:
        """HubSpot's clock from its last answer, asked for when there was none yet."""
        if self.line.server_now() is None:
            self.account()
        now = self.line.server_now()
        if now is None:
            raise Unavailable(f"{self.line.name}: HubSpot does not tell its time")
        return now

    def account(self) -> Mapping[str, Any]:
        return self.get("/account-info/v3/details").body
