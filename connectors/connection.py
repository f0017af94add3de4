"""What it takes to open one connection: name, address, credentials, mapping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic import SecretStr

from connectors.mapping import ConnectionMapping

ApiVersion = Literal["2026-03", "v3", "2026-09"]
"""Which of HubSpot's addresses are used; "v3": those of v3 and v4, until HubSpot ends them in 2027."""
API_VERSION: ApiVersion = "2026-03"


class Keeper(Protocol):
    """Where the secrets of a connection are kept that the CRM itself renews, by part ("refresh_token").

    Other processes may read and renew the same secret. Raises Misconfigured where it cannot be kept.
    """

    def alone(self, part: str) -> AbstractContextManager[None]:
        """While inside, no other process that knows this place renews ``part``."""
        ...

    def read(self, part: str) -> SecretStr:
        """What is stored now, perhaps by another process. Raises Unauthorised if there is nothing."""
        ...

    def keep(self, part: str, value: SecretStr) -> None:
        """Put ``value`` in its place; when this returns, the next process finds it."""
        ...


class Remembered:
    """A keeper that forgets with the connection: for secrets that nobody renews."""

    def __init__(self, credentials: Mapping[str, SecretStr]) -> None:
        self._lock = threading.RLock()
        self._known = dict(credentials)

    @contextmanager
    def alone(self, part: str) -> Iterator[None]:  # noqa: ARG002 - one lock serves every part
        with self._lock:
            yield

    def read(self, part: str) -> SecretStr:
        return self._known[part]

    def keep(self, part: str, value: SecretStr) -> None:
        self._known[part] = value


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one connection waits, in seconds, and how often it tries.

    ``read``: until the next byte. ``answer``: until the whole answer, however steadily it drips.
    ``longest_wait``: the CRM may ask for a longer wait, but then the rest is left to a later run.
    ``retrying``: all attempts after a first one together, per run; then each call has one attempt.
    ``failures``: so many calls failed in a row, and no more are sent in this run.
    """

    connect: float = 5.0
    read: float = 60.0
    answer: float = 180.0
    longest_wait: float = 60.0
    retrying: float = 600.0
    failures: int = 3


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything a connector needs; secrets are resolved already and never printed.

    ``auth`` holds the kind ("client_credentials", "jwt", "token" ...) under ``kind`` and its parts by
    name. ``look_back`` seconds are read again on each poll because rows may appear late; changes younger
    than ``settle`` seconds wait for the next poll. ``keeper`` is where a renewed secret goes (None:
    nowhere). ``api_version`` is HubSpot's. ``provision_as``: the same with other credentials, which alone
    make and remove our fields.
    """

    name: str
    base_url: str
    auth_kind: str
    credentials: Mapping[str, SecretStr]
    mapping: ConnectionMapping
    look_back_seconds: int = 300
    settle_seconds: float = 2.0
    attempts: int = 5
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    patience: Patience = Patience()
    api_version: ApiVersion = API_VERSION
    keeper: Keeper | None = field(default=None, repr=False)
    provision_as: Connection | None = None
