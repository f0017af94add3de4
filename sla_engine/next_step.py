"""What happens next with a lead, who is responsible, by when: exactly one step, always."""

from __future__ import annotations

from sla_engine.book import Chapter
from sla_engine.model import LifecycleStage, Relation
from sla_engine.qualification import Qualification
from sla_engine.situation import Situation
from sla_engine.target import Target
from sla_engine.verdict import Channel, Fit, NextStep, Reason, SlaClock, Values

S = LifecycleStage
_CLOSED = frozenset({S.OPPORTUNITY, S.CUSTOMER, S.DISQUALIFIED})
_BEFORE_SALES = frozenset({S.INQUIRY, S.RECYCLED, None})
_FAULTS = {"reason_missing": "give_reason", "cadence_short": "try_more"}


def next_step(  # noqa: PLR0913 - everything that was judged decides
    situation: Situation,
    judged: Qualification,
    clocks: tuple[SlaClock, ...],
    faults: tuple[Reason, ...],
    belongs_to: Relation | None,
    chapter: Chapter,
) -> NextStep:
    """The step of the most urgent open clock, else what the stage asks for."""
    if belongs_to is not None:
        known: Values = {
            "kind": belongs_to.kind.value,
            "record": belongs_to.record_id,
            "owner": belongs_to.owner or "",
        }
        return NextStep("known_already", "sales", values=known)
    due = min((c for c in clocks if c.is_open), key=lambda c: (c.due_at, c.key), default=None)
    fault = next((one for one in faults if one.code in _FAULTS), None)
    if due is not None:
        target = chapter.version(due.agreement).target_named(due.target)
        code = _FAULTS[fault.code] if fault and target.responsible == "sales" else _ask(target)
        values = fault.values if fault else {}
        channel: Channel = "write" if situation.lead.fields.get("do_not_call") is True else "any"
        return NextStep(code, target.responsible, due.due_at, values, channel)
    if fault is not None:
        return NextStep(_FAULTS[fault.code], "sales", values=fault.values)
    return _without_clock(situation, judged)


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
        step = NextStep("carry_on", "sales")
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
        step = NextStep("nurture", "marketing")
    return step
