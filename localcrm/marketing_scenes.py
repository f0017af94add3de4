"""What leads and marketing do before sales: reading, clicking, asking, leaving, being no buyer at all.

Each scene takes a fresh ``Plot`` and tells it to the end; scenes that only prepare a handover are used
by ``sales_scenes``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from localcrm.plot import Plot
from localcrm.staff import AUTOMATION, MARKETING, sellers

PAGES = ("/product", "/pricing", "/references", "/blog/procurement-checklist", "/integrations", "/about")
MAILS = ("Newsletter October", "Newsletter November", "Procurement checklist", "Webinar invitation")
FORMS = ("Whitepaper: supplier risk", "Procurement checklist", "Newsletter sign-up")
EVENTS = ("Webinar: sourcing in a day", "Trade fair Hannover", "Breakfast roundtable")
HAND_RAISES = ("Demo request", "Call me back", "Pricing request")
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def mailing(plot: Plot, at: datetime, *, clicks: int = 0, opens: bool = True) -> None:
    """An automatic mail goes out; the lead opens it and clicks, in human time."""
    subject = plot.rng.choice(MAILS)
    plot.touch("automatic_email", at, subject, by=AUTOMATION)
    moment = at + plot.rng.uniform(0.1, 20) * _HOUR
    if opens:
        plot.touch("email_open", moment, subject)
    for _ in range(clicks):
        moment += plot.rng.uniform(1, 30) * _MINUTE
        plot.touch("email_click", moment, plot.rng.choice(PAGES))


def visit(plot: Plot, at: datetime, pages: int) -> None:
    """One walk through the website."""
    for _ in range(pages):
        plot.touch("page_visit", at, plot.rng.choice(PAGES))
        at += plot.rng.uniform(0.3, 4) * _MINUTE


def some_interest(plot: Plot, start: datetime, end: datetime) -> None:
    """Between two instants the lead reads, clicks, and fills a form or comes to an event."""
    span = end - start
    first, second, last = (start + span * share for share in (0.05, 0.45, 0.85))
    mailing(plot, start + span * 0.01, clicks=plot.rng.randint(1, 2))
    visit(plot, first, plot.rng.randint(1, 4))
    if plot.rng.random() < 0.5:
        plot.touch("event", second, plot.rng.choice(EVENTS))
    visit(plot, second, plot.rng.randint(1, 3))
    plot.touch("form", last, plot.rng.choice(FORMS))


def assign(plot: Plot, at: datetime, rep: str | None = None) -> None:
    """Automation gives the lead to a rep of its country."""
    plot.give(rep or plot.rng.choice(sellers(plot.person.country)), at, AUTOMATION)


def hand_over(plot: Plot, at: datetime, *, rep: str | None = None, to_queue: bool = False) -> None:
    """A good lead becomes an MQL at ``at``: interest before, then marketing or its automation says so.

    The owner is known days before, or at the handover; ``to_queue`` leaves it in the inbound queue.
    """
    plot.begin(at - plot.rng.uniform(0.2, 6) * _DAY)
    some_interest(plot, plot.created_at, at)
    early = plot.rng.random() < 0.3
    if early and not to_queue:
        assign(plot, plot.created_at + 2 * _MINUTE, rep)
    announce(plot, at)
    if not early and not to_queue:
        assign(plot, at, rep)
    plot.handed_over_at = at


def announce(plot: Plot, at: datetime) -> None:
    """Marketing's automation, or at times its person, makes the lead an MQL."""
    plot.move("mql", at, AUTOMATION if plot.rng.random() < 0.8 else MARKETING)


def raise_hand(plot: Plot, at: datetime, *, rep: str | None = None) -> None:
    """The lead asks to be contacted and is handed over at once."""
    plot.begin(at - plot.rng.uniform(0.02, 3) * _DAY)
    visit(plot, at - 12 * _MINUTE, 2)
    plot.touch("hand_raise", at - _MINUTE, plot.rng.choice(HAND_RAISES))
    plot.move("mql", at, AUTOMATION)
    assign(plot, at, rep)
    plot.handed_over_at = at


def cold(plot: Plot) -> None:
    """A name on a list; nobody reads our mails."""
    plot.person = replace(plot.person, source="Purchased list")
    for day in range(3, 30, 12):
        mailing(plot, plot.created_at + day * _DAY, opens=False)


def nurtured(plot: Plot) -> None:
    """Reads a little, never enough."""
    for day in range(1, 36, 9):
        mailing(plot, plot.created_at + day * _DAY, clicks=plot.rng.randint(0, 1))
    visit(plot, plot.created_at + 2 * _HOUR, 1)


def scanner(plot: Plot) -> None:
    """A mail security gateway clicks every link within seconds; no person was there."""
    for day in (0.5, 7.5, 14.5):
        at = plot.created_at + day * _DAY
        plot.touch("automatic_email", at, MAILS[0], by=AUTOMATION)
        plot.touch("email_open", at + timedelta(seconds=1), MAILS[0])
        for number, page in enumerate(PAGES):
            plot.touch("email_click", at + timedelta(seconds=2 + number), page)


def incomplete(plot: Plot) -> None:
    """Interested, but what we know is too little or nonsense."""
    gaps: tuple[dict[str, str], ...] = (
        {"phone": "", "email": ""},
        {"company": ""},
        {"company": "test", "last_name": "test", "first_name": ""},
        {"company": "n/a"},
        {"phone": "", "job_title": "", "industry": ""},
        {"company": "n/a", "phone": ""},
    )
    number = int(plot.key.lstrip("L"))
    plot.person = replace(plot.person, **gaps[number % len(gaps)], employees=None)
    some_interest(plot, plot.created_at, plot.created_at + 3 * _DAY)


def applicant(plot: Plot) -> None:
    """Looks for a job, not for a product."""
    titles = ("Bewerber", "Job seeker", "Applicant, sales", "Bewerberin Einkauf")
    plot.person = replace(plot.person, job_title=plot.rng.choice(titles))
    visit(plot, plot.created_at, 4)
    plot.touch("page_visit", plot.created_at + _HOUR, "/careers")
    plot.touch("form", plot.created_at + 1.1 * _HOUR, "Careers: application")


def student(plot: Plot) -> None:
    """Writes a thesis."""
    titles = ("Student", "Werkstudentin", "Praktikant", "PhD student")
    plot.person = replace(
        plot.person, job_title=plot.rng.choice(titles), company="Example University", employees=None
    )
    some_interest(plot, plot.created_at, plot.created_at + 2 * _DAY)


def competitor(plot: Plot) -> None:
    """Has a look at what we do."""
    firms = ("Rival Sourcing Software GmbH", "Competitor Systems Ltd")
    plot.person = replace(plot.person, company=plot.rng.choice(firms), job_title="Product Manager")
    visit(plot, plot.created_at, 6)
    plot.touch("event", plot.created_at + _DAY, EVENTS[0])


def supplier(plot: Plot) -> None:
    """Wants to sell to us."""
    plot.person = replace(plot.person, job_title="Account Executive", company="Supplier Direct Marketing Ltd")
    plot.touch("form", plot.created_at + 5 * _MINUTE, "Partnership offer")
    mailing(plot, plot.created_at + _DAY)


def freemail(plot: Plot) -> None:
    """Somebody with a private address and no company."""
    name = plot.person.email.split("@", maxsplit=1)[0]
    plot.person = replace(plot.person, email=f"{name}@freemail.example", company="")
    some_interest(plot, plot.created_at, plot.created_at + 4 * _DAY)


def opted_out(plot: Plot) -> None:
    """Was interested, then wanted no more mail."""
    plot.begin(plot.until - plot.rng.uniform(8, 40) * _DAY)
    mailing(plot, plot.created_at + _HOUR, clicks=1)
    plot.touch("opt_out", plot.created_at + 6 * _DAY, "Unsubscribed")
    plot.opted_out = True


def bounced(plot: Plot) -> None:
    """The address does not work."""
    plot.touch("automatic_email", plot.created_at + _HOUR, MAILS[0], by=AUTOMATION)
    plot.touch("bounce", plot.created_at + 1.01 * _HOUR, "Mailbox unknown")
