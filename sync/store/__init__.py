"""What leadsla keeps between runs: one database, its queries by subject.

``Store`` opens and migrates it; ``store.of(connection)`` gives one connection's part. Every write
happens inside ``with store.begin() as db``: one transaction, one commit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

__all__ = ["Store"]


class Store:
    """The open database. Close it when done; use one per process."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str) -> Store:
        """Open and migrate to the present schema. A SQLite file is made for its owner only (0600)."""
        address = sa.make_url(url)
        if address.get_backend_name() == "sqlite" and address.database not in {None, "", ":memory:"}:
            _make_private(Path(str(address.database)))
        engine = sa.create_engine(
            address, hide_parameters=True
        )  # values are people's data: in no error, no log
        if address.get_backend_name() == "sqlite":
            sa.event.listen(engine, "connect", _tune_sqlite)
        store = cls(engine)
        store._migrate()
        return store

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self.engine.begin() as db:
            config.attributes["connection"] = db
            command.upgrade(config, "head")

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One transaction: all of it or nothing."""
        with self.engine.begin() as db:
            yield db

    def close(self) -> None:
        self.engine.dispose()


def _make_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _tune_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
