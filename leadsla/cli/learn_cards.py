"""What both sides say to a scorecard: list those proposed, approve one, take the last approval back.

``leadsla learn`` calls these. Not here: learning a card, or the command line's options.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.loading import chosen, usable
from leadsla.cli.output import out, print_json, print_table
from leadsla.settings import Settings
from leadsla.wiring import last_state
from sync.store import Store
from sync.store.cards import Cards, KeptCard, NothingToRollBack

_NEXT = "`leadsla plan` says what the next sync would change"


def approve(
    config: Path, connection: str | None, version: str, by: Sequence[str], *, as_json: bool = False
) -> None:
    """Put a proposed card in force from the next sync on. Raises ConfigurationProblem: all reasons at once.

    ``by``: who says so, one name for each side; two different people.
    """
    settings, _ = usable(config)
    names = [" ".join(name.split()) for name in by]
    with _kept(settings) as store, store.begin() as db:
        cards = {name: Cards(name).kept(db) for name in chosen(settings, connection)}
        found = {
            name: one
            for name, kept in cards.items()
            for one in kept
            if one.version == version.strip().casefold()
        }
        problems = [*_names_problems(names), *_version_problems(version, cards, found)]
        if problems:
            raise ConfigurationProblem("\n".join(problems))
        now = datetime.now(UTC)
        for name, one in found.items():
            Cards(name).approve(db, one.version, names, now)
    told = {name: {"in_force": one.version, "approved_by": names} for name, one in found.items()}
    if as_json:
        print_json(told)
        return
    for name, one in found.items():
        text = f"{name}: card {one.version} approved by {' and '.join(names)}; {_NEXT}"
        out.print(text, markup=False)


def rollback(config: Path, connection: str | None, *, as_json: bool = False) -> None:
    """Take back the last approval; what it replaced is in force again from the next sync on.

    Raises ConfigurationProblem where no card is in force, or where it is not clear on which connection.
    """
    settings, _ = usable(config)
    with _kept(settings) as store, store.begin() as db:
        asked = list(chosen(settings, connection))
        carded = [name for name in asked if any(one.is_in_force for one in Cards(name).kept(db))]
        if len(carded) > 1:
            raise ConfigurationProblem(
                f"there are cards in force on {', '.join(carded)}; say which with --connection"
            )
        name = carded[0] if carded else asked[0]
        try:
            before = Cards(name).rollback(db, datetime.now(UTC))
        except NothingToRollBack:
            raise ConfigurationProblem(
                f"no card is in force on {', '.join(asked)}: there is nothing to roll back"
            ) from None
    if as_json:
        print_json({name: {"in_force": before}})
        return
    again = f"card {before}" if before else "the starting score"
    out.print(f"{name}: rolled back, {again} is in force again; {_NEXT}", markup=False)


def list_cards(config: Path, connection: str | None, *, as_json: bool = False) -> None:
    """Every card proposed so far, and which of them is in force."""
    settings, _ = usable(config)
    with _kept(settings) as store, store.begin() as db:
        cards = {name: Cards(name).kept(db) for name in chosen(settings, connection)}
    if as_json:
        print_json({name: [_plain(one) for one in kept] for name, kept in cards.items()})
        return
    for name, kept in cards.items():
        if not kept:
            out.print(f"{name}: no card was proposed yet; the starting score counts", markup=False)
            continue
        columns = ("version", "proposed", "lines", "outcomes", "approved by", "in force")
        print_table(f"{name}: scorecards", columns, [_cells(one) for one in kept])


@contextmanager
def _kept(settings: Settings) -> Iterator[Store]:
    with last_state(settings) as store:
        if store is None:
            raise ConfigurationProblem("no sync has run yet, so there is no card; run `leadsla sync`")
        yield store


def _names_problems(names: Sequence[str]) -> Iterator[str]:
    different = {name.casefold() for name in names if name}
    if len(different) >= 2 and all(names):
        return
    if len(different) == 1 and len(names) > 1 and all(names):
        yield f"{names[0]} cannot approve for both sides; name two different people with --by"
    else:
        yield "a card counts when both sides approve it: name one person of each with --by NAME --by NAME"


def _version_problems(
    version: str, cards: dict[str, list[KeptCard]], found: dict[str, KeptCard]
) -> Iterator[str]:
    if not found:
        known = [one.version for kept in cards.values() for one in kept]
        near = get_close_matches(version.strip().casefold(), known, 1, cutoff=0.5)
        where = ", ".join(cards)
        if near:
            yield f'there is no card "{version}" on {where}, did you mean "{near[0]}"?'
        elif known:
            yield f'there is no card "{version}" on {where}; there are: {", ".join(dict.fromkeys(known))}'
        else:
            yield f'there is no card "{version}" on {where}: none was proposed yet; run `leadsla learn`'
    for name, one in found.items():
        if one.is_in_force:
            yield f"card {one.version} is in force on {name} already"
        elif one.card is None:
            yield f"card {one.version} was written by another leadsla that this one cannot read; learn anew"


def _plain(one: KeptCard) -> dict[str, Any]:
    return {
        "version": one.version,
        "proposed_at": one.proposed_at,
        "in_force": one.is_in_force,
        "approvals": [{"at": at, "by": list(names)} for at, names in one.approvals],
        "card": one.card.model_dump(mode="json", by_alias=True, exclude_none=True) if one.card else None,
    }


def _cells(one: KeptCard) -> tuple[str, ...]:
    lines, outcomes = (str(len(one.card.lines)), str(one.card.outcomes)) if one.card else ("?", "?")
    by = " and ".join(one.approvals[-1][1]) if one.approvals else ""
    proposed = f"{one.proposed_at:%Y-%m-%d %H:%M}Z"
    return (one.version, proposed, lines, outcomes, by, "yes" if one.is_in_force else "")
