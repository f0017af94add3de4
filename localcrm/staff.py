"""The story's people: sales in Berlin and New York, marketing, a manager, and the automation user."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from localcrm.company import Queue, Rep
from localcrm.names import plain

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
AUTOMATION, MARKETING, MANAGER = "automation", "mia", "katharina"
AWAY, GONE = "bjoern", "lukas"
INBOUND = Queue("inbound", "Inbound Leads")

_SELLERS = (
    ("juergen", "Jürgen", "Weiß", BERLIN),
    ("sabine", "Sabine", "Köhler", BERLIN),
    ("anneliese", "Anneliese", "Groß", BERLIN),
    ("fatma", "Fatma", "Özdemir", BERLIN),
    ("emily", "Emily", "Carter", NEW_YORK),
    ("marcus", "Marcus", "Oakley", NEW_YORK),
    ("dana", "Dana", "Whitfield", NEW_YORK),
)


@dataclass(frozen=True, slots=True)
class Staff:
    """Everybody by what they do; keys lead into ``reps``."""

    reps: tuple[Rep, ...]

    def zone(self, key: str) -> str:
        """The time zone of a rep; the queue's is Berlin."""
        return next((rep.time_zone for rep in self.reps if rep.key == key), BERLIN)


def sellers(country: str) -> tuple[str, ...]:
    """Keys of the sales people who look after a country."""
    zone = NEW_YORK if country == "US" else BERLIN
    return tuple(key for key, _, _, place in _SELLERS if place == zone)


def staff(until: datetime) -> Staff:
    """Everybody, with one rep on holiday at ``until`` and one who has left."""
    people = [_rep(key, first, last, zone) for key, first, last, zone in _SELLERS]
    away = _rep(AWAY, "Björn", "Schäfer", BERLIN)
    people += [
        Rep(
            key=away.key,
            first_name=away.first_name,
            last_name=away.last_name,
            email=away.email,
            away_from=until - timedelta(days=5),
            away_until=until + timedelta(days=9),
        ),
        Rep(GONE, "Lukas", "Brandt", "lukas.brandt@example.com", active=False),
        _rep(MARKETING, "Mia", "Sommer", BERLIN),
        _rep(MANAGER, "Katharina", "Vogt", BERLIN),
        Rep(AUTOMATION, "Marketing", "Automation", "automation@example.com", automation=True),
    ]
    return Staff(tuple(people))


def _rep(key: str, first: str, last: str, zone: str) -> Rep:
    return Rep(key, first, last, f"{plain(first)}.{plain(last)}@example.com", time_zone=zone)
