"""Errors, named by what the caller does next. Texts carry ids, fields and counts, never values.

CrmError
 +- Misconfigured      fix the configuration (exit 2)
 +- Unauthorised       fix credentials or rights (exit 3)
 +- Unavailable        try again later: not reachable, or broken for now (exit 4)
 |   +- RateLimited    try again after ``retry_after`` seconds
 +- BudgetSpent        stop until the day's calls are renewed (exit 5)
 +- OutcomeUnknown     a write may or may not have happened: look it up by key first
"""

from __future__ import annotations


class CrmError(Exception):
    """Base: something the CRM or the way to it refused. The text is fit for a person and a log."""


class Misconfigured(CrmError):
    """Settings, mapping or schema do not fit together; ``problems`` lists them all."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def wrong_address(name: str, base_url: str, answer: str) -> Misconfigured:
    """What answers at a connection's address is not the CRM, or not its API."""
    return Misconfigured(
        f"connections.{name}.base_url: {base_url} does not answer as the CRM does ({answer});"
        " correct the address, or wait if the CRM is down for maintenance"
    )


class Unauthorised(CrmError):
    """The CRM does not accept the credentials or denies a right."""


class Unavailable(CrmError):
    """The CRM cannot be reached or answers nonsense; repeating later is right.

    ``retry_after``: seconds the CRM asks to be left alone for; 0 where it says nothing.
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(Unavailable):
    """Too many calls; wait ``retry_after`` seconds."""


class BudgetSpent(CrmError):
    """The day's allowance of calls is used up."""


class OutcomeUnknown(CrmError):
    """The connection broke after a write was sent: it may have been applied."""
