"""What most commands do first: read the configuration and pick connections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from connectors.base import Problem
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.output import print_problems
from leadsla.settings import ConnectionSettings, Settings, load
from leadsla.wiring import last_state
from sla_engine.book import Book
from sync.store import Store


def usable(config: Path) -> tuple[Settings, Book]:
    """The settings, if nothing is wrong with them. Prints every problem and raises otherwise."""
    settings = load(config)
    if settings.problems or settings.book is None:
        refuse(list(settings.problems), "; `leadsla check` also asks the CRMs what does not fit")
    assert settings.book is not None  # noqa: S101 - refuse() has raised
    return settings, settings.book


def refuse(problems: list[Problem], hint: str = "") -> None:
    """Print all problems; raise if any is more than a warning. ``hint`` ends the line that counts them."""
    print_problems(problems)
    if serious(problems):
        raise ConfigurationProblem(f"{counted(problems)}{hint}")


def serious(problems: Sequence[Problem]) -> list[Problem]:
    """Those that are more than a warning."""
    return [problem for problem in problems if not problem.is_warning]


def counted(problems: Sequence[Problem]) -> str:
    """The line below a list of problems."""
    amount = len(serious(problems))
    return f"{amount} problem{'' if amount == 1 else 's'}; nothing was touched"


@contextmanager
def read_only(settings: Settings) -> Iterator[Store]:
    """What the last sync left. Raises ConfigurationProblem when none has run."""
    with last_state(settings) as store:
        if store is None:
            raise ConfigurationProblem("no sync has run yet; run `leadsla sync`")
        yield store


def chosen(settings: Settings, name: str | None) -> dict[str, ConnectionSettings]:
    """The connection named, or all."""
    if name is None:
        return dict(settings.connections)
    if name not in settings.connections:
        known = ", ".join(settings.connections)
        raise ConfigurationProblem(f'there is no connection "{name}"; there are: {known}')
    return {name: settings.connections[name]}
