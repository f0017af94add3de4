"""One lead at one instant, looked at once: its way, its proofs, its owners, what conditions may ask.

Worked out only as far as somebody asks; nothing here is an opinion of its own. Not here: the answers
that are made of it (``evaluate``).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterator, Mapping
from datetime import datetime

from sla_engine.agreement import Agreement
from sla_engine.behaviour import Behaviour
from sla_engine.card import card_at
from sla_engine.fit import judge_fit
from sla_engine.history import fields_at, known_by
from sla_engine.lifecycle import entries
from sla_engine.minimum_data import missing_data
from sla_engine.model import Activity, ActivityKind, Lead, LeadHistory, Owner, OwnerChange, Value
from sla_engine.proof import Proofs
from sla_engine.rejection import Course
from sla_engine.scorecard import CardReading, read_card, score_of
from sla_engine.verdict import InterestBand


class Circumstances:
    """What a condition may ask about a lead as it was at ``instant`` (aware).

    >>> from sla_engine.examples import agreed, done, handed_over, later
    >>> lead = Circumstances(handed_over(done("call", 2)), agreed(), later(1))
    >>> list(lead.of_kind(ActivityKind.CALL))  # not called yet
    []
    >>> lead.band.value, lead.score, lead.behaviour.signals(later(1))
    ('none', 20, ())
    >>> lead.instant == later(1), list(lead.newest({ActivityKind.CALL})), lead.read_card() is None
    (True, [], True)
    """

    __slots__ = ("_agreement", "_band", "_behaviour", "_for_score", "_history", "fields", "instant")

    def __init__(
        self,
        history: LeadHistory,
        agreement: Agreement,
        instant: datetime,
        behaviour: Behaviour | None = None,
        *,
        for_score: bool = False,
    ) -> None:
        self._history = history
        self._agreement = agreement
        self.instant = instant
        self._behaviour = behaviour
        self._for_score = for_score
        self._band: InterestBand | None = None
        self.fields: Mapping[str, Value] = fields_at(history, instant)

    @property
    def behaviour(self) -> Behaviour:
        """What the lead did that can be worth points, under this agreement."""
        if self._behaviour is None:
            self._behaviour = Behaviour(self._history, self._agreement.interest, self.fields)
        return self._behaviour

    def of_kind(self, kind: ActivityKind) -> Iterator[Activity]:
        """What counts of this kind and had happened by then."""
        for one in self._history.activities:
            if one.kind is not kind or one.planned_for is not None:
                continue  # what is planned is not done
            if one.at > self.instant:
                return
            if self.behaviour.counts(one, self.instant, for_score=self._for_score):
                yield one

    def newest(self, kinds: Container[ActivityKind]) -> Iterator[Activity]:
        """What counts of these kinds and had happened by then, the newest first."""
        instant = self.instant
        for one in reversed(self._history.activities):
            if one.kind not in kinds or one.planned_for is not None or one.at > instant:
                continue
            if self.behaviour.counts(one, instant, for_score=self._for_score):
                yield one

    @property
    def band(self) -> InterestBand:
        """The band of interest by then."""
        if self._band is None:
            self._band = self.behaviour.band_at(self.instant)
        return self._band

    @property
    def score(self) -> int | None:
        """The score by then, 0 to 100, by what was known and which card was in force then; None: held out."""
        if self._agreement.scoring.holds_out(self._history.lead.id):
            return None
        mine = Circumstances(self._history, self._agreement, self.instant, self.behaviour, for_score=True)
        fit, reasons = judge_fit(self._agreement.fit, mine)
        reading = mine.read_card()
        if reading is not None:
            return reading.score(fit)
        known = known_by(self._history, self.instant)
        is_known = not missing_data(known, self._agreement.minimum)
        return score_of(fit, reasons, self.band, has_minimum_data=is_known)

    def read_card(self) -> CardReading | None:
        """What the card in force then says; None: there was none. Ask one that is for a score."""
        card = card_at(self._agreement.cards, self.instant)
        return None if card is None else read_card(card, self)


class Situation:
    """A lead's history known by ``now`` (aware UTC), under ``agreement``.

    ``history`` must hold nothing later (``history.known_by``).

    >>> from sla_engine.examples import agreed, given, handed_over, later
    >>> passed_on = Situation(handed_over(given("bob", 2), given("eva", 4)), agreed(), later(9))
    >>> passed_on.holder_at(later(3)).id, passed_on.owner.id
    ('bob', 'eva')
    >>> [holder for holder, _, _ in passed_on.tenures(later(3), None)], passed_on.at(later(3)).score
    (['bob', 'eva'], 20)
    >>> passed_on.course.ways[0].phase.value, passed_on.behaviour.signals(later(9))
    ('mql', ())
    >>> passed_on.proofs.first(later(0), None, ("assigned",)).at == later(2)
    True
    >>> passed_on.behaviour_at(later(1)) is passed_on.behaviour  # no field changed since
    True
    """

    __slots__ = (
        "_behaviour",
        "_behaviours",
        "_consent_changes",
        "_course",
        "_proofs",
        "agreement",
        "history",
        "lead",
        "now",
    )

    def __init__(self, history: LeadHistory, agreement: Agreement, now: datetime) -> None:
        self.history = history
        self.lead: Lead = history.lead
        self.agreement = agreement
        self.now = now
        self._behaviour: Behaviour | None = None
        self._behaviours: dict[int, Behaviour] = {}
        self._consent_changes: list[datetime] | None = [] if not history.fields else None
        self._course: Course | None = None
        self._proofs: Proofs | None = None

    def at(self, instant: datetime, *, for_score: bool = False) -> Circumstances:
        """What conditions see at ``instant`` (aware, not after ``now``)."""
        known = self.behaviour_at(instant)
        return Circumstances(self.history, self.agreement, instant, known, for_score=for_score)

    @property
    def behaviour(self) -> Behaviour:
        """What the lead did that can be worth points."""
        if self._behaviour is None:
            self._behaviour = Behaviour(self.history, self.agreement.interest)
        return self._behaviour

    def behaviour_at(self, instant: datetime) -> Behaviour:
        """The same with the consents of an instant, that none given or withdrawn later changes the past."""
        if not self.history.fields:
            return self.behaviour
        changes = self._consents
        if not changes or changes[-1] <= instant:
            return self.behaviour
        since = bisect_right(changes, instant)
        if since not in self._behaviours:
            fields = fields_at(self.history, instant)
            self._behaviours[since] = Behaviour(self.history, self.agreement.interest, fields)
        return self._behaviours[since]

    @property
    def _consents(self) -> list[datetime]:
        """When a field changed that tells whether something may be scored."""
        if self._consent_changes is None:
            grounds = {"email_opt_out", *(one.consent for one in self.history.activities)}
            self._consent_changes = [one.at for one in self.history.fields if one.field in grounds]
        return self._consent_changes

    @property
    def course(self) -> Course:
        """The lead's way through the phases."""
        if self._course is None:
            agreement = self.agreement
            hours = agreement.hours[agreement.default_hours]
            self._course = Course(entries(self.history), self.history, agreement.rejection, hours)
        return self._course

    @property
    def proofs(self) -> Proofs:
        """What proves something in the lead's history."""
        if self._proofs is None:
            self._proofs = Proofs(self.course)
        return self._proofs

    @property
    def owner(self) -> Owner | None:
        """Who has the lead now; what the CRM shows of them (zone, active) where it is the same person."""
        current = self.lead.owner
        if not self.history.owners:
            return current
        last = self.history.owners[-1]
        return current if current and current.id == last.owner else _named(last)

    def holder_at(self, instant: datetime) -> Owner | None:
        """Who had the lead at ``instant``; without any history of it, whoever has it now. None: nobody."""
        changes = self.history.owners
        if not changes:
            return self.lead.owner
        for change in reversed(changes):
            if change.at <= instant:
                return _named(change)
        return None

    def tenures(
        self, start: datetime, stop: datetime | None
    ) -> Iterator[tuple[str | None, datetime, datetime | None]]:
        """(who had the lead, from, until) from ``start`` to ``stop`` (None: open), in time order."""
        owner = self.holder_at(start)
        holder, since = owner.id if owner else None, start
        for change in self.history.owners:
            if change.at <= start:
                continue
            if stop is not None and change.at >= stop:
                break
            yield holder, since, change.at
            holder, since = change.owner, change.at
        yield holder, since, stop


def _named(change: OwnerChange) -> Owner | None:
    if change.owner is None:
        return None
    return Owner(change.owner, is_queue=change.to_queue, time_zone=change.time_zone)


def under(situation: Situation, agreement: Agreement) -> Situation:
    """The same lead at the same instant, judged by another agreement.

    >>> from sla_engine.examples import agreed, handed_over, later
    >>> under(Situation(handed_over(), agreed(), later(1)), agreed(name="older")).agreement.name
    'older'
    """
    if agreement is situation.agreement:
        return situation
    return Situation(situation.history, agreement, situation.now)
