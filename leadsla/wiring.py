"""Where concrete things are chosen: which connector, which secrets, which store.

A context manager each, so whatever is opened is closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from pydantic import SecretStr

from connectors.base import Crm, Problem
from connectors.connection import Connection
from connectors.errors import CrmError, Misconfigured, Unauthorised
from leadsla.secret_names import SecretMissing, resolve
from leadsla.settings import ConnectionSettings, Settings
from sync.guard import Brakes
from sync.run import RunSettings
from sync.store import Store

_PLAIN_AUTH_PARTS = {"kind", "username"}


@contextmanager
def opened_crm(name: str, settings: ConnectionSettings) -> Iterator[Crm]:
    """The CRM behind ``[connections.name]``. Raises Unauthorised if a secret cannot be had."""
    connector = import_module(f"connectors.{settings.crm}")  # an SDK is slow to import: only the one needed
    crm: Crm = connector.open_crm(connection_of(name, settings))
    try:
        yield crm
    finally:
        crm.close()


def connection_of(name: str, settings: ConnectionSettings) -> Connection:
    """The connection with its secrets resolved."""
    try:
        credentials = {
            part: resolve(secret, settings.base_url)
            for part, secret in settings.auth.items()
            if part not in _PLAIN_AUTH_PARTS
        }
    except SecretMissing as missing:
        raise Unauthorised(f"{name}: {missing}") from None
    plain = {part: settings.auth[part] for part in _PLAIN_AUTH_PARTS - {"kind"} if part in settings.auth}
    return Connection(
        name=name,
        base_url=settings.base_url,
        auth_kind=settings.auth.get("kind", ""),
        credentials=credentials | {part: SecretStr(value) for part, value in plain.items()},
        mapping=settings.mapping,
    )


def run_settings(settings: Settings, connection: ConnectionSettings) -> RunSettings:
    """What the sync may do on this connection."""
    rollout = connection.rollout
    return RunSettings(
        mode=rollout.mode,
        effective_from=rollout.effective_from,
        max_new_tasks_per_owner_per_day=rollout.max_new_tasks_per_owner_per_day,
        max_new_tasks_per_run=rollout.max_new_tasks_per_run,
        stages_writable=frozenset(connection.writes.stages),
        owner_writable=connection.writes.owner,
        behaviour_readable=connection.delivers_behaviour,
        mapping=connection.fingerprint,
        brakes=Brakes(settings.safety.max_changed_share, settings.safety.max_changed_floor),
    )


@contextmanager
def opened_store(settings: Settings) -> Iterator[Store]:
    """The state database, migrated to the present schema."""
    store = Store.open(settings.store.url)
    try:
        yield store
    finally:
        store.close()


def schema_problems(settings: Settings) -> tuple[list[Problem], list[CrmError]]:
    """Ask every connection's CRM what does not fit; connection troubles come apart."""
    problems: list[Problem] = []
    troubles: list[CrmError] = []
    for name, connection in settings.connections.items():
        try:
            with opened_crm(name, connection) as crm:
                problems += [
                    Problem(f"connections.{name}.{found.where}", found.what, found.remedy, found.is_warning)
                    for found in crm.check()
                ]
        except Misconfigured as error:
            problems += [Problem(f"connections.{name}", problem) for problem in error.problems]
        except CrmError as error:
            troubles.append(error)
    return problems, troubles
