"""What leadsla keeps between runs: one database, its queries by subject.

``Store`` opens and migrates it. Every write happens inside ``with store.begin() as db``: one
transaction, one commit.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

__all__ = ["Store", "StoreUnusable", "address_from", "refusal"]

_PATIENCE, _MOMENT = 10_000, 100  # milliseconds to wait for another writer
_FORMS = 'write "sqlite:///leadsla.db" or "postgresql+psycopg://USER@HOST/DATABASE"'


class StoreUnusable(Exception):
    """The state cannot be kept where [store] url says; the text says why and, after a ";", what to do."""


def address_from(url: str, folder: Path) -> str:
    """``url`` with a relative SQLite file taken from ``folder``. Raises StoreUnusable if it is no address.

    >>> address_from("sqlite:///leadsla.db", Path("/etc/leadsla"))
    'sqlite:////etc/leadsla/leadsla.db'
    """
    try:
        address = sa.make_url(url)
        kind = address.get_backend_name()
        if kind not in {"sqlite", "postgresql"}:
            raise StoreUnusable(f"leadsla keeps no state in {kind}; {_FORMS}")
        address.get_dialect().import_dbapi()
    except (sa.exc.ArgumentError, ValueError):  # the address itself may hold a password: it is not told
        raise StoreUnusable(f"is no address of a database; {_FORMS}") from None
    except ModuleNotFoundError as error:
        package = {"psycopg2": "psycopg2-binary", "psycopg": "psycopg[binary]"}.get(
            str(error.name), error.name
        )
        raise StoreUnusable(f'needs a driver that is not there; run: pip install "{package}"') from None
    if kind == "sqlite" and _is_file(address) and not Path(str(address.database)).is_absolute():
        address = address.set(database=str(folder / str(address.database)))
        return address.render_as_string(hide_password=False)
    return url


def refusal(name: str, error: sa.exc.DBAPIError | CommandError) -> str:
    """Why a database does not serve, and what to do; no statement, no values, no user, no password."""
    if isinstance(error, CommandError):
        return (
            f"{name} was written by a newer leadsla ({error}); install that, or name another in [store] url"
        )
    said = str(error.orig) if isinstance(error.orig, sqlite3.Error) else type(error.orig).__name__
    if "locked" in said:
        return f"{name} is in use by another program; close that, then run again"
    if "not a database" in said or "already exists" in said:
        return f"{name} holds something else than leadsla's state; name another file in [store] url"
    if "readonly" in said or "unable to open" in said:
        return f"{name} cannot be written; change its rights, or name another file in [store] url"
    return f"{name} cannot be used ({said}); check [store] url, and that it can be reached"


class Store:
    """The open database. Close it when done; use one per process."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str) -> Store:
        """Open and migrate to the present schema. A SQLite file is made for its owner only (0600).

        Raises StoreUnusable.
        """
        address = sa.make_url(url)
        if _is_file(address):
            _make_private(Path(str(address.database)))
        store = cls(_engine(address))
        try:
            store._migrate()
        except (sa.exc.DBAPIError, CommandError) as error:
            store.close()
            raise StoreUnusable(refusal(_name_of(address), error)) from None
        return store

    @classmethod
    def existing(cls, url: str) -> Store | None:
        """The same where a run has kept something; None, and nothing made, where none has."""
        address = sa.make_url(url)
        if _is_file(address) and not Path(str(address.database)).exists():
            return None
        engine = sa.create_engine(address, hide_parameters=True)  # not tuned: that would write
        try:
            with engine.connect() as db:
                was_read = sa.inspect(db).has_table("cursors") and db.scalar(
                    sa.text("SELECT count(*) FROM cursors")
                )
        except sa.exc.DBAPIError as error:
            raise StoreUnusable(refusal(_name_of(address), error)) from None
        finally:
            engine.dispose()
        return cls.open(url) if was_read else None

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

    @contextmanager
    def begin_at_once(self) -> Iterator[sa.Connection]:
        """The same, for somebody who cannot wait: OperationalError when a writer is not done in a moment."""
        with self.engine.connect() as db:
            is_sqlite = db.dialect.name == "sqlite"
            db.exec_driver_sql(
                f"PRAGMA busy_timeout={_MOMENT}" if is_sqlite else f"SET LOCAL lock_timeout={_MOMENT}"
            )
            try:
                if is_sqlite:
                    db.exec_driver_sql("BEGIN IMMEDIATE")  # reading first and writing then may fail half-way
                yield db
                db.commit()
            finally:
                db.rollback()
                if is_sqlite:
                    db.exec_driver_sql(f"PRAGMA busy_timeout={_PATIENCE}")

    def close(self) -> None:
        self.engine.dispose()


def _engine(address: sa.URL) -> sa.Engine:
    engine = sa.create_engine(address, hide_parameters=True)  # values are people's data: in no error, no log
    if address.get_backend_name() == "sqlite":
        sa.event.listen(engine, "connect", _tune_sqlite)
    return engine


def _is_file(address: sa.URL) -> bool:
    database = str(address.database or "")
    return (
        address.get_backend_name() == "sqlite" and bool(database) and not database.startswith((":", "file:"))
    )


def _make_private(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise StoreUnusable(
            f"the state cannot be kept in {path} ({why}); name a file that you can write in [store] url"
        ) from None


def _name_of(address: sa.URL) -> str:
    return str(address.database) if _is_file(address) else f"the database on {address.host or 'this machine'}"


def _tune_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={_PATIENCE}", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
