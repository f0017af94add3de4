"""What the control interface and the server need from a practice CRM's face."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.routing import Route

from localcrm.clock import Clock
from localcrm.company import Company


class Refused(Exception):
    """A control call that makes no sense; the text says why."""


@dataclass(frozen=True, slots=True)
class Steering:
    """A control door of one face's own: what GET shows, and what POST and DELETE do (None: not there).

    ``set`` takes the body's JSON. Each answers JSON and raises Refused for what makes no sense.
    """

    show: Callable[[], Any]
    set: Callable[[Any], Any] | None = None
    forget: Callable[[], Any] | None = None


class Face(Protocol):
    """One practice CRM: its HTTP routes and its records.

    ``records`` lists every record of an object as the CRM's own read would show it, all
    fields, with stamps and associations. ``edit`` changes or creates records as a person
    would: stamps move, history is kept. ``edit`` takes a list of dicts; one with an id
    (``Id`` / ``id``) updates, one without creates; ``{"id": .., "delete": true}`` deletes;
    an optional ``"_by"`` names the acting user (default: the first non-automation user).

    A face may also have ``steerings``, its own control doors by name, and ``named_answers``, refusals to
    order by name as faults.
    """

    clock: Clock

    def routes(self) -> Sequence[Route]: ...

    def load(self, company: Company) -> None: ...

    def records(self, name: str) -> list[dict[str, Any]]: ...

    def edit(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]: ...
