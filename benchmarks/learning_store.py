"""Learning from the state: how long a million leads with twenty activities take, and how much memory.

Fills a state with generated leads (not timed), then times `learn` from reading it to the proposal.

    python benchmarks/learning_store.py [--leads 50000] [--json]
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from connectors.base import Page, SeenLead
from sla_engine.book import Book
from sla_engine.model import Activity, ActivityKind, ActorKind, Lead, LifecycleStage, Owner, StageChange
from sync.learning import learn_from_store
from sync.progress import Silent
from sync.store import Store
from sync.store.facts import Facts
from tests.scenarios.theatre import the_agreement

NOW = datetime(2026, 11, 1, tzinfo=UTC)
KINDS = (ActivityKind.PAGE_VISIT, ActivityKind.EMAIL_CLICK, ActivityKind.FORM, ActivityKind.CALL)
PAGES = ("/pricing", "/about", "/product", "/blog/1", "/blog/2")
A_PAGE = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leads", type=int, default=50_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(f"sqlite:///{Path(folder) / 'state.db'}")
        fill(store, asked.leads)
        started = time.monotonic()
        found = learn_from_store(store, "all", Book.of(the_agreement()), NOW, None, Silent())
        seconds = time.monotonic() - started
        store.close()
    rows = {
        "leads": asked.leads,
        "counted": found.counted.leads,
        "lines": len(found.proposal.card.lines),
        "seconds": round(seconds, 1),
        "seconds for a million": round(seconds / asked.leads * 1_000_000),
        "peak MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    if asked.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{platform.machine()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}")
    for name, value in rows.items():
        print(f"{name:24} {value:>12,}")


def fill(store: Store, leads: int) -> None:
    facts, page = Facts("all"), list[tuple[SeenLead, list[Activity], list[StageChange]]]()
    for one in generated(leads):
        page.append(one)
        if len(page) == A_PAGE:
            keep(store, facts, page)
            page = []
    keep(store, facts, page)


def keep(store: Store, facts: Facts, page: list[tuple[SeenLead, list[Activity], list[StageChange]]]) -> None:
    with store.begin() as db:
        facts.keep_page(
            db,
            Page(
                leads=tuple(seen for seen, _, _ in page),
                activities=tuple((seen.lead.id, one) for seen, done, _ in page for one in done),
                stages=tuple((seen.lead.id, one) for seen, _, moves in page for one in moves),
            ),
            "account",
        )


def generated(leads: int) -> Iterator[tuple[SeenLead, list[Activity], list[StageChange]]]:
    dice = random.Random(11)
    owner = Owner("eva", time_zone="Europe/Berlin")
    for number in range(leads):
        began = NOW - timedelta(minutes=dice.randrange(60 * 24 * 300))
        source = dice.choice(["Referral", "Website", "List"])
        done = [
            Activity(
                f"{number}-{place}",
                dice.choice(KINDS),
                at := began + timedelta(minutes=dice.randrange(60 * 24 * 30)),
                at,
                "eva",
                ActorKind.PERSON,
                content=dice.choice(PAGES),
                consent="declared",
            )
            for place in range(20)
        ]
        won = dice.random() < {"Referral": 0.4, "Website": 0.2, "List": 0.1}[source]
        end = LifecycleStage.OPPORTUNITY if won else LifecycleStage.RECYCLED
        ended = began + timedelta(days=20 + dice.random() * 20)
        moves = [StageChange(began, LifecycleStage.MQL, "flow", ActorKind.AUTOMATION, id=f"{number}-m")]
        if ended < NOW:
            moves.append(StageChange(ended, end, "eva", ActorKind.PERSON, "no budget", id=f"{number}-e"))
        fields = {
            "company": f"Kontor {number // 3}",
            "source": source,
            "employees": dice.choice([5, 80, 900]),
        }
        lead = Lead(f"L{number}", began, moves[-1].stage, owner, fields)
        yield SeenLead(lead, moves[-1].at, {}), done, moves


if __name__ == "__main__":
    main()
