"""How a window is opened: the first page of every stream, all in one call or two.

What the org does not show is found out by being refused: only then is the schema read, and the stream
asked for without it. So a poll without news costs no call for the schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from connectors.errors import CrmError, Unavailable
from connectors.line import GivenUp
from connectors.mapping import parse_instant
from connectors.salesforce.carrier import Carrier
from connectors.salesforce.client import Ask, Client, Denied, RefusedCall, UnknownName
from connectors.salesforce.cursor import WHOLE, Cursor, Names
from connectors.salesforce.fields import instant
from connectors.salesforce.lanes import Lanes
from connectors.salesforce.schema import Schema
from connectors.salesforce.streams import Stream, Streams
from connectors.salesforce.walk import TOO_SLOW

QUERIES_PER_CALL = 5
_LOOKED_AT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Opening:
    """The streams of a window with their first answers, by name; ``troubles``: what the org does not show."""

    streams: Sequence[Stream]
    answers: dict[str, Any] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()

    @property
    def has_news(self) -> bool:
        return any(isinstance(one, dict) and one["records"] for one in self.answers.values())


class Opener:
    """Opens windows on one org."""

    def __init__(self, client: Client, lanes: Lanes, schema: Schema, streams: Streams) -> None:
        self._client = client
        self._lanes = lanes
        self._schema = schema
        self._streams = streams
        self._hidden: Names = {}

    @property
    def carrier(self) -> Carrier:
        """What carries the clocks in this org."""
        return self._streams.carrier

    def lead_fields(self) -> tuple[str, ...]:
        """The lead fields that the org shows, as far as is known by now."""
        return self._streams.lead_fields({**self._hidden, **self._schema.hidden(self._streams.wanted())})

    def streams(self) -> list[Stream]:
        """What there is to read, as far as is known by now."""
        return list(self._streams.shown({**self._hidden, **self._schema.hidden(self._streams.wanted())}))

    def look_at_leads(self) -> None:
        """Find out which lead fields the org shows, after it has refused one."""
        self._schema.look(self._streams.wanted(), [self.carrier.object])

    def open(self, place: Cursor) -> Opening:
        """Ask for what is left of ``place``; what the org hides, and has shown completely, is noted there."""
        now, wanted = parse_instant(place.until), self._streams.wanted()
        remembered, known = place.unseen(now), self._schema.hidden(wanted)
        hidden = {**remembered, **known}
        chosen = self._left(hidden, place)
        answers = self._as_if(hidden, place, chosen)
        refused = _refused(chosen, answers)
        if refused:
            self._schema.look(wanted, refused)
            hidden |= self._schema.hidden(wanted)
            left = [one for one in self._left(hidden, place) if one.object in refused]
            answers |= self._as_if(hidden, place, left)
        self._refuse_leads_in_part(hidden)
        for one in self._left(hidden, place):
            if isinstance(answers[one.name], Denied) and one.name != self.carrier.object:
                hidden[one.object] = frozenset({WHOLE})
            elif _is_refusal(answers[one.name]):
                raise answers[one.name]
        is_news = refused or known or not remembered
        missing = place.hide(hidden, now) if is_news else []
        self._hidden = hidden
        return Opening(self._left(hidden, place), answers, tuple(self._told(one) for one in missing))

    def _refuse_leads_in_part(self, hidden: Names) -> None:
        """Nothing is judged by what is not shown: an opt-out that is hidden looks like none."""
        own = self.carrier.object
        unseen = hidden.get(own, frozenset())
        lacking = [one for one in self._streams.judged_by if one in unseen] or sorted({WHOLE} & unseen)
        if lacking:
            names = ", ".join(own if one == WHOLE else f"{own}.{one}" for one in lacking)
            raise UnknownName(
                f"{self._client.name}: Salesforce does not show {names} to our user, so no lead can be"
                " judged; grant read access in a permission set, or take it out of the mapping"
            )

    def _left(self, hidden: Names, place: Cursor) -> list[Stream]:
        return [one for one in self._streams.shown(hidden) if one.name not in place.done]

    def _as_if(self, hidden: Names, place: Cursor, streams: Sequence[Stream]) -> dict[str, Any]:
        """The first answers if no more than this is hidden: what is shown again is read from longer ago."""
        asked = replace(place, again=place.shown_again(hidden))
        found = self._ask(asked, streams)
        place.covered = asked.covered
        return found

    def _ask(self, place: Cursor, streams: Sequence[Stream]) -> dict[str, Any]:
        """The first answers. A stream whose bulk query is under way has none."""
        asked = [one for one in streams if one.name not in place.jobs]
        groups = [asked[start : start + QUERIES_PER_CALL] for start in range(0, len(asked), QUERIES_PER_CALL)]
        further = [self._begin(place, group) for group in groups[1:]]
        found = dict.fromkeys((one.name for one in streams), None)
        bodies = [self._call(self._client, place, group) for group in groups[:1]]
        for group, answers in zip(groups, [*bodies, *(one.result() for one in further)], strict=True):
            found |= {one.name: answer for one, answer in zip(group, answers, strict=False)}
            for covered in answers[len(group) :]:
                if isinstance(covered, dict) and "latestDateCovered" in covered:
                    place.cover(str(covered["latestDateCovered"]))
        return found

    def _begin(self, place: Cursor, streams: Sequence[Stream]) -> Future[list[Any]]:
        return self._lanes.begin(lambda client: self._call(client, place, streams))

    def _call(self, client: Client, place: Cursor, streams: Sequence[Stream]) -> list[Any]:
        """A query for each stream, and for each object how far no running transaction can change anything."""
        queries = [Ask.query(one.soql(place.span(one.name)), deleted=one.deleted) for one in streams]
        until = parse_instant(place.until)
        bounds = urlencode({"start": instant(until - _LOOKED_AT), "end": instant(until)})
        names = dict.fromkeys(one.object for one in streams)
        try:
            return client.ask([*queries, *(Ask(f"sobjects/{name}/updated?{bounds}") for name in names)])
        except GivenUp:
            raise
        except Unavailable:
            if place.since or len(streams) == 1:
                raise
        return [_alone(client, place, one) for one in streams]  # a first load may be too much for one answer

    def _told(self, name: str) -> str:
        what = "this signal is off" if "." not in name else "it is left out"
        return f"{self._client.name}: Salesforce does not show {name} to our user; {what} until it does"


def _alone(client: Client, place: Cursor, stream: Stream) -> Any:
    """The first page of one stream, or what it was refused with."""
    try:
        return client.query(stream.soql(place.span(stream.name)), deleted=stream.deleted)
    except (UnknownName, Denied, RefusedCall) as error:
        return error


def _refused(streams: Iterable[Stream], answers: dict[str, Any]) -> list[str]:
    """The objects of which something is not shown."""
    unknown = (one.object for one in streams if isinstance(answers[one.name], UnknownName | Denied))
    return list(dict.fromkeys(unknown))


def _is_refusal(answer: Any) -> bool:
    """Not one that only asks for a smaller question."""
    if isinstance(answer, RefusedCall) and answer.code in TOO_SLOW:
        return False
    return isinstance(answer, CrmError)
