"""What differs between portals, and between what is told about HubSpot: each a switch, turned at any time.

Where sources about HubSpot disagree, the switch names both; the default is the documented or the stricter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from localcrm.face import Refused


@dataclass(frozen=True, slots=True)
class Switches:
    """One portal's settings.

    ``portal_id``: the account's number. ``limits``: whether calls are refused at all.
    ``burst_limit``: calls per 10 s (100 Starter, 110 marketplace apps, 190 Professional).
    ``daily_limit``: calls a day of the account.
    ``limit_bodies``: ``documented`` names ``policyName`` in a burst's and a day's 429; ``recorded`` leaves it
    out, as search answers recorded from real portals do (2021, 2022).
    ``retry_after``: seconds told in a 429's Retry-After; 0 sends none: HubSpot documents it for 477 only.
    ``search_lag``: seconds the search stays behind writes. ``text_sorted_ids``: the search compares record
    ids as text, as clients have taken them; HubSpot documents ``hs_object_id`` as a number.
    ``task_unique_property``: whether a unique property may be made on tasks; undocumented.
    ``leads``: whether the account has the leads object (Sales seats); without it 403.
    ``conflict_refuses_batch``: one conflicting row answers 409 for a whole batch upsert even with trace ids,
    as users report; recorded calls to a real portal got a 207.
    ``merge_makes_new_record``: the survivor of a merge is a new record, as ``newObjectId`` in the webhook
    documentation has it; else the primary stays.
    ``ignores_unknown_on_tasks``: unknown and read-only properties of tasks are dropped, as the task guide
    says, instead of refused, as the batch documentation says.
    ``rotating_refresh_token``: a refresh answers a new refresh token and ends the old; HubSpot keeps it.
    ``missing_scopes``: scopes the app was not granted; calls that need one answer 403.
    """

    portal_id: int = 4_815_162
    limits: bool = True
    search_lag: float = 0.0
    task_unique_property: bool = False
    leads: bool = False
    burst_limit: int = 190
    daily_limit: int = 625_000
    limit_bodies: str = "documented"
    retry_after: int = 0
    text_sorted_ids: bool = False
    conflict_refuses_batch: bool = False
    merge_makes_new_record: bool = False
    ignores_unknown_on_tasks: bool = False
    rotating_refresh_token: bool = False
    missing_scopes: tuple[str, ...] = ()

    def told(self) -> dict[str, Any]:
        """Every switch by name, as JSON shows it."""
        return asdict(self)

    def turned(self, given: object) -> Switches:
        """These switches with the given ones changed; raises Refused for an unknown name or a wrong kind."""
        if not isinstance(given, Mapping) or not given:
            raise Refused('name the switches to turn, such as {"leads": true}')
        known = {one.name for one in fields(self)}
        unknown = sorted(set(map(str, given)) - known)
        if unknown:
            raise Refused(f"no switch {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        return replace(
            self, **{name: _checked(name, getattr(self, name), value) for name, value in given.items()}
        )


def _checked(name: str, now: Any, value: Any) -> Any:
    if isinstance(now, bool):
        fits, wanted = isinstance(value, bool), "true or false"
    elif isinstance(now, int | float):
        fits = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        wanted = "a number, at least 0"
    elif isinstance(now, tuple):
        fits = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
        wanted = "a list of texts"
    else:
        fits, wanted = value in ("documented", "recorded"), '"documented" or "recorded"'
    if not fits:
        raise Refused(f"'{name}' must be {wanted}")
    return tuple(value) if isinstance(now, tuple) else value
