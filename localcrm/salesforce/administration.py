"""What an admin does behind the records: the org's switches, its rules, ended sessions, failing bulk jobs.

Rules are edited like records (``/_localcrm/records/ValidationRule``, ``DuplicateRule``, ``ApexTrigger``);
the rest has control doors of its own: ``/_localcrm/switches``, ``/_localcrm/sessions`` and
``/_localcrm/bulk_faults``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from localcrm.face import Refused
from localcrm.salesforce.oauth import Tokens
from localcrm.salesforce.org import Org
from localcrm.salesforce.service import Service
from localcrm.salesforce.setup import KINDS


class Administration:
    """The admin's deeds; each takes the org's lock itself. Loading a company brings another org."""

    def __init__(self, service: Callable[[], Service], tokens: Callable[[], Tokens]) -> None:
        self._service = service
        self._tokens = tokens

    @property
    def _org(self) -> Org:
        return self._service().org

    def is_rule(self, name: str) -> bool:
        """Whether this names a kind of rule and no object."""
        return name in KINDS

    def rules(self, name: str) -> list[dict[str, Any]]:
        """The rules of a kind."""
        with self._org.lock:
            return self._org.setup.standing(name)

    def make_rules(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Make rules, or with ``delete`` end all of the kind; raises Refused."""
        with self._org.lock:
            return [self._org.setup.make(name, row) for row in rows]

    def switches(self) -> dict[str, Any]:
        """What this org is like."""
        return asdict(self._org.switches)

    def switch(self, given: object) -> dict[str, Any]:
        """Turn some switches, by name; answers all. Raises Refused."""
        with self._org.lock:
            self._org.switch(self._org.switches.changed(_object(given)))
        return self.switches()

    def sessions(self) -> dict[str, Any]:
        """How many issued sessions live."""
        return {"issued": self._tokens().issued}

    def end_sessions(self) -> dict[str, Any]:
        """End every issued session; the word ``localcrm`` itself stays good."""
        with self._org.lock:
            self._tokens().revoke_all()
        return self.sessions()

    def bulk_faults(self) -> list[dict[str, Any]]:
        """Which bulk jobs are still to fail."""
        return self._service().jobs.faults()

    def order_bulk_fault(self, given: object) -> list[dict[str, Any]]:
        """Order failing jobs; raises Refused."""
        with self._org.lock:
            self._service().jobs.order(_object(given))
        return self.bulk_faults()


def _object(given: object) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise Refused("send a JSON object")
    return given
