"""What most commands do first: read the configuration and pick connections."""

from __future__ import annotations

from pathlib import Path

from connectors.base import Problem
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.output import print_problems
from leadsla.settings import ConnectionSettings, Settings, load
from sla_engine.book import Book


def usable(config: Path) -> tuple[Settings, Book]:
    """The settings, if nothing is wrong with them. Prints every problem and raises otherwise."""
    settings = load(config)
    if settings.problems or settings.book is None:
        refuse(list(settings.problems))
    assert settings.book is not None  # noqa: S101 - refuse() has raised
    return settings, settings.book


def refuse(problems: list[Problem]) -> None:
    """Print all problems; raise if any is more than a warning."""
    print_problems(problems)
    serious = [problem for problem in problems if not problem.is_warning]
    if serious:
        plural = "problem" if len(serious) == 1 else "problems"
        raise ConfigurationProblem(f"{len(serious)} {plural} in the configuration; nothing was touched")


def chosen(settings: Settings, name: str | None) -> dict[str, ConnectionSettings]:
    """The connection named, or all."""
    if name is None:
        return dict(settings.connections)
    if name not in settings.connections:
        known = ", ".join(settings.connections)
        raise ConfigurationProblem(f'there is no connection "{name}"; there are: {known}')
    return {name: settings.connections[name]}
