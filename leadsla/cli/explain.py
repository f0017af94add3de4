"""``leadsla explain LEAD``: why a lead stands where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Annotated, Any

import typer

from connectors.base import OurTask
from leadsla.cli.app import DEFAULT_CONFIG, AsOfOption, ConfigOption, ConnectionOption, JsonOption, app
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.loading import chosen, read_only, usable
from leadsla.cli.output import out, print_json
from leadsla.wiring import run_settings
from sla_engine.book import Book
from sla_engine.business_time import Stretch
from sla_engine.deadline import way_to
from sla_engine.interest import BEHAVIOUR
from sla_engine.model import Activity, LeadHistory
from sla_engine.score_explained import ScoreExplained, explain_score
from sla_engine.verdict import SlaClock, Trend, Verdict
from sla_engine.wording import Wording
from sync.decide import judged
from sync.store import Store
from sync.store.agreements import Agreements
from sync.store.facts import Facts
from sync.store.known import KnownLead
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
    with read_only(settings) as store:
        name, known = _find(store, list(chosen(settings, connection)), lead)
        now = as_of or datetime.now(UTC)
        with store.begin() as db:
            book = Agreements(name).with_past(db, book, now)
            verdict = judged(known.history, book, now, run_settings(settings, settings.connections[name]))
            writes = Work(name).rows(db, ("rejected", "deferred", "unknown", "pending"), lead)
            people = Facts(name).people.everyone(db)
    chapter = next(one for one in book.chapters if one.current.version == verdict.agreement_version)
    score = explain_score(known.history, chapter.current, now)
    if as_json:
        plain: dict[str, Any] = verdict_form.dump_python(verdict, mode="json")
        waiting = [row.message for row in writes]
        print_json({"connection": name, "verdict": plain, "score": asdict(score), "waiting": waiting})
        return
    owner = known.seen.lead.owner
    clock_zones = [clock.time_zone for clock in verdict.clocks[-1:]]
    zone = (owner.time_zone if owner else None) or next(iter(clock_zones), "UTC")
    wording = Wording.for_agreement(chapter.current)
    teller = _Teller(zone, wording, {key: one.name or key for key, one in people.items()})
    lines = (
        *teller.head(name, verdict, score),
        *_merged(known),
        *teller.facts(known.history),
        *teller.clocks(verdict),
    )
    for line in (*lines, *teller.way_to_deadline(verdict, book), *teller.tasks(verdict, known.tasks)):
        out.print(line, markup=False)
    for row in writes:
        out.print(f"  not written ({row.status}): {row.kind} {row.message}", markup=False)


def _merged(known: KnownLead) -> Iterator[str]:
    """Whose past counts for this lead besides its own."""
    if known.merged:
        yield f"  merged into it: lead {', '.join(known.merged)}; what was owed there is owed here"


def _find(store: Store, names: list[str], lead: str) -> tuple[str, KnownLead]:
    with store.begin() as db:
        for name in names:
            for known in Facts(name).known(db, [lead]):
                return name, known
            for aside in Facts(name).quarantine.rows(db):
                if aside.lead_id == lead:
                    raise ConfigurationProblem(
                        f"lead {lead} is in quarantine in {name}: {aside.field}: {aside.reason};"
                        " correct it in the CRM, the next sync reads it again"
                    )
    raise ConfigurationProblem(f"no lead {lead} is known in {', '.join(names)}; run `leadsla sync` first")


@dataclass(frozen=True, slots=True)
class _Teller:
    """Tells one lead's story: in its zone, in the agreement's language, people by name."""

    zone: str
    wording: Wording
    people: Mapping[str, str]

    def head(self, name: str, verdict: Verdict, score: ScoreExplained) -> list[str]:
        step = verdict.next_step
        due = f" by {self._at(step.due_at)}" if step.due_at else ""
        who = "" if step.responsible == "nobody" else f"{step.responsible}: "
        lines = [
            f"Lead {verdict.lead_id} in {name}, as of {self._at(verdict.as_of)}",
            f"  stage: {verdict.stage or 'not mapped'}; status: {verdict.sla_status.replace('_', ' ')}",
            f"  next: {who}{self.wording.step(step)}{due}",
            f"  score: {verdict.score} of 100; interest: {_interest(verdict)}",
            *self._score(score),
            f"  ready for sales: {'yes' if verdict.is_mql else 'no'}",
        ]
        lines += [f"    {line}" for line in self.wording.reasons(verdict.reasons).splitlines()]
        lines += [
            f"  against the agreement: {self.wording.reason(one, self.zone)}" for one in verdict.findings
        ]
        if verdict.assign_to:
            lines.append(f"  the agreed time has passed: to be given to {self._who(verdict.assign_to)}")
        if verdict.held_out:
            lines.append("  held out: its score decides nothing, so that the score's worth can be measured")
        if verdict.exempt:
            lines.append("  handed over before effective_from: no clock, no task")
        if verdict.uncovered:
            lines.append("  no target covers this lead in its phase")
        return lines

    def _score(self, score: ScoreExplained) -> list[str]:
        """What the score is made of, a summand a line."""
        lines = [f"    {line.points:+4} {self.wording.score_line(line)}" for line in score.lines]
        if score.card:
            chance = "" if score.chance is None else f"; chance of winning {score.chance:.0%}"
            lines.append(f"    by card {score.card}{chance}")
        return lines

    def facts(self, history: LeadHistory) -> list[str]:
        facts = [(change.at, f"stage {change.stage} ({change.actor_kind})") for change in history.stages]
        facts += [
            (one.at, f"owner {self._who(one.owner) if one.owner else 'nobody'} ({one.actor_kind})")
            for one in history.owners
        ]
        facts += [(one.at, self._activity(one)) for one in history.activities]
        lines = [f"    {self._at(at)}: {text}" for at, text in sorted(facts)]
        skipped = len(lines) - SHOWN_FACTS
        more = [f"    ... {skipped} earlier facts"] if skipped > 0 else []
        return ["  what happened:", *more, *lines[-SHOWN_FACTS:]]

    def _activity(self, one: Activity) -> str:
        who = "the lead" if one.actor is None and one.kind not in BY_SALES else str(one.actor_kind)
        told = [who]
        if one.outcome:
            told.append(one.outcome)
        if one.planned_for:
            told.append(f"planned for {self._at(one.planned_for)}")
        content = f" {one.content}" if one.content and one.kind in BEHAVIOUR else ""
        return f"{one.kind.replace('_', ' ')}{content} ({', '.join(told)})"

    def clocks(self, verdict: Verdict) -> list[str]:
        if not verdict.clocks:
            return ["  no clock"]
        return ["  clocks:", *(self._clock(clock) for clock in verdict.clocks)]

    def _clock(self, clock: SlaClock) -> str:
        text = (
            f"    {clock.target}, round {clock.round}: {clock.state.value.replace('_', ' ')};"
            f" started {self._at(clock.started_at)}, due {self._at(clock.due_at)}"
        )
        if clock.stopped_at:
            how = f" by {clock.proof.replace('_', ' ')}" if clock.proof else ""
            spent = working_time(timedelta(seconds=clock.working_seconds))
            text += f", stopped {self._at(clock.stopped_at)}{how} after {spent}"
        for one in clock.pauses:
            text += f", stood still {self._at(one.start)} to {self._at(one.end)} ({one.reason})"
        for step in clock.steps:
            text += f", {step.do.replace('_', ' ')} {self._who(step.to)} {self._at(step.at)}"
        return text + (" (start estimated)" if clock.estimated else "")

    def way_to_deadline(self, verdict: Verdict, book: Book) -> list[str]:
        """How the next deadline comes about: what counted and what was left out."""
        clock = verdict.due_clock
        if clock is None:
            return []
        agreement = book.version(clock.agreement)
        target = agreement.target_named(clock.target)
        stretches = way_to(agreement.hours[clock.hours], clock.started_at, target.within, clock.pauses)
        promised = working_time(target.within)
        lines = [f"  how its deadline comes about ({promised} on the hours of {clock.hours}):"]
        for alike in _joined(stretches):
            first, last = alike[0], alike[-1]
            counted = working_time(last.end - first.start)
            worth = f"counts {counted}" if first.counted else f"left out: {first.reason}"
            lines.append(f"    {self._at(first.start)} to {self._at(last.end)}: {worth}")
        return lines

    def tasks(self, verdict: Verdict, tasks: Sequence[OurTask]) -> list[str]:
        """Our tasks as the CRM shows them, and why there is none although an answer is due."""
        lines = [
            f"  our task {one.id}: open, due {self._at(one.due_at) if one.due_at else 'at no time'}"
            for one in tasks
            if one.is_open
        ]
        if not lines and tasks and verdict.due_clock is not None:
            lines.append(
                "  our task was closed by hand and is not made again; closing it without an outcome"
                " is no answer, so the clock runs on"
            )
        return lines

    def _at(self, instant: datetime) -> str:
        return local_time(instant, self.zone)

    def _who(self, key: str) -> str:
        return self.people.get(key, key)


def working_time(span: timedelta) -> str:
    """A working time in words: hours and minutes, never days, which differ from place to place.

    >>> working_time(timedelta(hours=24)), working_time(timedelta(minutes=95))
    ('24 working hours', '1 h 35 min of working time')
    """
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours and not minutes and not seconds:
        return f"{hours} working hour{'s' if hours > 1 else ''}"
    parts = [(hours, "h"), (minutes, "min"), (seconds, "s")]
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount) + " of working time"


def _joined(stretches: Sequence[Stretch]) -> Iterator[list[Stretch]]:
    """Neighbours that are left out for the same reason, as one."""
    for _, alike in groupby(stretches, key=lambda one: (one.counted, one.reason)):
        yield list(alike)


def _interest(verdict: Verdict) -> str:
    interest = verdict.interest
    points = f"{interest.points:.1f} points, halving every {interest.half_life.days} days"
    trend = "" if interest.trend is Trend.GONE and not interest.points else f", {interest.trend}"
    return f"{interest.band}{trend} ({points})"
