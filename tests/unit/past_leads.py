"""Exports of past leads as companies have them: seeded, messy, and of known truth."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import numpy as np

START = datetime(2023, 1, 2, 8, tzinfo=UTC)
SOURCES = ("Referral", "Website", "Trade fair", "Bought list")
WORTH = {"Referral": 1.2, "Website": 0.3, "Trade fair": 0.0, "Bought list": -1.2}
COLUMNS = (
    *("Lead ID", "CreatedDate", "Company", "Industry", "Country", "Lead Source", "No. of Employees"),
    *(
        "Annual Revenue",
        "Newsletter",
        "Website Visits",
        "Notes",
        "Zip",
        "Loss Reason",
        "Offer Sent By",
        "Segment",
    ),
    *("Last Edited", "Status", "Closed Date"),
)


def chance(log_odds):
    return 1 / (1 + np.exp(-log_odds))


def b2b_rows(leads=2_000, seed=7, date="{:%d.%m.%Y}", decimal=",", empty="", offset=0.0):
    """Rows of a lead export of a B2B company. True: source, size, visits, newsletter. Leaks: Loss Reason, Offer Sent By."""
    random = np.random.default_rng(seed)
    rows = []
    exported = START + timedelta(hours=8 * leads)
    for number in range(leads):
        source = SOURCES[random.choice(4, p=[0.15, 0.45, 0.2, 0.2])]
        size = int(np.exp(random.normal(4, 1.2)))
        visits = int(random.poisson(3))
        news = random.random() < 0.4
        score = -2.2 + offset + WORTH[source] + 0.8 * (size >= 50) + 0.12 * visits + 0.5 * news
        won = bool(random.random() < chance(score))
        came = START + timedelta(hours=8 * number + int(random.integers(8)))
        ended = came + timedelta(days=20 + float(random.exponential(25)))
        closed = won or random.random() < 0.7
        if ended > exported:
            won = closed = False
        industry = ("Maschinenbau", "Handel", "Logistik", "IT", "Select")[random.integers(5)]
        revenue = (
            f"{size * 131_000 / 7:,.2f}".replace(",", " ")
            .replace(".", decimal)
            .replace(" ", "." if decimal == "," else ",")
        )
        reason = "" if won or not closed else ("Price", "Timing", "No need")[random.integers(3)]
        agent = f"Agent {random.integers(1, 4)}" if won and random.random() < 0.95 else empty
        rows.append(
            (
                f"00Q{number:07d}",
                date.format(came),
                f"Firma {random.integers(leads // 3)} GmbH",
                industry,
                ("DE", "AT", "CH", "de")[random.integers(4)],
                source,
                str(size) if random.random() > 0.1 else "n/a",
                revenue,
                ("yes" if news else "No") if random.random() > 0.05 else "",
                str(visits),
                f'Asked about "model {number}",\nline two {random.integers(10**9)}'
                if random.random() < 0.3
                else "",
                f"{random.integers(1000, 99999):05d}",
                reason,
                agent,
                ("A", "B", "C")[random.integers(3)],
                date.format(came + timedelta(days=200)),
                "Won" if won else ("Lost" if closed else "Working"),
                date.format(ended) if closed else "",
            )
        )
    return rows


def text_of(rows, columns=COLUMNS, delimiter=";"):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def activity_rows(rows, seed=11):
    """What was done with each lead: forms lift (in the data), calls after the win do not count."""
    random = np.random.default_rng(seed)
    found = []
    for row in rows:
        came = datetime.strptime(row[1], "%d.%m.%Y").replace(tzinfo=UTC)
        won = row[16] == "Won"
        if random.random() < (0.55 if won else 0.3):
            found.append(
                (row[0], "Form Submitted", came + timedelta(days=float(random.uniform(0.5, 9))), "Price list")
            )
        for _ in range(random.poisson(2)):
            page = ("/pricing?utm=1", "/about#team", "/product")[random.integers(3)]
            found.append((row[0], "Page Visit", came + timedelta(days=float(random.uniform(0.5, 40))), page))
        if won:
            found.append((row[0], "Onboarding call", came + timedelta(days=60), "Welcome"))
    return [(lead, kind, f"{at:%Y-%m-%d %H:%M:%S}", content) for lead, kind, at, content in found]


def education_rows(leads=1_500, seed=3):
    """Like a course seller's export: a running number, 0 and 1, 'Select' where nobody chose, tags set by sales."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(leads):
        origin = ("API", "Landing Page Submission", "Lead Add Form")[random.choice(3, p=[0.4, 0.5, 0.1])]
        minutes = int(random.exponential(480)) if random.random() < 0.75 else 0
        job = ("Unemployed", "Working Professional", "Select")[random.choice(3, p=[0.5, 0.2, 0.3])]
        score = (
            -1.3
            + 1.6 * (origin == "Lead Add Form")
            + 0.0015 * minutes
            + 1.4 * (job == "Working Professional")
        )
        won = random.random() < chance(score)
        tag = (
            ("Will revert after reading" if random.random() < 0.9 else "Busy")
            if won
            else ("Ringing", "Busy", "")[random.integers(3)]
        )
        rows.append(
            (
                f"{random.integers(16**8):08x}",
                579_533 + number * 9,
                origin,
                ("Google", "Direct Traffic", "google", "Olark Chat")[random.integers(4)],
                "Yes" if random.random() < 0.08 else "No",
                int(won),
                random.integers(0, 9),
                minutes,
                job,
                ("Select", "Finance", "HR", "IT")[random.integers(4)],
                "No",
                tag,
            )
        )
    return rows


EDUCATION = (
    "Prospect ID",
    "Lead Number",
    "Lead Origin",
    "Lead Source",
    "Do Not Email",
    "Converted",
    "TotalVisits",
)
EDUCATION += ("Total Time Spent on Website", "Current Occupation", "Specialization", "Magazine", "Tags")
