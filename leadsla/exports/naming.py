"""What a column is for, by its name: when a lead came in, its id, its company, what was done when.

Names are compared as plain words, so "CreatedDate", "created_date" and "Created Date" are one. What was
guessed is always told. Not here: what a column holds (``columns``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from connectors.base import Problem
from leadsla.mistakes import closest, meant

CREATED: tuple[str, ...] = (
    *("created date", "create date", "createdate", "created at", "created on", "created", "creation date"),
    *("created time", "lead created", "lead created date", "date created", "first contact date"),
    *("date added", "added on", "registration date", "registered at", "signup date", "mql date"),
    *("lead date", "lead creation date", "lead created at", "became mql", "submitted at", "erstellt am"),
    *("erstellt", "erstellungsdatum", "anlagedatum", "angelegt am", "timestamp", "date", "datum"),
)
SEQUENCE: tuple[str, ...] = (
    "lead number",
    "lead no",
    "lead nr",
    "number",
    "record number",
    "sequence",
    "no",
    "nr",
    "row",
)
SEQUENCE += ("id", "lead id", "record id")
LEAD_ID: tuple[str, ...] = (
    *("lead id", "leadid", "id", "lead key", "prospect id", "contact id", "record id", "lead", "key"),
    *("lead number", "lead no", "lead nr", "who id", "vid", "email", "e mail", "email address"),
)
SURE_ID = frozenset({"lead id", "leadid", "id", "lead key", "prospect id", "record id", "contact id", "vid"})
"""Names that leave no doubt, although rows may repeat."""
ENDED: tuple[str, ...] = (
    *("outcome date", "won date", "won at", "date won", "closed date", "close date", "closed at"),
    *("closed on", "converted date", "conversion date", "converted at", "converted on", "date closed"),
    *("end date", "abschlussdatum", "gewonnen am", "became customer", "customer date", "closedate"),
)
ACCOUNT: tuple[str, ...] = (
    "company",
    "company name",
    "account",
    "account name",
    "account id",
    "organisation",
    "organization",
)
ACCOUNT += ("company id", "firma", "unternehmen", "associated company")
KIND: tuple[str, ...] = (
    "kind",
    "activity type",
    "type",
    "activity",
    "event type",
    "event",
    "action",
    "aktivität",
    "art",
)
TIME: tuple[str, ...] = (
    "at",
    "time",
    "timestamp",
    "occurred at",
    "activity date",
    "date",
    "created date",
    "created at",
)
TIME += ("event time", "event date", "datetime", "when", "createdate", "datum", "zeitpunkt", "happened at")
CONTENT: tuple[str, ...] = (
    "content",
    "subject",
    "title",
    "page",
    "url",
    "page url",
    "asset",
    "campaign",
    "name",
    "form",
)
CONTENT += ("description", "page title", "detail", "betreff", "inhalt", "campaign name", "form name")

_INTEREST = frozenset(
    {
        "visit",
        "visits",
        "visited",
        "page",
        "pages",
        "click",
        "clicks",
        "clicked",
        "open",
        "opened",
        "opens",
        "form",
    }
)
_INTEREST |= frozenset({"download", "downloads", "spent", "website"}) | frozenset(
    {
        "webinar",
        "session",
        "sessions",
        "view",
        "views",
        "viewed",
        "engagement",
        "activity",
        "activities",
        "event",
        "time",
    }
)
_CONTENT = frozenset(
    {
        "campaign",
        "landing",
        "page",
        "content",
        "asset",
        "form",
        "webinar",
        "keyword",
        "utm",
        "medium",
        "source",
    }
)
_CONTENT |= frozenset({"origin", "channel", "ad", "quelle", "kampagne"})
_LATER = frozenset(
    {
        "won",
        "lost",
        "loss",
        "closed",
        "close",
        "stage",
        "status",
        "reason",
        "opportunity",
        "deal",
        "converted",
    }
)
_LATER |= frozenset({"conversion", "outcome", "rejected", "rejection", "disqualified", "invoice", "contract"})
_LATER |= frozenset({"tags", "tag", "quality", "rating"})
_NEWEST = frozenset({"activity", "modified", "notable", "contacted", "touch", "call", "updated"})
_OF_THE_LEAD = frozenset({"marital", "employment", "job", "family", "source"})


def plain(name: str) -> str:
    """A column's name as small words.

    >>> plain("CreatedDate"), plain("lead_id "), plain("E-Mail")
    ('created date', 'lead id', 'e mail')
    """
    apart = re.sub(r"(?<=[a-zäöüß0-9])(?=[A-ZÄÖÜ])", " ", name)
    return " ".join(re.findall(r"[^\W_]+", apart.casefold()))


def first_of(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The column with the earliest of the wanted names."""
    found = {plain(name): name for name in reversed(names)}
    return next((found[one] for one in wanted if one in found), None)


def all_of(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The columns with any of the wanted names, in the order of those."""
    found = {plain(name): name for name in reversed(names)}
    return [found[one] for one in wanted if one in found]


def named(names: Sequence[str], wanted: str, where: str, problems: list[Problem]) -> str | None:
    """The column a person named, in any capitals; notes a problem with the nearest names if there is none."""
    exact = {name.casefold(): name for name in reversed(names)}
    found = exact.get(wanted.strip().casefold())
    if found is None:
        alike = [name for name in names if plain(name) == plain(wanted)]
        found = alike[0] if len(alike) == 1 else None
    if found is None:
        near = meant(closest(wanted, names), f"it has: {shortened(names)}")
        problems.append(Problem(where, f'has no column "{wanted}"', near))
    return found


def shortened(names: Iterable[str], most: int = 12) -> str:
    """Some names, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def words(name: str) -> frozenset[str]:
    """The words of a column's name."""
    return frozenset(plain(name).split())


def is_interest(name: str) -> bool:
    """Whether the name speaks of what a lead did, rather than of what it is.

    >>> is_interest("TotalVisits"), is_interest("Country")
    (True, False)
    """
    return bool(words(name) & _INTEREST)


def is_content(name: str) -> bool:
    """Whether the name speaks of a campaign, a page or another piece of marketing."""
    return bool(words(name) & _CONTENT)


def is_set_later(name: str) -> bool:
    """Whether the name speaks of how a lead ended: nobody knows that when it comes in.

    >>> is_set_later("Loss Reason"), is_set_later("Marital Status"), is_set_later("Industry")
    (True, False, False)
    """
    found = words(name)
    newest = "last" in found and bool(found & _NEWEST)
    return newest or (bool(found & _LATER) and not found & _OF_THE_LEAD)
