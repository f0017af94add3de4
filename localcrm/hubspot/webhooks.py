"""Webhooks: signed events sent to one address, from a thread of its own. Off until an address is given.

As HubSpot sends them: arrays of at most 100 events, signature v3 beside the older one, tried again when
refused, without any promise of order. They never hold up a call.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from localcrm.face import Refused
from localcrm.hubspot.kinds import KIND_IDS, SINGULAR
from localcrm.hubspot.records import Record, Source

_MOST, _PATIENCE = 100, 5.0
_OLD_NAMES = ("contacts", "companies", "deals")  # contact.creation; everything else is object.creation
_KEYS = {"url", "secret", "attempts", "pause_seconds"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where events go. ``attempts`` are tried ``pause_seconds`` apart (HubSpot: 10 over a day)."""

    url: str
    secret: str
    attempts: int = 3
    pause_seconds: float = 1.0


class _Courier:
    """Takes one target's events and delivers them in its own thread until told to leave."""

    def __init__(self, target: Target, now: Callable[[], int]) -> None:
        self.target = target
        self.sent = self.lost = 0
        self._now = now
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._leaving = threading.Event()
        threading.Thread(target=self._work, name="localcrm-webhooks", daemon=True).start()

    def take(self, event: dict[str, Any]) -> None:
        """Queue one event; returns at once."""
        self._waiting.put(event)

    def leave(self) -> None:
        """Deliver nothing more."""
        self._leaving.set()
        self._waiting.put(None)

    def told(self) -> dict[str, Any]:
        """The address and how many events arrived there, got lost and wait."""
        told = {"sent": self.sent, "lost": self.lost, "waiting": self._waiting.qsize()}
        return {"url": None if self._leaving.is_set() else self.target.url, **told}

    def _work(self) -> None:
        while not self._leaving.is_set():
            batch = [self._waiting.get()]
            while len(batch) < _MOST and not self._waiting.empty():
                batch.append(self._waiting.get())
            events = [event for event in batch if event is not None]
            if events and not self._leaving.is_set():
                self._deliver(events)

    def _deliver(self, events: list[dict[str, Any]]) -> None:
        for attempt in range(self.target.attempts):
            if attempt and self._leaving.wait(self.target.pause_seconds):
                break
            body = json.dumps([{**event, "attemptNumber": attempt} for event in events]).encode()
            if _post(self.target, body, self._now()):
                self.sent += len(events)
                return
        self.lost += len(events)


class Webhooks:
    """Makes events of changes. ``now`` tells the portal's clock in milliseconds since 1970."""

    def __init__(self, now: Callable[[], int], portal_id: Callable[[], int]) -> None:
        self._now = now
        self._portal_id = portal_id
        self._courier: _Courier | None = None
        self._last_id = 0

    def show(self) -> dict[str, Any]:
        """The address and how many events arrived there, got lost and wait."""
        courier = self._courier
        return courier.told() if courier else {"url": None, "sent": 0, "lost": 0, "waiting": 0}

    def aim(self, given: object) -> dict[str, Any]:
        """Send from now on to ``{"url", "secret"}``; Refused for what is no address."""
        target = _read(given)
        self.forget()
        self._courier = _Courier(target, self._now)
        return self.show()

    def forget(self) -> dict[str, Any]:
        """Send nothing any more; events still waiting are dropped. Answers the last counts."""
        courier, self._courier = self._courier, None
        if courier is None:
            return self.show()
        courier.leave()
        return courier.told()

    def hear(
        self, kind: str, happening: str, record: Record, source: Source, facts: Mapping[str, Any]
    ) -> None:
        """Queue one event; the portal calls this with its lock held, so it does nothing slow."""
        courier = self._courier
        if courier is None:
            return
        self._last_id += 1
        noun = SINGULAR[kind] if kind in _OLD_NAMES else "object"
        event = {
            "eventId": self._last_id,
            "subscriptionId": 1_000 + len(happening),
            "portalId": self._portal_id(),
            "appId": 2_048_190,
            "occurredAt": self._now(),
            "subscriptionType": f"{noun}.{happening}",
            "objectId": record.number,
            "changeSource": source.type,
            **facts,
        }
        if source.id is not None:
            event["sourceId"] = source.id
        if noun == "object":
            event["objectTypeId"] = KIND_IDS[kind]
        courier.take(event)


def signature(secret: str, url: str, body: bytes, at: int) -> str:
    """Signature v3 of a POST; ``at`` in milliseconds since 1970."""
    told = b"POST" + url.encode() + body + str(at).encode()
    return base64.b64encode(hmac.new(secret.encode(), told, hashlib.sha256).digest()).decode()


def _post(target: Target, body: bytes, at: int) -> bool:
    """Whether the other side took the events: any answer from 200 to 299 within five seconds."""
    where = urlsplit(target.url)
    headers = {
        "Content-Type": "application/json",
        "X-HubSpot-Request-Timestamp": str(at),
        "X-HubSpot-Signature-v3": signature(target.secret, target.url, body, at),
        "X-HubSpot-Signature": hashlib.sha256(target.secret.encode() + body).hexdigest(),
        "X-HubSpot-Signature-Version": "v1",
    }
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=_PATIENCE)
    try:
        path = (where.path or "/") + (f"?{where.query}" if where.query else "")
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return 200 <= answer.status < 300


def _read(given: object) -> Target:
    if not isinstance(given, Mapping) or not {"url", "secret"} <= set(given) <= _KEYS:
        raise Refused("webhooks need 'url' and 'secret', and know 'attempts' and 'pause_seconds'")
    if not all(isinstance(given[name], str) and given[name] for name in ("url", "secret")):
        raise Refused("'url' and 'secret' must be texts")
    where = urlsplit(given["url"])
    if where.scheme != "http" or where.hostname not in ("127.0.0.1", "localhost"):
        raise Refused("'url' must be an http address on this machine")
    attempts, pause = given.get("attempts", 3), given.get("pause_seconds", 1.0)
    if not isinstance(attempts, int) or not 1 <= attempts <= 10:
        raise Refused("'attempts' must be a number from 1 to 10")
    if not isinstance(pause, int | float) or pause < 0:
        raise Refused("'pause_seconds' must be a number, at least 0")
    return Target(given["url"], given["secret"], attempts, float(pause))
