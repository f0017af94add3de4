"""What it takes to open one connection: name, address, credentials, mapping."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from connectors.mapping import ConnectionMapping


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything a connector needs; secrets are resolved already and never printed.

    ``auth`` holds the kind ("client_credentials", "jwt", "token" ...) under ``kind`` and its parts by
    name. ``look_back`` seconds are read again on each poll because rows may appear late; changes younger
    than ``settle`` seconds wait for the next poll.
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
