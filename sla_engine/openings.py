"""What opens a clock: a phase entered, a lead given to somebody or left to nobody, something the lead does.

Not here: how long a clock runs and what meets it (``clock``, ``proof``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from sla_engine.lifecycle import REJECTED, Entry
from sla_engine.model import Activity, ActorKind
from sla_engine.rejection import ReasonLost
from sla_engine.situation import Situation
from sla_engine.target import Target


class Opening(NamedTuple):
    """A clock's start: ``id`` names it, ``fact_id`` the fact that opened it and so proves nothing for it.

    ``ends_at``: when it ends without an answer (UTC; None: not yet). ``unclear``: it ends with a rejection
    whose reason nobody can read any more. ``round`` counts from 1.

    >>> from sla_engine.examples import later
    >>> Opening("mql after 0 h", later(0), round=1, estimated=False, ends_at=None).unclear
    False
    """

    id: str
    at: datetime
    round: int
    estimated: bool
    ends_at: datetime | None
    unclear: bool = False
    fact_id: str = ""


Opens = Callable[[Target, Opening], bool]


def openings_of(
    targets: Sequence[Target], situation: Situation, opens: Opens
) -> Iterator[tuple[Target, Opening]]:
    """Every opening in the lead's known history that ``opens`` agrees to, with its target.

    Targets in their order, and each one's openings in time order; inbound targets of one promise together.

    >>> from sla_engine.examples import agreed, handed_over, later
    >>> from sla_engine.situation import Situation
    >>> agreement = agreed()
    >>> found = openings_of(agreement.target, Situation(handed_over(), agreement, later(1)), lambda *_: True)
    >>> [(target.phase[0].value, opening.round) for target, opening in found]
    [('mql', 1)]
    """
    inbound: dict[str, list[Target]] = {}
    seen = {entry.phase for entry in situation.course.ways}
    for target in targets:
        if target.starts == "inbound_activity":
            inbound.setdefault(target.competes_in, []).append(target)
            continue
        for stay in stays(target, situation) if seen.intersection(target.phase) else ():
            if target.starts == "phase_entered":
                if opens(target, stay):
                    yield target, stay
                continue
            for opening in _per_holder(stay, situation, somebody=target.starts == "assigned"):
                if opens(target, opening):
                    yield target, opening
    for together in inbound.values():
        yield from _per_inbound(together, situation, opens)


def stays(target: Target, situation: Situation) -> list[Opening]:
    """Times the lead spent in the target's phases, moves between these phases left out.

    A rejection that is no answer (no reason, or not tried often enough) does not end a stay, unless
    marketing hands the lead over anew.

    >>> from sla_engine.examples import agreed, entered, handed_over, later
    >>> rejections = entered("recycled", 2), entered("recycled", 2, reason="no budget")
    >>> told = [Situation(handed_over(one), agreed(), later(9)) for one in rejections]
    >>> [stays(one.agreement.target[0], one)[0].ends_at == later(2) for one in told]
    [False, True]
    """
    found: list[Opening] = []
    current: Opening | None = None
    for entry, following in pairwise((*situation.course.ways, None)):
        if entry is None:
            break
        if entry.phase in target.phase:
            if current is None and not entry.is_stray_revival:
                name = entry.id or entry.at.isoformat()
                current = Opening(name, entry.at, entry.round, entry.estimated, None, False, entry.id)
            if current and entry.left_at and (following is None or following.at != entry.left_at):
                found.append(current._replace(ends_at=entry.left_at))  # to where no stage is known
                current = None
        elif current is not None:
            try:
                left_at = _left_at(target, situation, entry, following)
            except ReasonLost:
                found.append(current._replace(ends_at=entry.at, unclear=True))
            else:
                if left_at is None:
                    continue
                found.append(current._replace(ends_at=left_at))
            current = None
    return [*found, current] if current else found


def _left_at(target: Target, situation: Situation, entry: Entry, following: Entry | None) -> datetime | None:
    """When the target's phases were left by ``entry``; None: not yet, for a rejection that is no answer.

    Such a one is left behind when marketing begins anew: until then the clock ran on.
    """
    if target.responsible != "sales" or entry.phase not in REJECTED or not _by_person(entry):
        return entry.at
    answered_at = situation.course.answered_at(entry)
    if answered_at is None and following is not None and not _by_person(following):
        return following.at
    return answered_at


def _by_person(entry: Entry) -> bool:
    return entry.change is not None and entry.change.actor_kind is ActorKind.PERSON


def _per_holder(stay: Opening, situation: Situation, *, somebody: bool) -> Iterator[Opening]:
    """One opening for each person who has the lead during the stay, or for each time nobody has.

    A queue is nobody.
    """
    now = stay
    had = situation.holder_at(stay.at)
    holder = None if had is None or had.is_queue else had.id
    for change in situation.history.owners:
        if change.at <= stay.at:
            continue
        if stay.ends_at is not None and change.at >= stay.ends_at:
            break
        following = None if change.to_queue else change.owner
        if following == holder:
            continue
        if (holder is not None) is somebody:
            yield now._replace(ends_at=change.at, unclear=False)
        name = f"{stay.id}/{change.id or change.at.isoformat()}"
        estimated = stay.estimated or change.estimated
        now = stay._replace(id=name, at=change.at, estimated=estimated, fact_id=change.id)
        holder = following
    if (holder is not None) is somebody:
        yield now


def _per_inbound(
    targets: Sequence[Target], situation: Situation, opens: Opens
) -> Iterator[tuple[Target, Opening]]:
    """One opening for each inbound activity, but those that join a clock of the promise still running."""
    spans = [(target, stays(target, situation)) for target in targets]
    kinds = {kind for target in targets for kind in target.activities}
    running: tuple[Target, Opening] | None = None
    for activity in situation.history.activities:
        at = activity.at
        if activity.kind not in kinds or at > situation.now or activity.planned_for is not None:
            continue
        if not situation.behaviour_at(at).counts(activity, situation.now, for_score=False):
            continue
        if running is not None and _joins(activity, *running, situation):
            continue
        for target, found in spans:
            stay = _stay_at(found, at) if activity.kind in target.activities else None
            opening = stay._replace(id=activity.id, at=at, fact_id=activity.id) if stay else None
            if opening is not None and opens(target, opening):
                running = target, opening
                yield running
                break


def _stay_at(found: Sequence[Opening], at: datetime) -> Opening | None:
    for stay in found:
        if stay.at <= at and (stay.ends_at is None or at < stay.ends_at):
            return stay
    return None


def _joins(activity: Activity, target: Target, running: Opening, situation: Situation) -> bool:
    """Whether an activity belongs to a clock that is running since a while ago."""
    if target.joins_within is None or activity.at - running.at > target.joins_within:
        return False
    if running.ends_at is not None and activity.at >= running.ends_at:
        return False
    return situation.proofs.first(running.at, activity.at, target.met_by) is None
