"""Invented people and companies. No real person or company is meant.

Mail addresses end in ``.example`` or ``example.com/.org/.net``, phone numbers lie in ranges kept for
fiction (where a country has one).
"""

from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import dataclass

_FIRST = {
    "de": "Jürgen Anna Günther Käthe Sören Lena Matthias Zoë Jörg Heike Björn Ute Florian Ägidius Grit "
    "Thorsten Mareike Özlem Detlef Silke René Annegret Uwe Frauke",
    "en": "Olivia George Amelia Harry Isla Noah Ava Jack Freya Oscar Grace Ethan Chloe Logan Zoe Renée "
    "Mason Harper Wyatt Nora Caleb Ruby Siân Tobias",
}
_LAST = {
    "de": "Müller Schäfer Weiß Größmann Köhler Bäcker Lüttgen Süßkind Jäger Krüger Böhm Vogel Hartmann "
    "Öztürk Brückner Sauer Fröhlich Wölfel Nußbaum Kästner Rößler Zöller",
    "en": "Ashdown Bellamy Corrigan Dunmore Ellery Fairbank Gresham Holloway Ingram Jessop Kendrick Lockhart "
    "Merriweather Norcross Ogden Pemberton Quill Radcliffe Standish Thackeray Underhill Winslow",
}
_FIELDS = {
    "de": "Maschinenbau Logistik Gerätebau Medizintechnik Küchenbau Anlagen Systeme Verpackungen Bürobedarf "
    "Energietechnik",
    "en": "Machines Logistics Instruments Packaging Foods Textiles Systems Energy Consulting Freight",
}
_FORMS = {
    "DE": ("GmbH", "AG", "KG"),
    "AT": ("GmbH", "AG"),
    "CH": ("AG", "GmbH"),
    "GB": ("Ltd", "plc"),
    "US": ("Inc.", "LLC"),
}
_TITLES = {
    "de": (
        "Einkaufsleiterin",
        "Geschäftsführer",
        "Leiter IT",
        "Leiterin Vertrieb",
        "Head of Operations",
        "Produktionsleiter",
    ),
    "en": (
        "Procurement Manager",
        "Head of IT",
        "VP Finance",
        "Operations Director",
        "Chief Operating Officer",
        "Plant Manager",
    ),
}
INDUSTRIES = (
    "Manufacturing",
    "Technology",
    "Healthcare",
    "Consulting",
    "Retail",
    "Energy",
    "Transportation",
    "Banking",
    "Education",
)
SOURCES = ("Website", "Webinar", "Trade fair", "Partner", "Paid search", "Purchased list")
_COUNTRIES = ("DE", "AT", "CH", "GB", "US")
_COUNTRY_WEIGHTS = (40, 9, 9, 18, 24)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody invented, with an employer. Empty text means unknown."""

    first_name: str
    last_name: str
    email: str
    phone: str
    company: str
    job_title: str
    country: str
    industry: str
    employees: int | None
    source: str


def plain(text: str) -> str:
    """Lower-case ASCII letters and digits for addresses: Größmann is groessmann."""
    folded = unicodedata.normalize("NFKD", text.translate(_UMLAUTS)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", folded.lower()).strip("-")


def invent(rng: random.Random, number: int) -> Person:
    """A buyer nobody has met. ``number`` keeps mail addresses apart."""
    country = rng.choices(_COUNTRIES, _COUNTRY_WEIGHTS)[0]
    tongue = "de" if country in ("DE", "AT", "CH") else "en"
    first, last = rng.choice(_FIRST[tongue].split()), rng.choice(_LAST[tongue].split())
    stem = f"{rng.choice(_LAST[tongue].split())} {rng.choice(_FIELDS[tongue].split())}"
    domain = rng.choices(
        (f"{plain(stem)}.example", "example.com", "example.org", "example.net"), (91, 3, 3, 3)
    )[0]
    return Person(
        first_name=first,
        last_name=last,
        email=f"{plain(first)}.{plain(last)}.{number}@{domain}",
        phone=phone(rng, country),
        company=f"{stem} {rng.choice(_FORMS[country])}",
        job_title=rng.choice(_TITLES[tongue]),
        country=country,
        industry=rng.choice(INDUSTRIES),
        employees=rng.choice((12, 35, 80, 140, 220, 450, 900, 2400)),
        source=rng.choices(SOURCES, (38, 16, 12, 12, 14, 8))[0],
    )


def phone(rng: random.Random, country: str) -> str:
    """A number from a range kept for fiction (Austria and Switzerland have none: an unused pattern)."""
    line = rng.randrange(1000)
    return {
        "DE": f"+49 30 23125{line:03d}",
        "AT": f"+43 1 5550{line:03d}",
        "CH": f"+41 44 555 0{line // 100}{line % 100:02d}",
        "GB": f"+44 1632 960{line:03d}",
        "US": f"+1 {rng.choice((212, 312, 415, 617))}-555-01{line % 100:02d}",
    }[country]
