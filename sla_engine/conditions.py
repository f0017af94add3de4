"""Conditions: typed tests on a lead, and whether they hold: yes, no, or cannot tell (None).

Not an expression language: a field and an operator, an activity that has happened, a band of interest,
a score, and any, all, not over those. Empty data means "cannot tell", and so does "not" of it. Not here:
what a lead looks like at an instant (``situation.Circumstances``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Protocol

from pydantic import Field, model_validator

from sla_engine.model import Activity, ActivityKind, Value
from sla_engine.parts import Part
from sla_engine.verdict import BANDS, InterestBand

Answer = bool | None


class Circumstances(Protocol):
    """What a condition may ask about a lead at one instant; ``situation`` has the real one.

    >>> from sla_engine import situation
    >>> from sla_engine.examples import agreed, done, handed_over, later
    >>> lead = situation.Circumstances(handed_over(done("call", 1), country="DE"), agreed(), later(2))
    >>> lead.fields["country"], lead.band.value, lead.score, len(list(lead.of_kind(ActivityKind.CALL)))
    ('DE', 'none', 20, 1)
    >>> lead.instant == later(2), [one.at == later(1) for one in lead.newest({ActivityKind.CALL})]
    (True, [True])
    """

    @property
    def instant(self) -> datetime:
        """The instant itself (aware)."""

    @property
    def fields(self) -> Mapping[str, Value]:
        """The lead's fields by our name, as they were then."""

    def of_kind(self, kind: ActivityKind) -> Iterator[Activity]:
        """What counts of this kind and had happened by then."""

    def newest(self, kinds: Container[ActivityKind]) -> Iterator[Activity]:
        """What counts of these kinds and had happened by then, the newest first."""

    @property
    def band(self) -> InterestBand:
        """The band of interest by then."""

    @property
    def score(self) -> int | None:
        """The score by then, 0 to 100; None: this lead is routed without it."""


Test = Callable[[Circumstances], Answer]


class Condition(Part):
    """One test, or several under ``any``, ``all`` or ``not``.

    ``field`` with one of ``is``, ``in``, ``at_least``, ``at_most``, ``matches`` (a regular
    expression found anywhere) or ``missing``; ``activity`` (has happened; ``content`` narrows it
    by a regular expression); ``interest`` (at least this band); ``score`` (at least so much; a lead that is
    held out cannot tell).
    Texts are equal in capital and small letters. Raises ValueError for none or several tests at once.

    >>> from sla_engine.examples import agreed, handed_over, later
    >>> from sla_engine.situation import Circumstances
    >>> large = Condition.model_validate({"field": "employees", "at_least": 50})
    >>> large.holds(Circumstances(handed_over(), agreed(), later(0))) is None  # nobody knows how many
    True
    >>> Condition.model_validate({"not": {"score": 50}}).inner[0].score
    50
    """

    field: str = ""
    is_: str | float | bool | None = Field(None, alias="is")
    in_: tuple[str, ...] | None = Field(None, alias="in")
    at_least: float | None = None
    at_most: float | None = None
    matches: re.Pattern[str] | None = None
    missing: bool | None = None
    activity: ActivityKind | None = None
    content: re.Pattern[str] | None = None
    interest: InterestBand | None = None
    score: int | None = None
    any_: tuple[Condition, ...] | None = Field(None, alias="any")
    all_: tuple[Condition, ...] | None = Field(None, alias="all")
    not_: Condition | None = Field(None, alias="not")

    @model_validator(mode="after")
    def _one_test(self) -> Condition:
        operators = (self.is_, self.in_, self.at_least, self.at_most, self.matches, self.missing)
        given = sum(operator is not None for operator in operators)
        kinds = (self.activity, self.interest, self.score, self.any_, self.all_, self.not_)
        others = sum(kind is not None for kind in kinds)
        if self.content is not None and self.activity is None:
            raise ValueError("`content` belongs to an `activity`")
        if others + bool(self.field) != 1:
            raise ValueError("name exactly one of: field, activity, interest, score, any, all, not")
        if given != bool(self.field):
            raise ValueError("a `field` needs one of: is, in, at_least, at_most, matches, missing")
        return self

    @property
    def inner(self) -> tuple[Condition, ...]:
        """The conditions under ``any``, ``all`` or ``not``."""
        return (*(self.any_ or ()), *(self.all_ or ()), *((self.not_,) if self.not_ else ()))

    @cached_property
    def holds(self) -> Test:
        """The test itself, compiled once: True, False, or None for cannot tell."""
        if self.any_ is not None:
            return _any([one.holds for one in self.any_])
        if self.all_ is not None:
            return _all([one.holds for one in self.all_])
        if self.not_ is not None:
            return _not(self.not_.holds)
        if self.field:
            return self._field_test()
        return self._lead_test()

    def _lead_test(self) -> Test:
        activity, content, band, score = self.activity, self.content, self.interest, self.score
        if band is not None:
            enough = BANDS[BANDS.index(band) :]
            return lambda lead: lead.band in enough
        if score is not None:
            return lambda lead: None if (had := lead.score) is None else had >= score
        assert activity is not None  # noqa: S101 - the validator left nothing else
        if content is None:
            return lambda lead: next(lead.of_kind(activity), None) is not None
        return lambda lead: any(content.search(one.content) for one in lead.of_kind(activity))

    def _field_test(self) -> Test:
        name = self.field
        if self.missing is not None:
            missing = self.missing
            return lambda lead: (lead.fields.get(name) in (None, "")) is missing
        test = self._value_test()

        def judged(lead: Circumstances) -> Answer:
            value = lead.fields.get(name)
            return None if value is None or value == "" else test(value)

        return judged

    def _value_test(self) -> Callable[[Value], bool]:
        if self.matches is not None:
            search = self.matches.search
            return lambda value: search(str(value)) is not None
        if self.is_ is not None or self.in_ is not None:
            wanted = {_folded(one) for one in (self.in_ if self.in_ is not None else (self.is_,))}
            return lambda value: _folded(value) in wanted
        low = float("-inf") if self.at_least is None else self.at_least
        high = float("inf") if self.at_most is None else self.at_most
        return lambda value: isinstance(value, int | float) and low <= value <= high


def asks_for_score(condition: Condition) -> bool:
    """Whether the condition, or one inside it, asks for a score.

    >>> asks_for_score(Condition.model_validate({"not": {"score": 50}}))
    True
    """
    return condition.score is not None or any(asks_for_score(one) for one in condition.inner)


def all_of(conditions: Iterable[Condition]) -> Test:
    """One test that holds when every condition does; with none it always holds.

    A sure no wins over "cannot tell".

    >>> from sla_engine.examples import agreed, handed_over, later
    >>> from sla_engine.situation import Circumstances
    >>> all_of([])(Circumstances(handed_over(), agreed(), later(0)))
    True
    """
    return _all([condition.holds for condition in conditions])


def _folded(value: Value) -> Value:
    return value.casefold() if isinstance(value, str) else value


def _all(tests: list[Test]) -> Test:
    def judged(lead: Circumstances) -> Answer:
        answer: Answer = True
        for test in tests:
            one = test(lead)
            if one is False:
                return False
            answer = answer and one
        return answer

    return judged


def _any(tests: list[Test]) -> Test:
    def judged(lead: Circumstances) -> Answer:
        answer: Answer = False
        for test in tests:
            one = test(lead)
            if one is True:
                return True
            if one is None:
                answer = None
        return answer

    return judged


def _not(test: Test) -> Test:
    def judged(lead: Circumstances) -> Answer:
        answer = test(lead)
        return None if answer is None else not answer

    return judged
