"""What happens after the handover: sales answers in time, late, at night, without a trace, or never.

Each scene takes a fresh ``Plot``. Hours are working hours of the owner; the story's people count four
of them as the time to answer (two after a hand-raise).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from localcrm import working_time
from localcrm.marketing_scenes import announce, assign, hand_over, mailing, raise_hand, some_interest
from localcrm.plot import Plot
from localcrm.staff import AUTOMATION, AWAY, BERLIN, GONE, MANAGER, sellers

# How often a company gives which reason: after real B2B rejections, nurture-type and never-type apart.
_RECYCLE = {"not reachable": 40, "wrong timing": 30, "no reply": 12, "no budget": 10, "no time": 8}
_DISQUALIFY = {
    "not a buyer": 48,
    "no need": 20,
    "competitor": 14,
    "wrong contact data": 13,
    "student or applicant": 5,
}
_CALLED = ("connected", "left voicemail", "no answer", "busy")
_DAY = timedelta(days=1)
_QUARTER = timedelta(minutes=15)


def some_time_ago(plot: Plot, least: float = 4, most: float = 34) -> datetime:
    """A handover instant between so many days ago: mostly in working hours, at times in the evening."""
    day = plot.until - plot.rng.uniform(least, most) * _DAY
    hour = plot.rng.uniform(9, 16.5) if plot.rng.random() < 0.85 else plot.rng.uniform(17.5, 22)
    return min(working_time.at_local(day, hour, BERLIN), plot.until - least * _DAY)


def _reason(plot: Plot, table: dict[str, int]) -> str:
    return plot.rng.choices(list(table), list(table.values()))[0]


def _call(plot: Plot, at: datetime, outcome: str = "") -> None:
    plot.touch("call", at, "Call", by=plot.owner, outcome=outcome or plot.rng.choice(_CALLED))


def _mail(plot: Plot, at: datetime) -> None:
    plot.touch("email", at, "Your request", by=plot.owner)


def _accept(plot: Plot, hours: float) -> None:
    """The owner calls and accepts so many working hours after the handover."""
    at = plot.working(hours)
    _call(plot, at - min(_QUARTER, at - plot.handed_over_at))
    plot.move("accepted", at, plot.owner)


def _follow_up(plot: Plot) -> None:
    at = plot.later(2, 20)
    _mail(plot, at)
    if plot.rng.random() < 0.6:
        plot.touch("meeting", at + plot.rng.uniform(1, 4) * _DAY, "First meeting", by=plot.owner)
    if plot.rng.random() < 0.5:
        plot.touch("email_reply", at + timedelta(hours=plot.rng.uniform(1, 30)), "Re: Your request")


def _qualify(plot: Plot) -> None:
    _accept(plot, plot.rng.uniform(0.2, 3.6))
    _follow_up(plot)
    plot.touch("meeting", plot.later(4, 16), "Needs analysis", by=plot.owner)
    plot.move("qualified", plot.later(16, 24), plot.owner)


def accepted_in_time(plot: Plot) -> None:
    """Answered and accepted within the agreed time."""
    hand_over(plot, some_time_ago(plot))
    _accept(plot, plot.rng.uniform(0.2, 3.7))
    _follow_up(plot)


def accepted_late(plot: Plot) -> None:
    """Accepted, but after the time was over."""
    hand_over(plot, some_time_ago(plot, 6))
    _accept(plot, plot.rng.uniform(4.5, 22))
    _follow_up(plot)


def answered_at_night(plot: Plot) -> None:
    """Handed over in the afternoon, answered from the sofa."""
    at = working_time.at_local(some_time_ago(plot, 5), plot.rng.uniform(15, 16.8), BERLIN)
    hand_over(plot, min(at, plot.until - 2 * _DAY), rep=plot.rng.choice(sellers("DE")))
    night = working_time.at_local(plot.handed_over_at, plot.rng.uniform(21.5, 23.5), BERLIN)
    _mail(plot, night)
    plot.move("accepted", night + timedelta(minutes=3), plot.owner)


def call_only(plot: Plot) -> None:
    """Called, but nobody touched the status."""
    hand_over(plot, some_time_ago(plot))
    for hours in sorted(plot.rng.uniform(0.3, 20) for _ in range(plot.rng.randint(1, 3))):
        _call(plot, plot.working(hours))


def email_only(plot: Plot) -> None:
    """Written to by a person, no status."""
    hand_over(plot, some_time_ago(plot))
    _mail(plot, plot.working(plot.rng.uniform(0.3, 9)))


def follow_up_planned(plot: Plot) -> None:
    """No time today: the rep wrote down a task for later, and called then, or not."""
    hand_over(plot, some_time_ago(plot, 1))
    at = plot.working(plot.rng.uniform(0.3, 3.5))
    is_done = plot.rng.random() < 0.5
    plot.touch("task", at, "Call back", by=plot.owner, outcome="completed" if is_done else "")
    if is_done:
        _call(plot, at + timedelta(minutes=20))


def automatic_only(plot: Plot) -> None:
    """Only a machine answered."""
    hand_over(plot, some_time_ago(plot))
    mailing(plot, plot.working(0.2), clicks=1)


def forgotten(plot: Plot) -> None:
    """Nobody ever did anything."""
    hand_over(plot, some_time_ago(plot))


def qualified(plot: Plot) -> None:
    """Accepted, worked, qualified."""
    hand_over(plot, some_time_ago(plot, 16, 36))
    _qualify(plot)


def opportunity(plot: Plot) -> None:
    """A deal was opened."""
    hand_over(plot, some_time_ago(plot, 20, 36))
    _qualify(plot)
    plot.move("opportunity", plot.later(4, 24), plot.owner)


def won(plot: Plot) -> None:
    """A customer now."""
    hand_over(plot, some_time_ago(plot, 30, 38))
    _qualify(plot)
    plot.move("opportunity", plot.later(2, 12), plot.owner)
    plot.touch("meeting", plot.later(4, 12), "Offer", by=plot.owner)
    plot.move("customer", plot.later(16, 40), plot.owner)


def recycled(plot: Plot) -> None:
    """Not now, with a reason."""
    hand_over(plot, some_time_ago(plot, 8))
    for hours in (plot.rng.uniform(0.5, 3), plot.rng.uniform(6, 12)):
        _call(plot, plot.working(hours), "no answer")
    plot.move("recycled", plot.later(13, 24), plot.owner, _reason(plot, _RECYCLE))


def disqualified(plot: Plot) -> None:
    """Never a customer, with a reason."""
    hand_over(plot, some_time_ago(plot, 6))
    _call(plot, plot.working(plot.rng.uniform(0.5, 5)), "connected")
    plot.move("disqualified", plot.later(5, 12), plot.owner, _reason(plot, _DISQUALIFY))


def returned(plot: Plot) -> None:
    """Recycled, warmed up again, handed over again."""
    hand_over(plot, some_time_ago(plot, 24, 34))
    _call(plot, plot.working(plot.rng.uniform(0.5, 3)), "connected")
    plot.move("recycled", plot.later(1, 10), plot.owner, _reason(plot, _RECYCLE))
    back = plot.later(50, 70)
    some_interest(plot, plot.changes[-1].at + _DAY, back)
    announce(plot, back)
    plot.handed_over_at = back
    if plot.rng.random() < 0.5:
        _accept(plot, plot.rng.uniform(0.5, 6))


def backdated_call(plot: Plot) -> None:
    """Called in time, written down the day after."""
    hand_over(plot, some_time_ago(plot, 6))
    at = plot.working(plot.rng.uniform(0.5, 3))
    plot.touch("call", at, "Call", by=plot.owner, outcome="connected", logged_at=at + _DAY)


def reassigned(plot: Plot) -> None:
    """The manager gave it to somebody else after the first let it lie."""
    hand_over(plot, some_time_ago(plot, 8))
    others = [key for key in sellers(plot.person.country) if key != plot.owner]
    plot.give(plot.rng.choice(others), plot.working(plot.rng.uniform(5, 10)), MANAGER)
    plot.handed_over_at = plot.changes[-1].at
    _accept(plot, plot.rng.uniform(0.5, 6))


def taken_from_queue(plot: Plot) -> None:
    """Waited in the queue until a rep took it."""
    hand_over(plot, some_time_ago(plot, 6), to_queue=True)
    rep = plot.rng.choice(sellers(plot.person.country))
    plot.give(rep, plot.working(plot.rng.uniform(0.5, 8)), rep)
    _call(plot, plot.later(0.2, 2))


def left_in_queue(plot: Plot) -> None:
    """Still in the queue."""
    hand_over(plot, working_time.before(plot.until, plot.rng.uniform(1, 12), BERLIN), to_queue=True)


def on_holiday(plot: Plot) -> None:
    """Its owner is away."""
    hand_over(plot, working_time.before(plot.until, plot.rng.uniform(5, 18), BERLIN), rep=AWAY)


def owner_left(plot: Plot) -> None:
    """Its owner has left the company."""
    hand_over(plot, some_time_ago(plot, 5, 20), rep=GONE)


def hand_raise_answered(plot: Plot) -> None:
    """Asked for a call and got one soon."""
    raise_hand(plot, some_time_ago(plot))
    _accept(plot, plot.rng.uniform(0.2, 1.8))
    _follow_up(plot)


def hand_raise_late(plot: Plot) -> None:
    """Asked for a call and waited."""
    raise_hand(plot, some_time_ago(plot, 6))
    _accept(plot, plot.rng.uniform(2.5, 14))


def _open(plot: Plot, least: float, most: float, *, raised: bool = False) -> None:
    """Handed over so many of the rep's working hours before the story ends, and unanswered."""
    rep = plot.rng.choice(sellers(plot.person.country))
    at = working_time.before(plot.until, plot.rng.uniform(least, most), plot.staff.zone(rep))
    if raised:
        raise_hand(plot, at, rep=rep)
    else:
        hand_over(plot, at, rep=rep)


def running(plot: Plot) -> None:
    """Time is left."""
    _open(plot, 0.2, 2.6)


def at_risk(plot: Plot) -> None:
    """In the last quarter of its time."""
    _open(plot, 3.1, 3.7)


def breached(plot: Plot) -> None:
    """The time ran out lately."""
    _open(plot, 4.5, 18)


def hand_raise_running(plot: Plot) -> None:
    """A fresh hand-raise."""
    _open(plot, 0.1, 1.2, raised=True)


def hand_raise_at_risk(plot: Plot) -> None:
    """A hand-raise in the last quarter of its two hours."""
    _open(plot, 1.55, 1.8, raised=True)


def nearly_accepted(plot: Plot) -> None:
    """Accepted today; the follow-up is still open."""
    rep = plot.rng.choice(sellers(plot.person.country))
    at = working_time.before(plot.until, plot.rng.uniform(6, 16), plot.staff.zone(rep))
    hand_over(plot, at, rep=rep)
    _accept(plot, plot.rng.uniform(0.4, 3))


def given_by_machine(plot: Plot) -> None:
    """Moved from rep to rep by automation only: no proof that anybody looked."""
    hand_over(plot, some_time_ago(plot, 5))
    others = [key for key in sellers(plot.person.country) if key != plot.owner]
    plot.give(plot.rng.choice(others), plot.working(plot.rng.uniform(1, 3)), AUTOMATION)
    if plot.rng.random() < 0.3:
        assign(plot, plot.later(4, 8))
