"""Exit codes, and which error ends with which: the front door adds the advice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from sqlalchemy.exc import DBAPIError

from connectors.errors import BudgetSpent, CrmError, Misconfigured, Unauthorised, Unavailable
from leadsla.wiring import SecretsMissing
from sync.guard import GuardStopped
from sync.lease import Busy, LeaseLost
from sync.store import StoreUnusable, refusal


class Exit(IntEnum):
    """0 done; 2 configuration; 3 authentication or rights; 4 partial; 5 guard or budget; 75 busy."""

    DONE = 0
    CONFIGURATION = 2
    AUTHENTICATION = 3
    PARTIAL = 4
    STOPPED = 5
    BUSY = 75


@dataclass(frozen=True, slots=True)
class End:
    code: Exit
    message: str


class ConfigurationProblem(Exception):
    """The configuration, or something a person named, cannot be used; the text says what to do."""


_ADVICE: tuple[tuple[type[Exception], Exit, str], ...] = (
    (Misconfigured, Exit.CONFIGURATION, "run `leadsla check` for everything that is wrong"),
    (SecretsMissing, Exit.AUTHENTICATION, ""),
    (
        Unauthorised,
        Exit.AUTHENTICATION,
        "check these credentials and their rights in the CRM, and what `auth` of this connection names",
    ),
    (BudgetSpent, Exit.STOPPED, "nothing is lost; run again when the CRM's allowance is renewed"),
    (
        Unavailable,
        Exit.PARTIAL,
        "nothing is lost; run again when the CRM can be reached, or correct `base_url` if it never could",
    ),
    (CrmError, Exit.PARTIAL, "run again; what is unknown is looked up first"),
    (GuardStopped, Exit.STOPPED, ""),
    (Busy, Exit.BUSY, "another run holds this connection; it frees it when done or soon after dying"),
    (LeaseLost, Exit.BUSY, "nothing is lost; let the other run finish"),
    (StoreUnusable, Exit.CONFIGURATION, ""),
)
_LATER = (Unavailable, BudgetSpent, Busy)


def end_of(error: Exception) -> End | None:
    """How a known error ends the program; None for one that nobody expected."""
    if isinstance(error, ConfigurationProblem):
        return End(Exit.CONFIGURATION, str(error))
    if isinstance(error, DBAPIError):
        return End(Exit.CONFIGURATION, refusal("the state database", error))
    for kind, code, _ in _ADVICE:
        if isinstance(error, kind):
            advice = advice_for(error)
            return End(code, f"{error}. What to do: {advice}." if advice else str(error))
    return None


def advice_for(error: Exception) -> str:
    """What to do about a known error; empty when it says so itself."""
    if isinstance(error, Unauthorised) and "; " in str(error):
        return ""
    return next((advice for kind, _, advice in _ADVICE if isinstance(error, kind)), "")


def code_of(troubles: Iterable[Exception]) -> Exit:
    """The exit code of the worst: what a person must act on before what passes by itself."""

    def rank(error: Exception) -> tuple[int, int]:
        passes = next((number for number, kind in enumerate(_LATER, 1) if isinstance(error, kind)), 0)
        return passes, _code(error)

    return _code(min(troubles, key=rank, default=None))


def _code(error: Exception | None) -> Exit:
    if error is None:
        return Exit.DONE
    end = end_of(error)
    return end.code if end else Exit.PARTIAL
