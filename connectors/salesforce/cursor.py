"""Where a poll stands: as text between runs, as a value while it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta

from connectors.mapping import parse_instant
from connectors.salesforce.fields import KEY_FIELD, OUR_API_NAMES, instant, literal

HIDDEN_STANDS = timedelta(hours=1)
"""For how long nothing is asked for again that the org did not show."""
WHOLE = "*"
"""Stands for an object that is not shown at all."""
_A_MINUTE = timedelta(minutes=1)
_OURS = frozenset({*OUR_API_NAMES.values(), KEY_FIELD})
Names = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Span:
    """What is left to read of a stream: after ``lower`` ("": from the start) or ``key``, up to ``until``.

    ``key`` is the (stamp, id) last read; without an id, everything of that stamp was read.
    """

    lower: str
    until: str
    key: tuple[str, str] | None = None

    def conditions(self, stamp: str) -> Iterable[str]:
        """As SOQL."""
        yield f"{stamp} <= {self.until}"
        if self.key is None:
            if self.lower:
                yield f"{stamp} > {self.lower}"
            return
        moment, last = literal(self.key[0]), self.key[1]
        beyond = f"({stamp} > {moment} OR ({stamp} = {moment} AND Id > '{last}'))"
        yield beyond if last else f"{stamp} > {moment}"


@dataclass(slots=True)
class Cursor:
    """Instants are text as in SOQL. Streams have names.

    ``since``, ``until``: the bounds of the window that is being read; when it is finished both are where
    the next one starts. ``covered``: what Salesforce promises to have shown completely. ``at``: (stamp, id)
    last read of a stream. ``done``: streams read to the end of the window. ``jobs``: (id, locator) of a
    stream's bulk query.

    ``hidden``: what the org did not show at ``hidden_at``, by object. ``behind``: since when a stream has
    lacked something; ``again``: streams that are read from there in this window, as it is shown again.
    """

    since: str = ""
    until: str = ""
    covered: str = ""
    at: dict[str, list[str]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    jobs: dict[str, list[str]] = field(default_factory=dict)
    hidden: dict[str, list[str]] = field(default_factory=dict)
    hidden_at: str = ""
    behind: dict[str, str] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor of a text; what it does not know of an older form is left out."""
        known = {one.name for one in fields(cls)}
        found = json.loads(text) if text else {}
        return cls(**{name: value for name, value in found.items() if name in known})

    def text(self) -> str:
        """What ``parse`` takes; empty parts are left out, but a lower bound may be empty."""
        return json.dumps({name: value for name, value in asdict(self).items() if value}, sort_keys=True)

    @property
    def is_between_windows(self) -> bool:
        return not self.until or self.until == self.since

    def window(self, until: datetime, look_back: timedelta) -> Cursor:
        """The next window, which reaches back a little: rows may appear late."""
        since = instant(parse_instant(self.since) - look_back) if self.since else ""
        return replace(self, since=since, until=instant(until))

    def finished(self) -> Cursor:
        """Where the next window starts: never later than what Salesforce has shown completely."""
        start = min(self.until, self.covered) if self.covered else self.until
        behind = {name: at for name, at in self.behind.items() if name in _lacking(self.hidden)}
        return Cursor(start, start, hidden=self.hidden, hidden_at=self.hidden_at, behind=behind)

    def span(self, stream: str) -> Span:
        """What is left of a stream in this window."""
        lower = self.behind.get(stream, self.since) if stream in self.again else self.since
        key = self.at.get(stream)
        return Span(lower, self.until, (key[0], key[1]) if key else None)

    def read(self, stream: str, key: tuple[str, str] | None, *, is_last: bool) -> None:
        """So far a stream has been read."""
        if key:
            self.at[stream] = list(key)
        if is_last:
            self.done.append(stream)
            self.at.pop(stream, None)
            self.jobs.pop(stream, None)

    def cover(self, told: str) -> None:
        """Salesforce has shown everything up to here; it counts in whole minutes."""
        covered = parse_instant(told)
        if covered >= parse_instant(self.until) - _A_MINUTE:
            return
        found = instant(covered)
        self.covered = min(found, self.covered) if self.covered else found

    def unseen(self, now: datetime) -> Names:
        """What need not be asked for by now, by object."""
        if not self.hidden_at or now - parse_instant(self.hidden_at) >= HIDDEN_STANDS:
            return {}
        return {name: frozenset(names) for name, names in self.hidden.items()}

    def hide(self, hidden: Names, now: datetime) -> list[str]:
        """Take in what the org does not show by now. Returns what is newly missing, in words.

        What is shown again is made up for: its stream is read from where it began to lack it. Our own
        fields need none of that: they are empty until we write them.
        """
        before, after = _lacking(self.hidden), _lacking(hidden)
        for name in after.keys() - before.keys():
            self.behind.setdefault(name, self.since)
        self.again = self.shown_again(hidden)
        self.hidden = {name: sorted(names) for name, names in hidden.items() if names}
        self.hidden_at = instant(now)
        new = {name: names - before.get(name, frozenset()) for name, names in after.items()}
        return [
            f"{name}.{one}" if one != WHOLE else name for name in sorted(new) for one in sorted(new[name])
        ]

    def shown_again(self, hidden: Names) -> list[str]:
        """The streams to be read from where they fell behind, if this is all that is not shown."""
        before, after = _lacking(self.hidden), _lacking(hidden)
        back = (name for name, names in before.items() if names - after.get(name, frozenset()))
        return list(dict.fromkeys((*self.again, *back)))

    def turn_off(self, name: str) -> None:
        """Not to be asked for during an hour; then it is read from where it was left out."""
        hidden = {one: frozenset(names) for one, names in self.hidden.items()}
        self.hide({**hidden, name: frozenset({WHOLE})}, parse_instant(self.until))


def _lacking(hidden: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """What the org does not show of what is not ours."""
    found = {name: frozenset(names) - _OURS for name, names in hidden.items()}
    return {name: names for name, names in found.items() if names}
