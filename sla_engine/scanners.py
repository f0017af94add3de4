"""Clicks made by machines: mail security opens links before people do.

Not here: opens and page visits by machines, which nothing in a CRM tells apart; opens are worth nothing
unless an admin says otherwise. Sources: docs/concepts/agreement.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field

from sla_engine.model import Activity
from sla_engine.parts import Duration, Part


class Scanners(Part):
    """Clicks made by mail security: ``links`` different ones ``within`` a moment, or right after sending.

    ``within`` and ``after_sending`` are real time. Sources: docs/concepts/agreement.

    >>> Scanners().links, Scanners().within
    (3, datetime.timedelta(seconds=10))
    """

    links: int = Field(default=3, ge=2)
    within: Duration = timedelta(seconds=10)
    after_sending: Duration = timedelta(seconds=5)


def scanner_clicks(
    clicks: Sequence[Activity], sent: Sequence[datetime], rules: Scanners, now: datetime
) -> set[str]:
    """Ids of clicks that a machine made: a burst over several links, or right after a mail was sent.

    ``clicks`` in time order; those after ``now`` are not looked at. Instants are aware UTC.

    >>> from sla_engine.examples import done, later
    >>> click = done("email_click", 0, by="lead")
    >>> scanner_clicks([click], [later(0)], Scanners(), later(1)) == {click.id}
    True
    """
    if not sent and (len(clicks) < rules.links or not _is_burst(clicks, rules)):
        return set()
    clicks = [one for one in clicks if one.at <= now]
    found: set[str] = set()
    first = 0
    for last, click in enumerate(clicks):
        while click.at - clicks[first].at > rules.within:
            first += 1
        if last - first + 1 >= rules.links:
            window = clicks[first : last + 1]
            if len({one.content or one.id for one in window}) >= rules.links:
                found |= {one.id for one in window}
    for one in clicks:
        before = bisect_right(sent, one.at)  # mails sent by then, in time order
        if before and one.at - sent[before - 1] <= rules.after_sending:
            found.add(one.id)
    return found


def _is_burst(clicks: Sequence[Activity], rules: Scanners) -> bool:
    """Whether so many clicks ever came within the moment that they may be a machine's."""
    before = rules.links - 1
    within = rules.within
    return any(last.at - first.at <= within for first, last in zip(clicks, clicks[before:], strict=False))
