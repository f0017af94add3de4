"""What happens next with a lead, who is responsible, by when: exactly one step, always.

Not here: the step's sentence (``wording``), or the task in the CRM that shows it (``sync``).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sla_engine.book import Book
from sla_engine.model import ActorKind, LifecycleStage, Relation
from sla_engine.proof import FOLLOW_UPS
from sla_engine.qualification import Qualification
from sla_engine.situation import Situation
from sla_engine.target import Target
from sla_engine.verdict import Channel, Fit, NextStep, Reason, SlaClock, Values

S = LifecycleStage
_CLOSED = frozenset({S.OPPORTUNITY, S.CUSTOMER, S.DISQUALIFIED})
_BEFORE_SALES = frozenset({S.INQUIRY, S.RECYCLED, None})
_PERSON = ActorKind.PERSON
_FAULTS = {"reason_missing": "give_reason", "cadence_short": "try_more"}


class KnownAs(NamedTuple):
    """Somebody who is no new lead: known as, since when no clock opens any more, and what says so.

    ``since`` None: each clock asks for itself, by the rules as they hold when it would begin.

    >>> from sla_engine.examples import later
    >>> from sla_engine.model import RelationKind
    >>> KnownAs(Relation(RelationKind.IN_WORK, "00Q2", "bob", later(0)), later(0)).relation.owner
    'bob'
    """

    relation: Relation
    since: datetime | None
    findings: tuple[Reason, ...] = ()


def next_step(  # noqa: PLR0913 - everything that was judged decides
    situation: Situation,
    judged: Qualification,
    clocks: tuple[SlaClock, ...],
    faults: tuple[Reason, ...],
    known_as: KnownAs | None,
    book: Book,
) -> NextStep:
    """The step of the most urgent open clock, else what the stage asks for.

    What sales left undone when it rejected a lead comes before what marketing has to do with it.
    Raises KeyError for a clock whose agreement or target is not in ``book``.

    >>> from sla_engine.examples import agreed, handed_over, later
    >>> from sla_engine.qualification import qualify
    >>> now = Situation(handed_over(), agreed(), later(0))
    >>> next_step(now, qualify(now), (), (), None, Book.of(agreed())).code  # no clock runs
    'carry_on'
    """
    channel: Channel = "write" if situation.lead.fields.get("do_not_call") is True else "any"
    running = [one for one in clocks if one.is_open]
    due = min(running, key=lambda one: (one.due_at, one.key)) if running else None
    fault = next((one for one in faults if one.code in _FAULTS), None) if faults else None
    if fault is not None:
        until = due.due_at if due is not None and due.responsible == "sales" else None
        return NextStep(_FAULTS[fault.code], "sales", until, fault.values, channel)
    if due is not None:
        target = book.version(due.agreement).target_named(due.target)
        return NextStep(_ask(target), target.responsible, due.due_at, {}, channel)
    if known_as is not None:
        return _tell_owner(known_as.relation)
    step = _without_clock(situation, judged)
    return replace(step, channel=channel) if channel != "any" and step.responsible == "sales" else step


def _tell_owner(relation: Relation) -> NextStep:
    known: Values = {"kind": relation.kind.value, "record": relation.record_id}
    if relation.owner is None:
        return NextStep("known_already_alone", "sales", values=known)
    return NextStep("known_already", "sales", values={**known, "owner": relation.owner})


def _ask(target: Target) -> str:
    if target.responsible == "operations":
        return "assign"
    if target.responsible == "marketing":
        return "enrol" if "enrolled" in target.met_by else "marketing_acts"
    return "answer" if S.MQL in target.phase else "follow_up"


def _without_clock(situation: Situation, judged: Qualification) -> NextStep:
    history = situation.history
    stage = history.stages[-1].stage if history.stages else history.lead.stage
    if stage in _CLOSED:
        step = NextStep("decided", "nobody")
    elif stage not in _BEFORE_SALES:
        ahead = _planned(situation)
        step = NextStep("keep_date", "sales", ahead) if ahead else NextStep("carry_on", "sales")
    elif judged.is_mql:
        step = NextStep("hand_over", "marketing")
    elif judged.fit is Fit.NOT_A_BUYER:
        step = NextStep("not_a_buyer", "nobody")
    elif judged.missing:
        missing = "; ".join("|".join(one.names) for one in judged.missing)
        step = NextStep("find_out", "marketing", values={"missing": missing})
    elif judged.returns_on is not None:
        step = NextStep("take_up_again", "marketing", judged.returns_on)
    else:
        step = NextStep("nurture_score" if _only_score_is_low(judged) else "nurture", "marketing")
    return step


def _only_score_is_low(judged: Qualification) -> bool:
    """Whether the interest is there and a score is not."""
    unmet = {reason.criterion for reason in judged.reasons if reason.met is False}
    return "score" in unmet and "interest" not in unmet


def _planned(situation: Situation) -> datetime | None:
    """The next date (UTC) for which somebody in sales planned to get in touch."""
    dates = [
        one.planned_for
        for one in situation.history.activities
        if one.planned_for is not None
        and one.planned_for > situation.now
        and one.kind in FOLLOW_UPS
        and one.actor_kind is _PERSON
    ]
    return min(dates, default=None)
