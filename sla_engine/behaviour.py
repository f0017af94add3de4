"""What a lead did that can be worth points, and how much of it is left: interest as a function of time.

What counts: behaviour with a ground to score it (consent), worth points, within the caps, not made by
a mail scanner, after the last opting out, and not by mail to an address that bounced since. A band changes
only at instants that can be told ahead, so a verdict can say until when it holds. Not here: what each
activity is worth (``interest``).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from sla_engine.interest import BEHAVIOUR, BY_ITSELF, Cap, InterestModel, band_of
from sla_engine.model import Activity, ActivityKind, LeadHistory, Value
from sla_engine.scanners import scanner_clicks
from sla_engine.verdict import Interest, InterestBand, Signal, Trend

_PERIODS: Mapping[str, Callable[[datetime], int]] = {
    "day": datetime.toordinal,
    "week": lambda at: (at.toordinal() - 1) // 7,  # the first day of all was a Monday
    "month": lambda at: at.year * 12 + at.month,
}
_CLICK, _OPT_OUT, _SENT = ActivityKind.EMAIL_CLICK, ActivityKind.OPT_OUT, ActivityKind.AUTOMATIC_EMAIL
_BOUNCE = ActivityKind.BOUNCE
_BY_MAIL = frozenset({ActivityKind.EMAIL_OPEN, ActivityKind.EMAIL_CLICK})
_SHOWN = 3

Counted = Sequence[tuple[datetime, float, Activity]]


class Behaviour:
    """What a lead did that can be worth points, looked through once, for any number of questions.

    ``fields``: those that tell what may be scored (None: the lead's own). All instants are aware, in
    UTC; a day, week or month of a cap begins at midnight UTC.

    >>> from sla_engine.examples import done, handed_over, later
    >>> visits = handed_over(*(done("page_visit", hours, by="lead") for hours in (0, 1, 2)))
    >>> model = InterestModel.model_validate({"points": {"page_visit": 2}})
    >>> did = Behaviour(visits, model)
    >>> did.band_at(later(2)).value, [one.at.hour for one in did.signals(later(1))]
    ('low', [10, 9])
    >>> [points for _, points, _ in did.counted(later(1))], did.interest(later(2)).trend.value
    ([2.0, 2.0], 'rising')
    >>> did.counts(visits.activities[0], later(2), for_score=True), did.next_turn(later(2)) == later(14 * 24)
    (True, True)
    """

    __slots__ = (
        "_answer",
        "_asked_last",
        "_bounces",
        "_clicks",
        "_fields",
        "_history",
        "_machines",
        "_machines_at",
        "_model",
        "_opt_outs",
        "_scored",
        "_sent",
        "_simply",
    )

    def __init__(
        self, history: LeadHistory, model: InterestModel, fields: Mapping[str, Value] | None = None
    ) -> None:
        self._history = history
        self._model = model
        self._fields = fields = history.lead.fields if fields is None else fields
        kinds = model.scored_kinds
        if fields.get("email_opt_out") is True:
            kinds &= BY_ITSELF
        self._scored: list[Activity] = []
        self._clicks: list[Activity] = []
        self._sent: list[datetime] = []
        self._opt_outs: list[datetime] = []
        self._bounces: list[datetime] = []
        for one in history.activities:
            kind = one.kind
            if kind in kinds and one.planned_for is None:
                if kind is _CLICK:
                    self._clicks.append(one)
                if one.consent == "declared" or fields.get(one.consent) is True:
                    self._scored.append(one)
            elif kind is _OPT_OUT:
                self._opt_outs.append(one.at)
            elif kind is _SENT:
                self._sent.append(one.at)
            elif kind is _BOUNCE:
                self._bounces.append(one.at)
            elif kind is _CLICK:
                self._clicks.append(one)
        self._simply: Counted | None = None
        self._machines: set[str] = set()
        self._machines_at: datetime | None = None
        self._asked_last: tuple[datetime, datetime | None] | None = None
        self._answer: Counted = ()

    def interest(self, now: datetime, since: datetime | None = None) -> Interest:
        """Interest at ``now`` from everything up to then (and after ``since``, if given)."""
        model = self._model
        points, trend = faded(self.counted(now, since), model.half_life, now)
        readable = self._history.behaviour_readable
        return Interest(points, now, model.half_life, band_of(points, model.bands), trend, readable)

    def signals(self, now: datetime) -> tuple[Signal, ...]:
        """The latest things that count at ``now``, newest first, three at the most."""
        return tuple(
            [Signal(one.kind, at, one.content) for at, _, one in self.counted(now)[: -_SHOWN - 1 : -1]]
        )

    def band_at(self, instant: datetime) -> InterestBand:
        """The band at an instant of the past, by what was known then."""
        points, _ = faded(self.counted(instant), self._model.half_life, instant)
        return band_of(points, self._model.bands)

    def counted(self, now: datetime, since: datetime | None = None) -> Counted:
        """(instant, raw points after the caps, activity) of all that counts at ``now``, in time order."""
        if self._asked_last != (now, since):
            self._answer, self._asked_last = self._count(now, since), (now, since)
        return self._answer

    def _count(self, now: datetime, since: datetime | None) -> Counted:
        ended = max((at for at in self._opt_outs if at <= now), default=since) if self._opt_outs else since
        if since is not None and ended is not None:
            ended = max(ended, since)
        clicks = self._by_machines(now) if self._clicks else ()
        bounced = max((at for at in self._bounces if at <= now), default=None) if self._bounces else None
        if ended is not None or clicks or bounced is not None:
            left = [one for one in self._scored if one.id not in clicks]
            if bounced is not None:  # who cannot be reached there has no interest left from there
                left = [one for one in left if one.kind not in _BY_MAIL or one.at > bounced]
            return self._earned(left, ended, now)
        if self._simply is None:
            self._simply = self._earned(self._scored, None, None)
        earned = self._simply
        return earned if not earned or earned[-1][0] <= now else [one for one in earned if one[0] <= now]

    def counts(self, one: Activity, now: datetime, *, for_score: bool) -> bool:
        """Whether a condition may see an activity at ``now``.

        Not what a machine clicked, nor what was tracked without a ground. What a lead does on its own
        account is seen also without one, but never for a score.
        """
        if one.kind not in BEHAVIOUR:
            return True
        if one.kind is _CLICK and one.id in self._by_machines(now):
            return False
        if one.consent == "declared" or self._fields.get(one.consent) is True:
            return True
        return one.kind in BY_ITSELF and not for_score

    def _by_machines(self, now: datetime) -> set[str]:
        """Ids of clicks that a machine made, found once for an instant."""
        if self._machines_at != now:
            self._machines = scanner_clicks(self._clicks, self._sent, self._model.scanners, now)
            self._machines_at = now
        return self._machines

    def next_turn(self, now: datetime) -> datetime | None:
        """The first instant after ``now`` at which the trend may turn without new behaviour."""
        half_life, scored = self._model.half_life, self._scored
        if not scored or scored[-1].at + 2 * half_life <= now:
            return None
        instants = [one.at for one in scored]
        turns = []
        for span in (half_life, 2 * half_life):
            leaving = bisect_right(instants, now - span)
            if leaving < len(instants):
                turns.append(instants[leaving] + span)
        return min(turns, default=None)

    def _earned(self, scored: list[Activity], ended: datetime | None, until: datetime | None) -> Counted:
        plain, worth_of = self._model.plain, self._model.worth
        meters = {kind: [_Meter(cap) for cap in limits] for kind, limits in self._model.caps.items()}
        found: list[tuple[datetime, float, Activity]] = []
        for one in scored:
            at, kind = one.at, one.kind
            if (ended is not None and at <= ended) or (until is not None and at > until):
                continue
            worth = plain[kind] if kind in plain else worth_of(kind, one.content)
            limits = meters.get(kind)
            if limits is not None:
                worth = _room(at, worth, limits)
            if worth > 0:
                found.append((at, worth, one))
        return found


class _Meter:
    """What one cap leaves of the period it was asked about last; asked in time order."""

    __slots__ = ("left", "most", "period", "period_of")

    def __init__(self, cap: Cap) -> None:
        self.period_of = _PERIODS[cap.per]
        self.most = self.left = cap.points
        self.period = 0


def interest_of(history: LeadHistory, model: InterestModel, now: datetime) -> Interest:
    """Interest at ``now`` (aware) from everything a lead did up to then.

    >>> from sla_engine.examples import done, handed_over, later
    >>> model = InterestModel.model_validate({"points": {"form": 20}, "half_life": "14d"})
    >>> interest_of(handed_over(done("form", 0, by="lead")), model, later(14 * 24)).points
    10.0
    """
    return Behaviour(history, model).interest(now)


def faded(spent: Counted, half_life: timedelta, now: datetime) -> tuple[float, Trend]:
    """What is left at ``now`` of points earned at their instants, and where that is going.

    The trend holds the points of the last half-life against those of the one before: a fifth is no change.
    Nothing of ``spent`` may lie after ``now``.

    >>> from sla_engine.examples import done, later
    >>> faded([(later(0), 8.0, done("form", 0, by="lead"))], timedelta(hours=12), later(36))
    (1.0, <Trend.GONE: 'gone'>)
    """
    points = recent = before = 0.0
    for at, worth, _ in spent:
        age = (now - at) / half_life
        points += worth * 0.5**age
        if age < 1:
            recent += worth
        elif age < 2:
            before += worth
    if not recent and not before:
        return points, Trend.GONE
    if recent > 1.2 * before:
        return points, Trend.RISING
    return points, Trend.STEADY if recent >= 0.8 * before else Trend.FADING


def _room(at: datetime, worth: float, meters: list[_Meter]) -> float:
    """What every cap leaves of points earned at an instant; they are then spent."""
    for meter in meters:
        period = meter.period_of(at)
        if period != meter.period:
            meter.period, meter.left = period, meter.most
        if meter.left < worth:  # noqa: PLR1730 - min() costs a call in the hottest loop
            worth = meter.left
    if worth > 0:
        for meter in meters:
            meter.left -= worth
    return worth
