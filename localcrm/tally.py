"""Counts the calls a client made, by route. Not a log: no query, no body, no ids are kept."""

from __future__ import annotations

import re
import threading
from collections import Counter
from typing import Any

# A key by an external id field: /sobjects/Task/LeadSLA_Key__c/anything
_BY_FIELD = re.compile(r"(/sobjects/[^/]+/[^/]+__c)/.+$")
_NUMBER = re.compile(r"\d+")
_SALESFORCE_ID = re.compile(r"(?=[A-Za-z]*\d)[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?(?:-\d+)?")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_ADDRESS = re.compile(r"[^@]+@[^@]+")
_IDS = (_NUMBER, _SALESFORCE_ID, _UUID, _ADDRESS)


def normalised(path: str) -> str:
    """The path with ids, query locators, mail addresses and external keys replaced by ``{id}``."""
    path = _BY_FIELD.sub(r"\1/{id}", path)
    return "/".join("{id}" if any(one.fullmatch(part) for one in _IDS) else part for part in path.split("/"))


class Tally:
    """Calls since the start or the last reset. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()

    def count(self, method: str, path: str) -> None:
        """One more call."""
        with self._lock:
            self._calls[f"{method} {normalised(path)}"] += 1

    def reset(self) -> None:
        """Start again from zero."""
        with self._lock:
            self._calls.clear()

    def report(self) -> dict[str, Any]:
        """``{"total": n, "by_route": {"POST /crm/...": n}}``."""
        with self._lock:
            return {"total": self._calls.total(), "by_route": dict(sorted(self._calls.items()))}
