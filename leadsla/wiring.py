"""Where concrete things are chosen: which connector, which secrets, which store.

A context manager each, so whatever is opened is closed.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from connectors.base import Crm, Problem
from connectors.connection import Connection
from connectors.errors import CrmError, Misconfigured, Unauthorised, Unavailable
from leadsla.secret_keeping import NamedSecrets
from leadsla.secret_names import SecretMissing, resolve
from leadsla.settings import ConnectionSettings, Settings
from sync.guard import Brakes
from sync.run import RunSettings
from sync.store import Store
from sync.store.leads import Leads
from sync.store.visits import Visits

if TYPE_CHECKING:
    from connectors.hubspot.webhooks import Webhook

_PLAIN_AUTH_PARTS = {"kind", "username"}
SHORT_WAIT_SECONDS = 2.0


@contextmanager
def opened_crm(
    name: str,
    settings: ConnectionSettings,
    stop: threading.Event | None = None,
    *,
    to_provision: bool = False,
) -> Iterator[Crm]:
    """The CRM behind ``[connections.name]``. Raises Unauthorised if a secret cannot be had.

    ``stop`` ends a long wait for the CRM early. ``to_provision``: with the credentials for that, if there
    are others.
    """
    connector = import_module(f"connectors.{settings.crm}")  # an SDK is slow to import: only the one needed
    connection = connection_of(name, settings)
    if to_provision and settings.provision_auth:
        admin = connection_of(name, settings, "provision_auth")
        connection = replace(connection, provision_as=admin)
    if stop is not None:
        connection = replace(connection, sleep=patience(name, stop))
    crm: Crm = connector.open_crm(connection)
    try:
        yield crm
    finally:
        crm.close()


def patience(name: str, stop: threading.Event) -> Callable[[float], None]:
    """How to wait for a CRM: short waits belong to the batch in hand, a long one ends when asked to stop."""

    def wait(seconds: float) -> None:
        if seconds <= SHORT_WAIT_SECONDS:
            time.sleep(seconds)
        elif stop.wait(seconds):
            raise Unavailable(
                f"{name}: stopped while waiting for the CRM; nothing is lost, the next run goes on"
            )

    return wait


class SecretsMissing(Unauthorised):
    """Secrets that a connection names and that cannot be had, all at once."""

    def __init__(self, name: str, missing: Mapping[str, SecretMissing], table: str = "auth") -> None:
        super().__init__(f"{name}: {'; '.join(map(str, missing.values()))}")
        self.problems = tuple(
            Problem(f"connections.{name}.{table}.{part}", one.what, one.remedy)
            for part, one in missing.items()
        )


def connection_of(name: str, settings: ConnectionSettings, table: str = "auth") -> Connection:
    """The connection with its secrets resolved, out of this table of it. Raises SecretsMissing."""
    auth: Mapping[str, str] = getattr(settings, table)
    credentials: dict[str, SecretStr] = {}
    missing: dict[str, SecretMissing] = {}
    for part, secret in auth.items():
        if part in _PLAIN_AUTH_PARTS:
            continue
        try:
            credentials[part] = resolve(secret, settings.base_url)
        except SecretMissing as error:
            missing[part] = error
    if missing:
        raise SecretsMissing(name, missing, table)
    plain = {part: auth[part] for part in _PLAIN_AUTH_PARTS - {"kind"} if part in auth}
    return Connection(
        name=name,
        base_url=settings.base_url,
        auth_kind=auth.get("kind", ""),
        credentials=credentials | {part: SecretStr(value) for part, value in plain.items()},
        mapping=settings.mapping,
        api_version=settings.api_version,
        keeper=NamedSecrets(name, settings.base_url, auth),
    )


def identity_of(name: str, settings: ConnectionSettings) -> str:
    """Names this leadsla, the address and the credentials; tells none of them. Raises SecretsMissing."""
    connection = connection_of(name, settings)
    secrets = {part: secret.get_secret_value() for part, secret in connection.credentials.items()}
    parts = [
        version("leadsla"),
        connection.base_url,
        connection.auth_kind,
        *map(str, sorted(secrets.items())),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def webhook_of(name: str, settings: ConnectionSettings) -> Webhook | None:
    """How hints for this connection are told from forgeries; None if it has none. Raises SecretsMissing."""
    from connectors.hubspot.webhooks import Webhook  # noqa: PLC0415 - brings the SDK, slow to import

    told = settings.webhook
    if told is None:
        return None
    try:
        secret = resolve(told.secret, settings.base_url)
    except SecretMissing as error:
        raise SecretsMissing(name, {"secret": error}, "webhook") from None
    return Webhook(secret, told.url, told.signature, kind=settings.lead_object)


def salesforce_source(folder: Path) -> list[Path]:
    """Write what leadsla adds to an org as a source folder; the files written. Raises OSError."""
    from connectors.salesforce.source import write_source  # noqa: PLC0415 - brings the SDK, slow to import

    return write_source(folder)


def run_settings(settings: Settings, connection: ConnectionSettings, identity: str = "") -> RunSettings:
    """What the sync may do on this connection; ``identity`` as in ``RunSettings``."""
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
        identity=identity,
        lead_object=connection.lead_object,
        sweep_every=settings.schedule.sweep or None,
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


@contextmanager
def last_state(settings: Settings) -> Iterator[Store | None]:
    """The state as the last sync left it; None, and nothing made, where none has run."""
    store = Store.existing(settings.store.url)
    try:
        yield store
    finally:
        if store is not None:
            store.close()


def fields_made_anew(settings: Settings, name: str) -> None:
    """Our fields in this CRM are empty now: the next run writes them all, if there was one before."""
    with last_state(settings) as store:
        if store is None:
            return
        with store.begin() as db:
            Leads(name).forget_shown(db)
            Visits(name).forget(db, "check")


def schema_problems(settings: Settings) -> tuple[list[Problem], dict[str, CrmError]]:
    """Ask every connection's CRM what does not fit; connection troubles come apart, by name."""
    problems: list[Problem] = []
    troubles: dict[str, CrmError] = {}
    for name, connection in settings.connections.items():
        reads_only = connection.rollout.mode == "shadow"
        try:
            with opened_crm(name, connection) as crm:
                for found in crm.check():
                    mild = found.is_warning or (reads_only and found.is_about_writing)
                    where = f"connections.{name}.{found.where}"
                    problems.append(replace(found, where=where, is_warning=mild))
        except Misconfigured as error:
            problems += [_told(name, problem) for problem in error.problems]
        except CrmError as error:
            troubles[name] = error
    return problems, troubles


def _told(name: str, text: str) -> Problem:
    """A connector's sentence as a problem; it may begin with the place and end with what to do."""
    where = f"connections.{name}"
    told = text.removeprefix(f"{name}: ")
    place, colon, rest = told.partition(": ")
    if colon and place.startswith(where):
        where, told = place, rest
    if told.startswith("auth."):
        place, _, told = told.partition(" ")
        where = f"{where}.{place}"
    what, _, remedy = told.partition("; ")
    return Problem(where, what, remedy)
