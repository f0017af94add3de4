"""What ``leadsla check`` tells of people's readable work, from the state that the last sync left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from connectors.base import Problem
from leadsla.cli.output import print_table
from leadsla.settings import Settings
from leadsla.wiring import last_state
from sync.store.facts import Facts
from sync.traces import Traces, traces_of

LOOKED_BACK = timedelta(days=90)
_REMEDY = (
    "what is captured outside the CRM is invisible: have calls, mails and meetings logged on the lead, or map"
    " the object where they are under [connections.{name}.activities]"
)


class Readability:
    """Per connection and person: how many answered leads show what the answer was."""

    def __init__(self, rows: Mapping[str, list[Traces]], people: Mapping[str, Mapping[str, str]]) -> None:
        self._rows = rows
        self._people = people

    @classmethod
    def of(cls, settings: Settings) -> Readability:
        """From the state; nothing before the first sync."""
        rows: dict[str, list[Traces]] = {}
        people: dict[str, dict[str, str]] = {}
        since = datetime.now(UTC) - LOOKED_BACK
        with last_state(settings) as store:
            for name in settings.connections if store is not None else ():
                with store.begin() as db:  # type: ignore[union-attr]
                    rows[name] = traces_of(db, name, since)
                    everyone = Facts(name).people.everyone(db)
                people[name] = {owner.id: owner.name or owner.id for owner in everyone.values()}
        return cls(rows, people)

    def problems(self) -> list[Problem]:
        """A warning for everybody of whose answers little can be read. By id: no names in a finding."""
        return [
            Problem(
                f"connections.{name}.activities",
                f"only {one.readable} of {one.answered} leads that owner {one.owner} answered show a call,"
                " mail, meeting or task",
                _REMEDY.format(name=name),
                is_warning=True,
            )
            for name, rows in self._rows.items()
            for one in rows
            if one.is_low
        ]

    def show(self) -> None:
        """A table per connection."""
        for name, rows in self._rows.items():
            if rows:
                title = f"{name}: answered leads with readable work, last {LOOKED_BACK.days} days"
                print_table(title, ("owner", "answered", "readable", "share"), list(self._cells(name, rows)))

    def as_json(self) -> dict[str, list[dict[str, object]]]:
        """Plain values, owners by id."""
        return {
            name: [
                {"owner": one.owner, "answered": one.answered, "readable": one.readable, "share": one.share}
                for one in rows
            ]
            for name, rows in self._rows.items()
        }

    def _cells(self, name: str, rows: Iterable[Traces]) -> Iterable[tuple[str, ...]]:
        for one in sorted(rows, key=lambda one: (one.share, one.owner)):
            owner = self._people[name].get(one.owner, one.owner)
            yield owner, str(one.answered), str(one.readable), f"{one.share:.0%}"
