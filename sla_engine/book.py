"""The book of agreements: which one covers a lead, and which version was in force when.

A clock keeps the version it was opened under: a new agreement never rewrites a running or past
deadline. What is asked of a lead now (data, fit, interest) is the newest version's business. Not here:
how versions are kept (``sync``), or what is in one (``agreement``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sla_engine.agreement import Agreement
from sla_engine.model import LeadHistory
from sla_engine.situation import Circumstances


@dataclass(frozen=True, slots=True)
class Chapter:
    """All versions of one agreement: the newest, and what was in force before, oldest first.

    ``earlier`` holds (version, the instant it was replaced, aware UTC).

    >>> from sla_engine.examples import agreed, later
    >>> chapter = Chapter(agreed(), ((agreed(name="old"), later(0)),))
    >>> [(one.name, until and until.hour) for one, _, until in chapter.in_force()]
    [('old', 9), ('example', None)]
    >>> chapter.at(later(-1)).name, chapter.at(later(0)).name
    ('old', 'example')
    """

    current: Agreement
    earlier: tuple[tuple[Agreement, datetime], ...] = ()

    def at(self, instant: datetime) -> Agreement:
        """The version in force at an instant."""
        for agreement, replaced in self.earlier:
            if instant < replaced:
                return agreement
        return self.current

    def in_force(self) -> Iterator[tuple[Agreement, datetime | None, datetime | None]]:
        """(agreement, from, until) in time order, half-open, None: no bound."""
        since: datetime | None = None
        for agreement, replaced in self.earlier:
            yield agreement, since, replaced
            since = replaced
        yield self.current, since, None


@dataclass(frozen=True, slots=True)
class Book:
    """Every agreement in one configuration, the more special first; at least one.

    >>> from sla_engine.examples import agreed, handed_over, later
    >>> french = agreed(name="french", scope=[{"field": "country", "is": "FR"}])
    >>> book = Book.of(french, agreed())
    >>> book.covering(handed_over(country="DE"), later(1)).current.name
    'example'
    >>> book.covered(handed_over(country="FR"), later(1)).current.name, book.version(french.version).name
    ('french', 'french')
    >>> [one.name for one in book.agreements], book.is_simple
    (['french', 'example'], False)
    """

    chapters: tuple[Chapter, ...]

    @classmethod
    def of(cls, *agreements: Agreement) -> Book:
        """A book without a past: the newest versions only."""
        return cls(tuple(Chapter(one) for one in agreements))

    def covering(self, history: LeadHistory, now: datetime) -> Chapter | None:
        """The first whose scope the lead is in at ``now`` (aware); None: nobody agreed anything about it.

        A scope that cannot be told from the lead's fields does not cover it.
        """
        return self._first(history, now, [chapter.current for chapter in self.chapters])

    def covered(self, history: LeadHistory, instant: datetime) -> Chapter | None:
        """The first whose scope, as it was in force at an instant, the lead was in then."""
        return self._first(history, instant, [chapter.at(instant) for chapter in self.chapters])

    def _first(
        self, history: LeadHistory, instant: datetime, versions: Sequence[Agreement]
    ) -> Chapter | None:
        for chapter, agreement in zip(self.chapters, versions, strict=True):
            if not agreement.scope:
                return chapter
            if agreement.covers(Circumstances(history, agreement, instant)) is True:
                return chapter
        return None

    @property
    def is_simple(self) -> bool:
        """One agreement for every lead, without a past."""
        first = self.chapters[0]
        return len(self.chapters) == 1 and not first.earlier and not first.current.scope

    def version(self, name: str) -> Agreement:
        """The version called ``name``, of whichever agreement. Raises KeyError when there is none."""
        for chapter in self.chapters:
            for agreement, _, _ in chapter.in_force():
                if agreement.version == name:
                    return agreement
        raise KeyError(name)

    @property
    def agreements(self) -> Sequence[Agreement]:
        """The newest version of each, the more special first."""
        return [chapter.current for chapter in self.chapters]
