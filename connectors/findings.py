"""What ``check`` says in the same words for every CRM. Pure.

No finding shows a person's name or e-mail address, not even one from the configuration.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from connectors.base import Problem
from connectors.mapping import ConnectionMapping


def nearest(name: str, names: Iterable[str]) -> str:
    """A remedy for a misspelt name.

    >>> nearest("Compny", ["Company", "Country"])
    'did you mean "Company"?'
    """
    near = difflib.get_close_matches(name, list(names), 1, 0.5)
    return f'did you mean "{near[0]}"?' if near else "choose one that exists"


def unknown_values(
    where: str, field: str, values: Iterable[str], options: Sequence[str]
) -> Iterator[Problem]:
    """Mapped values that the field cannot have; a field without options takes any text."""
    for value in values if options else ():
        if value not in options:
            yield Problem(where, f'"{value}" is no value of {field}', nearest(value, options))


def without_stage(mapping: ConnectionMapping, options: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """The values of the last stage field that mean no stage: what other fields leave open stays open there.

    ``options``: the values each stage field can have.
    """
    for field, meanings in list(mapping.stages.items())[-1:]:
        left_out = [f'"{value}"' for value in options.get(field, ()) if value not in meanings]
        if left_out:
            what = f"leads in these values of {field} have no stage in the agreement: {', '.join(left_out)}"
            yield Problem(f"stages.{field}", what, "map them to stages, if leads get there", is_warning=True)


def unknown_users(
    listed: Iterable[str], users: Mapping[str, str], others: Mapping[str, str]
) -> Iterator[Problem]:
    """Entries of ``automation_users`` that name nobody, so that a machine passes for a person.

    ``users``: what names a user (lower case) -> how to call that user. ``others``: the same for what
    names one and does not count (a name, a queue): good for finding the nearest.
    """
    known = {**others, **users}
    for number, one in enumerate(listed, 1):
        name = one.casefold()
        if name in users:
            continue
        near = difflib.get_close_matches(name, list(known), 1, 0.5)
        what = f"entry {number}, {_shown(one)}, is no user: what it does counts as done by a person"
        wanted = "name a user by id or e-mail address"
        remedy = f"the nearest is {known[near[0]]}; {wanted}" if near else wanted
        yield Problem("automation_users", what, remedy, is_warning=True)


def _shown(entry: str) -> str:
    """An entry as far as it is no personal data."""
    if "@" in entry:
        return "an e-mail address"
    return "a name" if " " in entry.strip() else f'"{entry}"'
