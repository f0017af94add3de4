"""Exit codes, and which error ends with which: the front door adds the advice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from connectors.errors import BudgetSpent, CrmError, Misconfigured, Unauthorised, Unavailable
from sync.guard import GuardStopped
from sync.lease import Busy


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
    """The configuration cannot be used; its problems were printed already."""


_ADVICE: tuple[tuple[type[Exception], Exit, str], ...] = (
    (Misconfigured, Exit.CONFIGURATION, "run `leadsla check` for everything that is wrong"),
    (
        Unauthorised,
        Exit.AUTHENTICATION,
        "check the credentials named under [connections.NAME] auth and renew them in the CRM",
    ),
    (BudgetSpent, Exit.STOPPED, "nothing is lost; run again when the CRM's allowance is renewed"),
    (Unavailable, Exit.PARTIAL, "nothing is lost; run again when the CRM can be reached"),
    (CrmError, Exit.PARTIAL, "run again; what is unknown is looked up first"),
    (
        GuardStopped,
        Exit.STOPPED,
        "read `leadsla plan`; if it is meant, run `leadsla sync --allow-mass-change`",
    ),
    (
        Busy,
        Exit.BUSY,
        "another run holds this connection; it frees it when done or within two minutes of dying",
    ),
)


def end_of(error: Exception) -> End | None:
    """How a known error ends the program; None for one that nobody expected."""
    if isinstance(error, ConfigurationProblem):
        return End(Exit.CONFIGURATION, str(error))
    for kind, code, advice in _ADVICE:
        if isinstance(error, kind):
            return End(code, f"{error}. What to do: {advice}.")
    return None
