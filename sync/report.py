"""What a run did, in numbers that add up, and where the leads stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from connectors.base import Change, Page, Receipt, ReceiptStatus, Removal
from sla_engine.verdict import ClockState, Verdict


@dataclass(slots=True)
class RunReport:
    """One run on one connection. planned = written + unchanged + rejected + deferred."""

    connection: str
    mode: str
    at: datetime
    read: int = 0
    gone: int = 0  # leads that were deleted in the CRM or merged into others
    merged: int = 0  # of these
    missed: int = 0  # leads with changes that only the sweep found
    evaluated: int = 0
    planned: int = 0
    written: int = 0
    unchanged: int = 0
    rejected: int = 0
    deferred: int = 0
    quarantined: int = 0
    uncovered: int = 0
    exempt: int = 0
    ready_now: int = 0  # leads that the CRM shows as not ready for sales
    ready_no_more: int = 0
    unreadable_card: str = ""  # approved, but this leadsla cannot read it
    left_alone: list[str] = field(default_factory=list)  # leads of owners who left, nobody stands in
    held_back: list[str] = field(default_factory=list)  # leads whose new task a cap keeps for a later run
    overtaken: list[str] = field(default_factory=list)  # leads that changed after the approved plan was made
    fights: list[str] = field(default_factory=list)  # leads on which something sets our values back
    fought_over: list[str] = field(default_factory=list)  # the names of these values
    refused: int = 0  # changes the CRM has refused, in this run or before, that still stand
    calls: int = 0
    seconds: float = 0.0
    changes: Counter[str] = field(default_factory=Counter)
    would: Counter[str] = field(default_factory=Counter)  # shadow mode: what was not written
    states: Counter[str] = field(default_factory=Counter)  # SLA status of the leads judged in this run
    troubles: list[str] = field(default_factory=list)

    def note_page(self, page: Page, gone: Sequence[Removal]) -> None:
        """One page was kept, and these leads are gone with it."""
        self.read += page.records
        self.gone += len(gone)
        self.merged += sum(bool(one.merged_into) for one in gone)
        self.troubles += [one for one in dict.fromkeys(page.troubles) if one not in self.troubles]

    def count(self, receipt: Receipt) -> None:
        """Add one receipt; an unknown outcome is deferred until it is settled."""
        match receipt.status:
            case ReceiptStatus.WRITTEN:
                self.written += 1
            case ReceiptStatus.UNCHANGED:
                self.unchanged += 1
            case ReceiptStatus.REJECTED:
                self.rejected += 1
            case _:
                self.deferred += 1

    def note_verdict(self, verdict: Verdict, *, was_ready: bool | None = None) -> None:
        """One lead was judged. ``was_ready``: for sales, as far as anybody was told; None: nobody was yet."""
        if was_ready is not None and was_ready != verdict.is_mql:
            self.ready_now += verdict.is_mql
            self.ready_no_more += not verdict.is_mql
        self.evaluated += 1
        self.uncovered += verdict.uncovered
        self.exempt += verdict.exempt
        if any(one.code == "owner_gone" for one in verdict.findings):
            self.left_alone.append(verdict.lead_id)
        self.states[verdict.sla_status] += 1

    def note_fights(self, lead_id: str, names: Sequence[str]) -> None:
        """These values of a lead are set back again and again."""
        if names:
            self.fights.append(lead_id)
            self.fought_over = sorted({*self.fought_over, *names})

    def note_planned(self, change: Change) -> None:
        """One change was decided."""
        self.planned += 1
        self.changes[type(change).__name__] += 1

    def note_would(self, changes: Iterable[Change]) -> None:
        """Changes that shadow mode keeps from being written."""
        self.would.update(type(change).__name__ for change in changes)

    @property
    def is_partial(self) -> bool:
        """Whether something was left undone that a person should know of."""
        undone = (self.rejected, self.refused, self.deferred, self.quarantined, len(self.fights))
        return any(undone) or bool(self.troubles)

    def remarks(self) -> list[str]:
        """What a person should know beyond the numbers, a sentence each, with ids and what to do."""
        return [*self._about_the_agreement(), *self._about_the_crm(), *self._about_what_is_left()]

    def _about_the_agreement(self) -> Iterator[str]:
        if self.unreadable_card:
            yield (
                f"warning: this leadsla cannot read the approved card {self.unreadable_card}, so the starting"
                " score counts; update leadsla, or take the card back with `leadsla learn --rollback`"
            )
        if self.ready_now or self.ready_no_more:
            yield (
                f"leads that cross the MQL threshold: {self.ready_now} newly ready for sales,"
                f" {self.ready_no_more} no longer ready"
            )
        if self.exempt:
            yield f"{self.exempt} leads were handed over before effective_from"
        if self.uncovered:
            yield f"no target covers {self.uncovered} leads in a phase with targets"

    def _about_the_crm(self) -> Iterator[str]:
        deleted = self.gone - self.merged
        if deleted:
            yield f"{_leads_in_all(deleted)} deleted in the CRM and forgotten here"
        if self.merged:
            yield f"{_leads_in_all(self.merged)} merged into others, which take over what was owed to them"
        if self.missed:
            yield f"{_leads_in_all(self.missed)} changed without a poll showing it; the daily count found it"

    def _about_what_is_left(self) -> Iterator[str]:
        if self.left_alone:
            yield (
                f"{_leads(self.left_alone)} must be answered, but the owner has left;"
                " name a deputy or manager under [agreement.people]"
            )
        if self.held_back:
            yield f"a cap on new tasks in [rollout] holds back {_leads(self.held_back)}; later runs make them"
        if self.overtaken:
            yield f"{_leads(self.overtaken)} changed after the plan was made: left to the next sync"
        if self.fights:
            yield (
                f"something in the CRM keeps setting back {', '.join(self.fought_over)} of"
                f" {_leads(self.fights)}: left alone for a day; look for a workflow that writes it"
            )
        if self.refused:
            yield f"{_changes(self.refused)} the CRM has refused; `leadsla outbox` lists why"
        if self.quarantined:
            yield f"{self.quarantined} leads are in quarantine; `leadsla outbox` lists why"

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON; no personal data."""
        counters = {"changes": self.changes, "would": self.would, "states": self.states}
        plain = {name: dict(counter) for name, counter in counters.items()}
        return {**asdict(self), "at": self.at.isoformat(), **plain}


_NAMED = 5


def _leads(ids: list[str]) -> str:
    named = ", ".join(ids[:_NAMED])
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return f"lead{'s' if len(ids) > 1 else ''} {named}{more}"


def _leads_in_all(amount: int) -> str:
    return "1 lead was" if amount == 1 else f"{amount} leads were"


def _changes(amount: int) -> str:
    return "1 change stands that" if amount == 1 else f"{amount} changes stand that"


@dataclass(frozen=True, slots=True)
class Standing:
    """One lead in the report: its state, deadline and owner."""

    lead: str
    state: str
    target: str
    owner: str
    time_zone: str
    due_at: datetime | None
    answered_at: datetime | None


_SHOWN = (ClockState.BREACHED, ClockState.AT_RISK, ClockState.RUNNING, ClockState.UNPROVEN)


def standings(verdicts: list[Verdict]) -> list[Standing]:
    """Every lead with a clock: open ones first, the most urgent on top; then the answered ones."""
    rows = []
    for verdict in verdicts:
        if not verdict.clocks:
            continue
        clock = verdict.due_clock or max(verdict.clocks, key=lambda one: (one.started_at, one.key))
        rows.append(
            Standing(
                lead=verdict.lead_id,
                state=clock.state.value,
                target=clock.target,
                owner=clock.owner or "",
                time_zone=clock.time_zone,
                due_at=clock.due_at,
                answered_at=clock.stopped_at,
            )
        )
    order = {state.value: index for index, state in enumerate(_SHOWN)}
    return sorted(rows, key=lambda row: (order.get(row.state, 9), row.due_at or row.answered_at, row.lead))
