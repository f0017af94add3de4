"""What an org shows our user: objects and fields, described only when somebody must know."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connectors.salesforce.client import Client
from connectors.salesforce.cursor import HIDDEN_STANDS, WHOLE
from connectors.salesforce.streams import STAMPS

Fields = Mapping[str, Mapping[str, Any]]


class Schema:
    """The described objects of one org, kept for an hour at most. For one thread."""

    def __init__(self, client: Client, now: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._now = now
        self._known: dict[str, Fields | None] = {}
        self._since = now()

    def described(self, names: Iterable[str]) -> Mapping[str, Fields]:
        """The fields of each object by name; without the objects that are not shown. One call, at most."""
        self._forget_if_old()
        wanted = list(dict.fromkeys(names))
        missing = [name for name in wanted if name not in self._known]
        for name, found in self._client.describe_all(missing).items():
            self._known[name] = {one["name"]: one for one in found["fields"]} if found else None
        return {name: shown for name in wanted if (shown := self._known[name]) is not None}

    def with_parents(self, wanted: Mapping[str, Iterable[str]]) -> dict[str, Fields]:
        """The fields of each object shown, and under their paths those of its parents that are wanted.

        Two calls, at most.
        """
        shown = self.described(wanted)
        dotted = {name: [path for path in wanted[name] if "." in path] for name in shown}
        targets = {target_of(shown[name], path) for name, paths in dotted.items() for path in paths}
        beyond = self.described(sorted(targets - {""}))
        return {
            name: {**own, **{path: field for path in dotted[name] if (field := _beyond(own, path, beyond))}}
            for name, own in shown.items()
        }

    def look(self, wanted: Mapping[str, Iterable[str]], names: Iterable[str]) -> None:
        """Describe these objects anew, and those that the fields wanted of them lead to."""
        names = list(names)
        for name in names:
            self._known.pop(name, None)
        shown = self.described(names)
        beyond = {
            target
            for name, fields in shown.items()
            for path in wanted.get(name, ())
            if (target := target_of(fields, path))
        }
        self.described(sorted(beyond))

    def hidden(self, wanted: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
        """What is wanted and not shown, by object, as far as objects were described."""
        self._forget_if_old()
        found: dict[str, frozenset[str]] = {}
        for name, paths in wanted.items():
            if name in self._known:
                fields = self._known[name]
                unseen = (path for path in paths if fields is not None and not self._shows(fields, path))
                found[name] = frozenset(unseen) if fields is not None else frozenset({WHOLE})
        return found

    def _shows(self, fields: Fields, path: str) -> bool:
        name, _, rest = path.partition(".")
        if rest:
            beyond = self._known.get(target_of(fields, path))
            return beyond is not None and self._shows(beyond, rest)
        return name in fields and (name not in STAMPS or bool(fields[name].get("filterable", True)))

    def forget(self) -> None:
        """It may have changed."""
        self._known.clear()
        self._since = self._now()

    def _forget_if_old(self) -> None:
        if self._now() - self._since >= HIDDEN_STANDS.total_seconds():
            self.forget()


def target_of(fields: Fields, path: str) -> str:
    """The object that a field of a parent belongs to; empty for one of the object's own."""
    parent, dot, _ = path.partition(".")
    found = (one for one in fields.values() if dot and one.get("relationshipName") == parent)
    return next((str(one["referenceTo"][0]) for one in found if one.get("referenceTo")), "")


def _beyond(own: Fields, path: str, shown: Mapping[str, Fields]) -> Mapping[str, Any] | None:
    return shown.get(target_of(own, path), {}).get(path.partition(".")[2])
