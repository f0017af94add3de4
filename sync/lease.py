"""One run per connection: a lease with expiry and a fencing epoch, renewed while working.

The epoch grows with every take-over. Each commit checks it, so a paused process that wakes after
another took over stops instead of writing.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from sync.store import Store, schema
from sync.store.packing import from_micros, micros
from sync.store.statements import upsert

LASTS = timedelta(seconds=45)  # a run that died is taken over within one poll
RENEW_EVERY_SECONDS = 10.0


class Busy(Exception):
    """Another run holds the connection; the text says who and until when."""


class LeaseLost(Exception):
    """Another run took over while this one was not looking; nothing more may be written."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Proof of holding a connection. ``confirm`` inside every transaction that commits work."""

    connection: str
    holder: str
    epoch: int

    def confirm(self, db: sa.Connection) -> None:
        """Raises LeaseLost if another run has taken over.

        Writes the row as it is: from here to the commit nobody can take over, whereas a mere
        look would be outdated at once.
        """
        same = schema.leases.update().where(*_mine(self)).values(epoch=self.epoch)
        if db.execute(same).rowcount != 1:
            raise LeaseLost(f"{self.connection}: another run took over; this one stops")


@contextmanager
def held(store: Store, connection: str) -> Iterator[Lease]:
    """Hold the connection while working. Raises Busy when another live run has it."""
    lease = _take(store, connection)
    stop = threading.Event()
    renewal = threading.Thread(target=_renew, args=(store, lease, stop), daemon=True)
    renewal.start()
    try:
        yield lease
    finally:
        stop.set()
        renewal.join()
        _set_expiry(store, lease, datetime.now(UTC) - LASTS)


def _take(store: Store, connection: str) -> Lease:
    now = datetime.now(UTC)  # the operating system's clock: leases compare processes, not CRM events
    holder = f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"
    with store.begin() as db:
        if db.dialect.name == "sqlite":
            db.exec_driver_sql("UPDATE leases SET epoch = epoch WHERE 0")  # take the write lock first
        row = db.execute(sa.select(schema.leases).where(schema.leases.c.connection == connection)).first()
        if row and from_micros(row.expires_at) > now and not _has_died(row.holder):
            raise Busy(f"{connection}: held by {row.holder} until {from_micros(row.expires_at):%H:%M:%S} UTC")
        epoch = row.epoch + 1 if row else 1
        expires = micros(now + LASTS)
        taken = {"connection": connection, "holder": holder, "epoch": epoch, "expires_at": expires}
        upsert(db, schema.leases, [taken])
    return Lease(connection, holder, epoch)


def _has_died(holder: str) -> bool:
    """Whether the holder was a process of this machine that is gone: then nobody has to wait."""
    host, pid, _ = holder.rsplit(":", 2)
    if host != socket.gethostname() or os.name != "posix":
        return False
    try:
        os.kill(int(pid), 0)  # signal 0 only asks whether there is such a process
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _renew(store: Store, lease: Lease, stop: threading.Event) -> None:
    while not stop.wait(RENEW_EVERY_SECONDS):
        # a store that is busy for once is no reason to give up: there are chances left before expiry
        with suppress(sa.exc.OperationalError):
            _set_expiry(store, lease, datetime.now(UTC) + LASTS)


def _set_expiry(store: Store, lease: Lease, instant: datetime) -> None:
    with store.begin() as db:
        db.execute(schema.leases.update().where(*_mine(lease)).values(expires_at=micros(instant)))


def _mine(lease: Lease) -> tuple[sa.ColumnElement[bool], ...]:
    table = schema.leases.c
    return (table.connection == lease.connection, table.epoch == lease.epoch, table.holder == lease.holder)
