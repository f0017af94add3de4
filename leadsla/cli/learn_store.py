"""``leadsla learn`` on what was synced: a card proposed for each connection, for two people to approve.

Nothing comes into force here, and nothing but a note (if asked for) goes into a CRM. Not here: the counting
(``sync.learning``), the approval (``learn_cards``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.base import Note as CrmNote
from connectors.base import Receipt
from leadsla.cli import learned_words as words
from leadsla.cli.card_shown import CARD_COLUMNS, card_rows, figures, meaning, print_lifts
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.learned_json import blocked_json, card_json, clean, lifts_json, notes_json, plain
from leadsla.cli.loading import chosen, read_only, usable
from leadsla.cli.output import out, print_json, print_table, progress
from leadsla.settings import ConnectionSettings
from leadsla.wiring import opened_crm
from sla_engine.book import Book
from sla_engine.learning.lift import LiftReport
from sync.learning import Learned, NothingToLearn, learn_from_store
from sync.notes import publish
from sync.store import Store
from sync.store.cards import Cards
from sync.store.runs import Runs

_DAY = timedelta(days=1)
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_NOTE_LINES = 5
_TITLE = "leadsla: what marks good leads"


def propose(  # noqa: PLR0913 - one argument an option
    config: Path,
    connection: str | None,
    as_of: datetime | None,
    write: Callable[[LiftReport], list[Path]],
    *,
    note: bool,
    as_json: bool,
) -> None:
    """Learn from each connection, keep what is proposed, and show it. Raises ConfigurationProblem.

    ``write``: makes the files asked for. ``note``: puts the five lines into the CRM.
    """
    settings, book = usable(config)
    asked = chosen(settings, connection)
    told: dict[str, Any] = {}
    with read_only(settings) as store:
        for name, one in asked.items():
            learned = _learned(store, name, book, as_of)
            version = _keep(store, name, learned)
            files = write(learned.signs)
            receipt = _publish(name, one, learned) if note else None
            if as_json:
                told[name] = {
                    **report_of(learned),
                    "version": version,
                    "written": [str(path) for path in files],
                    "note": None
                    if receipt is None
                    else {"status": receipt.status.value, "message": receipt.message},
                }
                continue
            _show(name, learned, version)
            for path in files:
                out.print(f"Written: {path}", markup=False)
            if receipt is not None:
                out.print(f"{name}: note {receipt.status.value}. {receipt.message}".rstrip(), markup=False)
    if as_json:
        print_json(told)


def _learned(store: Store, name: str, book: Book, as_of: datetime | None) -> Learned:
    with store.begin() as db:
        last = Runs(name).last(db)
        cards = Cards(name)
        until = as_of or max(last or datetime.now(UTC), cards.last_approval(db) or _EVER)
        approved = cards.approved_by(db, until)
    with progress(name) as bars:
        try:
            return learn_from_store(store, name, book, until, approved, bars)
        except NothingToLearn as why:
            raise ConfigurationProblem(str(why)) from None


def _keep(store: Store, name: str, learned: Learned) -> str:
    """The version under which the proposal can be approved; "" where there is nothing to approve."""
    if not learned.proposal.card.lines:
        return ""
    text = json.dumps(report_of(learned), ensure_ascii=False, sort_keys=True, default=str)
    with store.begin() as db:
        return Cards(name).propose(db, learned.proposal.card, learned.as_of, text)


def report_of(learned: Learned) -> dict[str, Any]:
    """Everything that is said about a proposal; the same data as of the same instant say the same."""
    proposal, counted = learned.proposal, learned.counted
    found = {
        "as_of": learned.as_of.isoformat(),
        "counted": {
            "leads": counted.leads,
            "wins": counted.wins,
            "excluded": dict(counted.excluded),
            "landmark_days": learned.landmark / _DAY,
            "horizon_days": counted.horizon / _DAY,
            "fields_seen_later": learned.seen_later,
        },
        "card": card_json(proposal.card, learned.sample),
        "approved": None if learned.approved is None else learned.approved.version,
        "changes": [
            {
                "line": one.line.name,
                "old": one.old,
                "new": one.new,
                "low": one.low,
                "high": one.high,
                "leads": one.leads,
            }
            for one in proposal.changes
        ],
        "held_out": plain(proposal.new),
        "held_out_of_approved": plain(proposal.old),
        "card_to_approved": plain(proposal.new_to_old),
        "challenger": plain(proposal.challenger),
        "card_to_challenger": plain(proposal.new_to_challenger),
        "routed_without_score": plain(proposal.unrouted),
        "routed_by_score": plain(proposal.routed),
        "blocked": blocked_json(learned.blocked),
        "lifts": lifts_json(learned.signs),
        "notes": notes_json(proposal.notes),
    }
    return {key: clean(value) for key, value in found.items()}


def _show(name: str, learned: Learned, version: str) -> None:
    for line in _counted(name, learned):
        out.print(line, markup=False)
    proposal = learned.proposal
    if learned.approved is None:
        _show_card(learned)
    else:
        _show_changes(learned)
    for line in (*meaning(proposal.card, proposal.notes), "", *figures(proposal, in_order=True)):
        out.print(line, markup=False)
    if learned.blocked:
        out.print("\nBlocked fields: they may not become lines", markup=False)
    for one in learned.blocked:
        out.print(f"  {one.field}: {words.blocked_sentence(one)}", markup=False)
    out.print("")
    print_lifts(learned.signs)
    is_same = learned.approved is not None and learned.approved.version == version
    told = f"to put it in force both sides sign: leadsla learn --approve {version} --by NAME --by NAME"
    if is_same:
        told = "this card is in force already"
    if not version:
        told = "there is nothing to approve"
    out.print(f"{name}: {told}", markup=False)


def _counted(name: str, learned: Learned) -> Iterator[str]:
    counted = learned.counted
    yield f"{name}: what was counted, as of {learned.as_of:%Y-%m-%d %H:%M} UTC"
    for code, amount in counted.excluded:
        if amount:
            yield f"  - {amount:>10,} {words.EXCLUDED[code]}"
    share = words.percent(counted.wins / counted.leads)
    yield f"  = {counted.leads:>10,} leads count, {counted.wins:,} of them were won ({share})"
    begun, within = learned.landmark / _DAY, counted.horizon / _DAY
    if learned.seen_later:
        yield (
            f"  Mind: {learned.seen_later:,} of them were looked at before the first sync: their fields are"
            " as they were at that sync, and what sales filled in until then looks like foresight."
        )
    yield f"  Looked at {begun:g} days after they began, and won means within {within:g} days after that."


def _show_card(learned: Learned) -> None:
    card = learned.proposal.card
    if not card.lines:
        out.print("No card: nothing tells won leads from others clearly enough.", markup=False)
        return
    out.print(
        f"The proposed card ({card.version}): one point multiplies the odds of winning by 1.25", markup=False
    )
    print_table("", CARD_COLUMNS, list(card_rows(card, learned.sample)))


def _show_changes(learned: Learned) -> None:
    changes = learned.proposal.changes
    assert learned.approved is not None  # noqa: S101 - asked before
    out.print(f"Against the card in force ({learned.approved.version}):", markup=False)
    if not changes:
        out.print("  no line changes; only what a total means", markup=False)
        return
    rows = [
        (
            f"{one.old:+}",
            f"{one.new:+}",
            words.condition(one.line),
            f"{one.leads:,}",
            f"{one.low:+.1f} to {one.high:+.1f}",
        )
        for one in changes
    ]
    print_table("", ("old", "new", "when", "leads", "80 % interval"), rows)


def note_of(learned: Learned) -> CrmNote:
    """Five lines for sales and marketing: what was counted, and the clearest signs. Nobody is named."""
    signs = [row for row in learned.signs.rows if row.verdict in {"good_sign", "bad_sign"}]
    counted = learned.counted
    share = words.percent(counted.wins / counted.leads)
    known = f"{counted.leads:,} leads with a known end, {counted.wins:,} won ({share})"
    lines = [f"As of {learned.as_of:%Y-%m-%d}: {known}."]
    lines += [words.lift_sentence(row) for row in signs[: _NOTE_LINES - 1]]
    if not signs:
        lines.append("No activity and no content marks good leads clearly yet.")
    return CrmNote("leadsla-signs", _TITLE, tuple(lines))


def _publish(name: str, settings: ConnectionSettings, learned: Learned) -> Receipt:
    with opened_crm(name, settings) as crm:
        return publish(crm, note_of(learned), settings.rollout.mode)
