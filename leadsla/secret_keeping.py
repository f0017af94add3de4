"""The keeper of one connection's secrets: read and rewritten where the configuration names them."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from connectors.errors import Misconfigured, Unauthorised
from leadsla.secret_names import SecretMissing, resolve, rewrite


class NamedSecrets:
    """Implements ``connectors.connection.Keeper`` for ``[connections.NAME] auth``."""

    def __init__(self, connection: str, base_url: str, names: Mapping[str, str]) -> None:
        self._connection = connection
        self._base_url = base_url
        self._names = names
        self._lock = threading.RLock()

    @contextmanager
    def alone(self, part: str) -> Iterator[None]:
        """Alone among threads, and for a file among the processes of this machine.

        Nobody can be locked out of a keyring: who comes second there finds the renewed secret.
        """
        scheme, _, rest = self._names[part].partition(":")
        with self._lock:
            if scheme == "file" and os.name == "posix":
                with _locked(Path(rest).expanduser().resolve()):
                    yield
            else:
                yield

    def read(self, part: str) -> SecretStr:
        try:
            return resolve(self._names[part], self._base_url)
        except SecretMissing as error:
            raise Unauthorised(f"{self._where(part)}: {error.what}; {error.remedy}") from None

    def keep(self, part: str, value: SecretStr) -> None:
        try:
            rewrite(self._names[part], value)
        except SecretMissing as error:
            raise Misconfigured(f"{self._where(part)}: {error.what}; {error.remedy}") from None

    def _where(self, part: str) -> str:
        return f"connections.{self._connection}.auth.{part}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file beside ``path``: the secret itself is replaced, so a lock on it would be lost."""
    fcntl = importlib.import_module("fcntl")  # not everywhere
    beside = path.with_name(f"{path.name}.lock")
    try:
        number = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise Misconfigured(
            f"{beside} cannot be made: {why}; let this user write the folder, or name another file"
        ) from None
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)  # which frees the lock; the file stays, or two could hold it
