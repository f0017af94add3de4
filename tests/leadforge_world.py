"""Turns a synthetic ``leadforge`` dataset into the CSV exports that localcrm reads.

leadforge (MIT, PyPI) invents accounts, contacts, leads and their events with day stamps and no names. Names,
addresses and times of the day are made up here from the ids alone, so equal arguments give equal files.
"""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

UNTIL = datetime(2026, 11, 20, 12, tzinfo=UTC)
_RECIPE = "b2b_saas_procurement_v1"
_STAGES = {
    "mql": "mql",
    "sal": "accepted",
    "sql": "qualified",
    "demo_scheduled": "opportunity",
    "demo_completed": "opportunity",
    "proposal_sent": "opportunity",
    "negotiation": "opportunity",
    "closed_won": "customer",
    "closed_lost": "disqualified",
}
# The stages a lead has passed before it stands where it stands.
_PATHS = {
    "mql": ("mql",),
    "accepted": ("mql", "accepted"),
    "qualified": ("mql", "accepted", "qualified"),
    "opportunity": ("mql", "accepted", "qualified", "opportunity"),
    "customer": ("mql", "accepted", "qualified", "opportunity", "customer"),
    "disqualified": ("mql", "accepted", "disqualified"),
}
_REASONS = ("not a buyer", "no need", "competitor", "wrong contact data", "student or applicant")
_TOUCHES = {
    ("email", "inbound"): ("email_click", "/pricing"),
    ("content_download", "inbound"): ("form", "Procurement checklist"),
    ("webinar", "inbound"): ("event", "Webinar: sourcing in a day"),
    ("linkedin_message", "inbound"): ("page_visit", "/about"),
    ("call", "inbound"): ("hand_raise", "Call me back"),
    ("call", "outbound"): ("call", "Call"),
}
_OUTBOUND = ("automatic_email", "Newsletter")
_SALES = {"call": "call", "email": "email", "meeting": "meeting", "demo": "meeting"}
_PAGES = {"pricing_page": "/pricing", "website": "/product", "demo_page": "/demo"}
_MOST_VISITS = 3  # of one session, so that the whole stays near 130,000 activities
_EMPLOYEES = {"200-499": 350, "500-999": 750, "1000-1999": 1500, "2000+": 3000}
_COUNTRY = {"UK": "GB", "US": "US"}
_INDUSTRY = {
    "professional_services": "Consulting",
    "healthcare_non_clinical": "Healthcare",
    "manufacturing": "Manufacturing",
    "logistics": "Transportation",
}
_SOURCE = {"inbound_marketing": "Website", "sdr_outbound": "Purchased list", "partner_referral": "Partner"}
_FIRST = (
    "Anna",
    "Jürgen",
    "Olivia",
    "Noah",
    "Zoë",
    "Harry",
    "Käthe",
    "Ethan",
    "Ruby",
    "Björn",
    "Grace",
    "Caleb",
)
_LAST = ("Ashdown", "Müller", "Corrigan", "Weiß", "Gresham", "Schäfer", "Ingram", "Norcross", "Böhm", "Quill")
_REPS = (
    "Jürgen Weiß",
    "Sabine Köhler",
    "Emily Carter",
    "Marcus Oakley",
    "Fatma Özdemir",
    "Dana Whitfield",
    "Anneliese Groß",
    "Tom Harker",
    "Nora Ellery",
    "Uwe Sauer",
)
_LEAD_COLUMNS = [
    "lead_id",
    "created_at",
    "first_name",
    "last_name",
    "email",
    "phone",
    "company",
    "job_title",
    "country",
    "industry",
    "employees",
    "source",
    "owner",
    "stage",
    "reason",
]
_ACTIVITY_COLUMNS = ("lead", "kind", "at", "content", "by", "outcome", "old", "new")


def write_leadforge_csvs(
    folder: Path, n_leads: int = 5000, seed: int = 7, *, until: datetime = UNTIL
) -> tuple[Path, Path]:
    """Write leads.csv and activities.csv into ``folder``; the last event lies one day before ``until``."""
    with tempfile.TemporaryDirectory(prefix="leadforge-") as made:
        generate(Path(made), n_leads, seed)
        return write_csvs(Path(made) / "tables", folder, until=until)


def write_csvs(tables: Path, folder: Path, *, until: datetime = UNTIL) -> tuple[Path, Path]:
    """The same from tables that were generated before."""
    world = _World.read(tables, until)
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "leads.csv", folder / "activities.csv"
    _write(paths[0], _LEAD_COLUMNS, world.leads())
    activities = [*world.touches(), *world.sessions(), *world.sales()]
    activities += world.changes(activities)
    _write(paths[1], _ACTIVITY_COLUMNS, sorted(activities, key=lambda row: (row["at"], row["lead"])))
    return paths


def generate(folder: Path, n_leads: int, seed: int) -> None:
    """The tables as leadforge makes them, into ``folder``/tables."""
    command = [
        str(Path(sys.executable).with_name("leadforge")),
        "generate",
        "-r",
        _RECIPE,
        "--seed",
        str(seed),
    ]
    command += ["--mode", "research_instructor", "--out", str(folder), "--n-leads", str(n_leads)]
    subprocess.run(command, check=True, capture_output=True)


def _write(
    path: Path, columns: list[str] | tuple[str, ...], rows: Iterator[dict[str, str]] | list[dict[str, str]]
) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _number(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big")


def _rows(frame: pd.DataFrame) -> Iterator[dict[str, object]]:
    yield from frame.to_dict("records")


@dataclass(frozen=True, slots=True)
class _World:
    """The tables, and how far their days move so that they end one day before the given end."""

    tables: dict[str, pd.DataFrame]
    shift: timedelta
    last: datetime

    @classmethod
    def read(cls, folder: Path, until: datetime) -> _World:
        names = ("accounts", "contacts", "leads", "touches", "sessions", "sales_activities", "opportunities")
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in names}
        days = [
            tables["leads"]["lead_created_at"].max(),
            tables["touches"]["touch_timestamp"].max(),
            tables["sessions"]["session_timestamp"].max(),
            tables["sales_activities"]["activity_timestamp"].max(),
            tables["opportunities"]["closed_at"].dropna().max(),
        ]
        newest = max(_day(day) for day in days if isinstance(day, str))
        last = until - timedelta(days=1)
        return cls(tables, last.replace(hour=0, minute=0, second=0, microsecond=0) - newest, last)

    def at(self, day: object, key: str) -> datetime:
        """The moved day, at a time between 07:00 and 17:00 UTC that belongs to ``key``."""
        moment = _day(str(day)) + self.shift + timedelta(hours=7, seconds=_number(key) % 36_000)
        return min(moment, self.last)

    def event(self, day: object, key: str, lead: object, **cells: str) -> dict[str, str]:
        """One line of the activities."""
        return {"lead": str(lead), "at": _text(self.at(day, key)), **cells}

    def created(self, lead: str, day: object) -> datetime:
        """When the lead came in: before seven on its day, so before everything else of it."""
        return _day(str(day)) + self.shift + timedelta(hours=6, seconds=_number(lead) % 3_600)

    def leads(self) -> Iterator[dict[str, str]]:
        joined = self.tables["leads"].merge(
            self.tables["contacts"].drop(columns=["account_id", "created_at"]), on="contact_id"
        )
        joined = joined.merge(self.tables["accounts"].drop(columns="created_at"), on="account_id")
        for row in _rows(joined.sort_values("lead_id")):
            lead, stage = str(row["lead_id"]), _STAGES[str(row["current_stage"])]
            first, last = _FIRST[_number(lead) % len(_FIRST)], _LAST[_number(lead + "/last") % len(_LAST)]
            country = _COUNTRY[str(row["region"])]
            yield {
                "lead_id": lead,
                "created_at": _text(self.created(lead, row["lead_created_at"])),
                "first_name": first,
                "last_name": last,
                "email": _address(lead, str(row["account_id"]), str(row["email_domain_type"])),
                "phone": _phone(lead, country),
                "company": str(row["company_name"]),
                "job_title": str(row["job_title"]),
                "country": country,
                "industry": _INDUSTRY[str(row["industry"])],
                "employees": str(_EMPLOYEES[str(row["employee_band"])]),
                "source": _SOURCE[str(row["lead_source"])],
                "owner": _rep(str(row["owner_rep_id"])),
                "stage": stage,
                "reason": _REASONS[_number(lead) % len(_REASONS)] if stage == "disqualified" else "",
            }

    def touches(self) -> Iterator[dict[str, str]]:
        owners = dict(zip(self.tables["leads"]["lead_id"], self.tables["leads"]["owner_rep_id"], strict=True))
        for row in _rows(self.tables["touches"]):
            kind, content = _TOUCHES.get((str(row["touch_type"]), str(row["touch_direction"])), _OUTBOUND)
            by = {"call": _rep(str(owners[row["lead_id"]])), "automatic_email": "automation"}.get(kind, "")
            yield self.event(
                row["touch_timestamp"],
                str(row["touch_id"]),
                row["lead_id"],
                kind=kind,
                content=content,
                by=by,
            )

    def sessions(self) -> Iterator[dict[str, str]]:
        for row in _rows(self.tables["sessions"]):
            content = _PAGES[str(row["session_type"])]
            for number in range(min(int(str(row["page_views"])), _MOST_VISITS)):
                key = f"{row['session_id']}/{number}"
                yield self.event(
                    row["session_timestamp"], key, row["lead_id"], kind="page_visit", content=content
                )

    def sales(self) -> Iterator[dict[str, str]]:
        for row in _rows(self.tables["sales_activities"]):
            kind = str(row["activity_type"])
            yield self.event(
                row["activity_timestamp"],
                str(row["activity_id"]),
                row["lead_id"],
                kind=_SALES[kind],
                content=kind.title(),
                by=_rep(str(row["rep_id"])),
                outcome=str(row["activity_outcome"]).replace("_", " "),
            )

    def changes(self, activities: list[dict[str, str]]) -> Iterator[dict[str, str]]:
        """Stage changes that lead each lead to where it stands, placed by what is known of it."""
        signals, sales = _firsts(activities, own=True), _firsts(activities, own=False)
        deals = self.tables["opportunities"].set_index("lead_id")
        for row in _rows(self.tables["leads"]):
            lead = str(row["lead_id"])
            created = self.created(lead, row["lead_created_at"])
            handover = _instant(signals.get(lead)) or created + timedelta(days=1)
            deal = deals.loc[lead] if lead in deals.index else None
            known = {
                "mql": handover,
                "accepted": _instant(sales.get(lead)) or handover + timedelta(hours=3),
                "opportunity": None if deal is None else self.at(deal["created_at"], lead + "/deal"),
                "customer": None if deal is None else self._closed(deal["closed_at"], lead),
                "disqualified": None if deal is None else self._closed(deal["closed_at"], lead),
            }
            yield from self._path(
                lead, _STAGES[str(row["current_stage"])], known, _rep(str(row["owner_rep_id"]))
            )

    def _closed(self, day: object, lead: str) -> datetime | None:
        return self.at(day, lead + "/closed") if isinstance(day, str) else None

    def _path(
        self, lead: str, stage: str, known: dict[str, datetime | None], rep: str
    ) -> Iterator[dict[str, str]]:
        path, old, moment = _PATHS[stage], "new", datetime.min.replace(tzinfo=UTC)
        for place, new in enumerate(path):
            wish = known.get(new) or moment + timedelta(hours=4)
            # Leaves a minute for each stage still to come, so the path always ends in time and in order.
            latest = self.last - timedelta(minutes=len(path) - place)
            moment = min(max(wish, moment + timedelta(minutes=1)), max(latest, moment + timedelta(seconds=1)))
            by = "automation" if new == "mql" else rep
            yield {"lead": lead, "kind": "stage", "at": _text(moment), "old": old, "new": new, "by": by}
            old = new


def _firsts(activities: list[dict[str, str]], *, own: bool) -> dict[str, str]:
    """The first instant each lead did something (``own``), or a sales person did for it."""
    kinds = (
        {"email_click", "form", "event", "page_visit", "hand_raise"} if own else {"call", "email", "meeting"}
    )
    found: dict[str, str] = {}
    for row in activities:
        if row["kind"] in kinds and row["at"] < found.get(row["lead"], "9"):
            found[row["lead"]] = row["at"]
    return found


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text[:10]).replace(tzinfo=UTC)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _rep(rep_id: str) -> str:
    return _REPS[(int(rep_id.rsplit("_", 1)[1]) - 1) % len(_REPS)]


def _address(lead: str, account: str, kind: str) -> str:
    """An address by the kind of its domain; an unknown one is missing."""
    domain = {"corporate": f"{account.replace('_', '-')}.example", "personal": "freemail.example"}.get(kind)
    return f"{lead.replace('_', '.')}@{domain}" if domain else ""


def _phone(lead: str, country: str) -> str:
    number = _number(lead + "/phone")
    return f"+44 1632 960{number % 1000:03d}" if country == "GB" else f"+1 212-555-01{number % 100:02d}"
