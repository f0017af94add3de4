"""Where a pull stands: the window it reads, the segment it is in, and how it is kept as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connectors.base import Marks, Page, no_marks
from connectors.errors import Misconfigured
from connectors.hubspot.fields import STAMP, milliseconds
from connectors.hubspot.marks import Mark
from connectors.mapping import parse_instant


@dataclass(frozen=True, slots=True)
class Window:
    """Changes in ``[since, until]`` are wanted, stamps in aware UTC; ``since`` None: everything ever.

    ``marks``: what leads were kept with at earlier pulls.
    """

    since: datetime | None
    until: datetime
    look_back: timedelta = timedelta(0)
    marks: Marks = field(default=no_marks, compare=False, repr=False)

    def kept(self, lead_ids: Sequence[str]) -> Mapping[str, Mark]:
        """The marks of those leads that were kept before."""
        told = {one: Mark.parse(text) for one, text in self.marks(lead_ids).items()}
        return {one: mark for one, mark in told.items() if mark is not None}

    def holds(self, stamp: int) -> bool:
        """Whether a change at this instant (milliseconds since 1970) is no younger than the window."""
        return stamp <= int(milliseconds(self.until))

    def comes_again(self, stamp: str) -> bool:
        """Whether the next poll's look-back will bring a record with this stamp a second time."""
        try:
            return parse_instant(stamp) >= self.until - self.look_back
        except (ValueError, OverflowError):
            return False

    def filters(self, last: str, stamp: str = STAMP) -> list[Mapping[str, str]]:
        """Search filters for records changed in this window with an id beyond ``last``."""
        found: list[Mapping[str, str]] = []
        if self.since is None:
            found.append({"propertyName": stamp, "operator": "LTE", "value": milliseconds(self.until)})
        else:
            found.append(
                {
                    "propertyName": stamp,
                    "operator": "BETWEEN",
                    "value": milliseconds(self.since),
                    "highValue": milliseconds(self.until),
                }
            )
        if last:
            found.append({"propertyName": "hs_object_id", "operator": "GT", "value": last})
        return found


def open_filters(since: datetime, stamp: str) -> list[Mapping[str, str]]:
    """Search filters for records changed since then, with an open end."""
    return [{"propertyName": stamp, "operator": "GTE", "value": milliseconds(since)}]


@dataclass(frozen=True, slots=True)
class Step:
    """One page of a segment; ``last`` resumes the segment after it, empty when it is finished."""

    page: Page
    last: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """Read up to ``since``; while a window is open also its ``until`` and the place in it.

    ``behind``: segments that could not be read, and up to when they had been ("" for never).
    """

    since: datetime | None = None
    until: datetime | None = None
    segment: str = ""
    last: str = ""
    behind: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises Misconfigured for a text that is no cursor of ours."""
        if not text:
            return cls()
        try:
            parts = json.loads(text)
            return cls(
                since=parse_instant(parts["since"]) if parts.get("since") else None,
                until=parse_instant(parts["until"]) if parts.get("until") else None,
                segment=str(parts.get("segment") or ""),
                last=str(parts.get("last") or ""),
                behind={str(name): str(stamp) for name, stamp in (parts.get("behind") or {}).items()},
            )
        except (ValueError, AttributeError, TypeError, KeyError):
            raise Misconfigured(
                "the kept HubSpot cursor cannot be read; erase it to read everything"
            ) from None

    def text(self) -> str:
        parts = {
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
            "segment": self.segment,
            "last": self.last,
            "behind": dict(self.behind),
        }
        return json.dumps({name: value for name, value in parts.items() if value})

    def window(self, until: datetime, look_back: timedelta, segment: str = "") -> Window:
        """The window of a segment: from where it is, a little overlapping, to ``until``."""
        since = self.since
        if segment in self.behind:
            since = parse_instant(self.behind[segment]) if self.behind[segment] else None
        return Window(since - look_back if since else None, until, look_back)

    def left_behind(self, segment: str) -> Cursor:
        """The same place with one more segment behind, if it is not there."""
        since = self.since.isoformat() if self.since else ""
        return replace(self, behind={segment: since, **self.behind})

    def caught_up(self, segment: str) -> Cursor:
        """The same place with this segment read like the others."""
        return replace(self, behind={one: at for one, at in self.behind.items() if one != segment})

    def after(self, segments: Sequence[str], number: int, until: datetime) -> Cursor:
        """Where to go on when the segment of this number is read up to ``until``."""
        if number + 1 == len(segments):
            return Cursor(since=until, behind=self.behind)
        return Cursor(self.since, until, segments[number + 1], behind=self.behind)

    def start_in(self, segments: Sequence[str]) -> int:
        """The number of the segment to go on with; 0 when the mapping has lost it."""
        return segments.index(self.segment) if self.segment in segments else 0
