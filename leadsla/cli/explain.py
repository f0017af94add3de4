"""``leadsla explain LEAD``: why a lead stands where it stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from leadsla.cli.app import DEFAULT_CONFIG, AsOfOption, ConfigOption, ConnectionOption, JsonOption, app
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.loading import chosen, usable
from leadsla.cli.output import out, print_json
from leadsla.wiring import opened_store
from sla_engine.book import Chapter
from sla_engine.deadline import way_to
from sla_engine.evaluate import evaluate
from sla_engine.model import LeadHistory
from sla_engine.verdict import SlaClock, Verdict
from sla_engine.wording import Wording
from sync.store import Store
from sync.store.agreements import Agreements
from sync.store.facts import Facts, KnownLead
from sync.store.packing import verdict_form
from sync.store.work import Work
from sync.wording import local_time

SHOWN_FACTS = 12
BY_SALES = frozenset({"call", "email", "meeting", "automatic_email", "task"})


@app.command()
def explain(
    lead: Annotated[str, typer.Argument(help="The lead's id in the CRM.")],
    config: ConfigOption = DEFAULT_CONFIG,
    connection: ConnectionOption = None,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a lead's facts, rules, clocks and next step, from what the last sync read."""
    settings, book = usable(config)
    with opened_store(settings) as store:
        name, known = _find(store, list(chosen(settings, connection)), lead)
        rollout = settings.connections[name].rollout
        now = as_of or datetime.now(UTC)
        with store.begin() as db:
            book = Agreements(name).with_past(db, book, now)
            verdict = evaluate(known.history, book, now, effective_from=rollout.effective_from)
            writes = Work(name).rows(db, ("rejected", "deferred", "unknown", "pending"), lead)
    if as_json:
        plain: dict[str, Any] = verdict_form.dump_python(verdict, mode="json")
        print_json({"connection": name, "verdict": plain, "waiting": [row.message for row in writes]})
        return
    owner = known.seen.lead.owner
    clock_zones = [clock.time_zone for clock in verdict.clocks[-1:]]
    zone = (owner.time_zone if owner else None) or next(iter(clock_zones), "UTC")
    chapter = next(one for one in book.chapters if one.current.version == verdict.agreement_version)
    wording = Wording.for_agreement(chapter.current)
    lines = (*_head(name, verdict, zone, wording), *_facts(known.history, zone), *_clocks(verdict, zone))
    for line in (*lines, *_way_to_deadline(verdict, chapter, zone)):
        out.print(line, markup=False)
    for row in writes:
        out.print(f"  not written ({row.status}): {row.kind} {row.message}", markup=False)


def _find(store: Store, names: list[str], lead: str) -> tuple[str, KnownLead]:
    with store.begin() as db:
        for name in names:
            for known in Facts(name).known(db, [lead]):
                return name, known
    raise ConfigurationProblem(f"no lead {lead} is known in {', '.join(names)}; run `leadsla sync` first")


def _head(name: str, verdict: Verdict, zone: str, wording: Wording) -> list[str]:
    due = f" by {local_time(verdict.next_step.due_at, zone)}" if verdict.next_step.due_at else ""
    lines = [
        f"Lead {verdict.lead_id} in {name}, as of {local_time(verdict.as_of, zone)}",
        f"  stage: {verdict.stage or 'not mapped'}; status: {verdict.sla_status.replace('_', ' ')}",
        f"  next: {verdict.next_step.responsible}: {wording.step(verdict.next_step)}{due}",
        f"  score: {verdict.score} of 100; interest: {_interest(verdict)}",
        f"  ready for sales: {'yes' if verdict.is_mql else 'no'}",
    ]
    lines += [f"    {line}" for line in wording.reasons(verdict.reasons).splitlines()]
    lines += [f"  against the agreement: {wording.reason(one, zone)}" for one in verdict.findings]
    if verdict.assign_to:
        lines.append(f"  the agreed time has passed: to be given to {verdict.assign_to}")
    if verdict.exempt:
        lines.append("  handed over before effective_from: no clock, no task")
    if verdict.uncovered:
        lines.append("  no target covers this lead in its phase")
    return lines


def _interest(verdict: Verdict) -> str:
    interest = verdict.interest
    points = f"{interest.points:.1f} points, halving every {interest.half_life.days} days"
    return f"{interest.band}, {interest.trend} ({points})"


def _facts(history: LeadHistory, zone: str) -> list[str]:
    facts = [(change.at, f"stage {change.stage} ({change.actor_kind})") for change in history.stages]
    facts += [(c.at, f"owner {c.owner or 'nobody'} ({c.actor_kind})") for c in history.owners]
    for one in history.activities:
        outcome = f", {one.outcome}" if one.outcome else ""
        planned = f", planned for {local_time(one.planned_for, zone)}" if one.planned_for else ""
        who = "the lead" if one.actor is None and one.kind not in BY_SALES else one.actor_kind
        facts.append((one.at, f"{one.kind.replace('_', ' ')} ({who}{outcome}{planned})"))
    lines = [f"    {local_time(at, zone)}: {text}" for at, text in sorted(facts)]
    skipped = len(lines) - SHOWN_FACTS
    more = [f"    ... {skipped} earlier facts"] if skipped > 0 else []
    return ["  what happened:", *more, *lines[-SHOWN_FACTS:]]


def _clocks(verdict: Verdict, zone: str) -> list[str]:
    return (
        ["  clocks:", *(_clock(clock, zone) for clock in verdict.clocks)]
        if verdict.clocks
        else ["  no clock"]
    )


def _way_to_deadline(verdict: Verdict, chapter: Chapter, zone: str) -> list[str]:
    """How the next deadline comes about: what counted and what was left out."""
    clock = verdict.due_clock
    if clock is None:
        return []
    agreement = chapter.version(clock.agreement)
    target = agreement.target_named(clock.target)
    stretches = way_to(agreement.hours[clock.hours], clock.started_at, target.within, clock.pauses)
    lines = [f"  how its deadline comes about ({target.within} on the hours of {clock.hours}):"]
    for one in stretches:
        worth = f"counts {one.end - one.start}" if one.counted else f"left out: {one.reason}"
        lines.append(f"    {local_time(one.start, zone)} to {local_time(one.end, zone)}: {worth}")
    return lines


def _clock(clock: SlaClock, zone: str) -> str:
    text = (
        f"    {clock.target}, round {clock.round}: {clock.state.value.replace('_', ' ')};"
        f" started {local_time(clock.started_at, zone)}, due {local_time(clock.due_at, zone)}"
    )
    if clock.stopped_at:
        how = f" by {clock.proof.replace('_', ' ')}" if clock.proof else ""
        minutes = clock.working_seconds // 60
        text += f", stopped {local_time(clock.stopped_at, zone)}{how} after {minutes} working minutes"
    for one in clock.pauses:
        text += f", stood still {local_time(one.start, zone)} to {local_time(one.end, zone)} ({one.reason})"
    for step in clock.steps:
        text += f", {step.do.replace('_', ' ')} {step.to} {local_time(step.at, zone)}"
    return text + (" (start estimated)" if clock.estimated else "")
