"""Every SOQL text that real runs send to the practice Salesforce is SOQL to Salesforce's own grammar."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.base import CreateTask
from connectors.salesforce.crm import SalesforceCrm
from localcrm.clock import Clock
from localcrm.salesforce import SalesforceFace
from localcrm.server import running
from localcrm.story import tell
from tests.contract.benches import open_crm
from tests.peers import npm

pytestmark = pytest.mark.slow  # whole runs, and the first one installs the grammar

NOW = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
PARSER = Path(__file__).parent / "soql" / "parse.cjs"
SHIPPED = Path(__file__).parents[2] / "config.toml"


class Listening(SalesforceFace):
    """A practice Salesforce that writes down every query it is asked, by whichever door."""

    def __init__(self, *arguments: Any, **switches: Any) -> None:
        super().__init__(*arguments, **switches)
        self.heard: set[str] = set()

    def routes(self) -> Sequence[Route]:
        """The same doors, with an ear at each."""
        return [
            Route(one.path, self._overheard(one), methods=sorted(one.methods or ()))
            for one in super().routes()
        ]

    def _overheard(self, route: Route) -> Any:
        async def endpoint(request: Request) -> Response:
            self._note(str(request.url), await request.body())
            answer: Response = await route.endpoint(request)
            return answer

        return endpoint

    def _note(self, url: str, body: bytes) -> None:
        self.heard.update(parse_qs(urlsplit(url).query).get("q", ()))
        try:
            content = json.loads(body or b"null")
        except ValueError:
            return
        if isinstance(content, dict):
            if isinstance(content.get("query"), str):  # a bulk query job
                self.heard.add(content["query"])
            for part in content.get("compositeRequest") or ():
                self.heard.update(parse_qs(urlsplit(part["url"]).query).get("q", ()))


def shipped_at(url: str, folder: Path) -> Path:
    """The shipped configuration with its Salesforce connection only, at ``url``."""
    text = SHIPPED.read_text(encoding="utf-8")
    start = text.index("# ---", text.index("[connections.salesforce.writes]"))
    end = text.index("# ---", text.index("[connections.hubspot.writes]"))
    text = text[:start] + text[end:]
    for old, new in (("http://127.0.0.1:8701", url), ("leadsla.db", str(folder / "state.db"))):
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def call_everything(url: str) -> None:
    """What single commands and troubles ask beyond a run that goes well."""
    crm = open_crm("salesforce", url)
    assert isinstance(crm, SalesforceCrm)
    try:
        leads = [seen.lead for page in crm.pull("", NOW) for seen in page.leads]
        words = ('It\'s "due" \\ soon', "Line one.\nLine two.")
        due = NOW + timedelta(hours=2)
        tasks = [
            CreateTask(lead.id, f"{n:040d}", None, *words, due, "Europe/Berlin", "due")
            for n, lead in enumerate(leads)
        ]
        crm.apply(tasks[:3])
        crm.find_tasks(tasks)
        crm.read_leads([lead.id for lead in leads])
        crm.read_tasks([lead.id for lead in leads])
        crm.owners()
        crm.check()
        crm.provision(dry_run=True)
    finally:
        crm.close()


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The texts of check, provision, two runs, and of every reading the connector offers."""
    folder = tmp_path_factory.mktemp("soql")
    clock = Clock(NOW)
    face = Listening(clock, limits=False)
    with running(tell(7, 60, NOW), clock=clock, told={"salesforce": face}) as practice:
        config = shipped_at(practice.urls["salesforce"], folder)
        for command in (["check"], ["provision"], ["check"], ["sync"], ["sync"]):
            line = [sys.executable, "-m", "leadsla", *command, "--config", str(config)]
            done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode in (0, 2, 4), done.stderr
            clock.advance(300)
        call_everything(practice.urls["salesforce"])
    return face.heard


def test_the_runs_asked_of_every_kind_of_record(heard: set[str]) -> None:
    sources = {text.upper().split(" FROM ", 1)[1].split()[0] for text in heard}
    assert {"LEAD", "TASK", "LEADHISTORY", "USER"} <= sources
    assert len(heard) >= 8


def test_salesforces_own_grammar_parses_every_query_of_real_runs(heard: set[str], tmp_path: Path) -> None:
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps(sorted(heard)), encoding="utf-8")
    assert npm.run(PARSER, str(texts)) == {}


def test_the_grammar_does_refuse_what_is_no_soql(tmp_path: Path) -> None:
    texts = tmp_path / "texts.json"
    wrong = ["SELECT FROM Lead", "SELECT Id FROM Lead WHERE Name = 'x' ORDER", "SELECT Id, FROM Lead"]
    texts.write_text(json.dumps(wrong), encoding="utf-8")
    assert sorted(npm.run(PARSER, str(texts))) == sorted(wrong)
