"""config.toml: every problem at once, with the nearest right name, and nothing that only follows from another."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadsla.cli.output import problem_line
from leadsla.settings import load
from leadsla.wiring import connection_of

SHIPPED = Path(__file__).parents[2] / "config.toml"
WEEK = 'weekly = { mon = [["09:00", "17:00"]], tue = [["09:00", "17:00"]], wed = [["09:00", "17:00"]], thu = [["09:00", "17:00"]], fri = [["09:00", "17:00"]] }'
BERLIN_HOLIDAYS = 'holidays = { country = "DE", subdivision = "BE" }'
SALESFORCE, HUBSPOT = 'base_url = "http://127.0.0.1:8701"', 'base_url = "http://127.0.0.1:8702"'


def broken(tmp_path, *swaps, more=""):
    text = SHIPPED.read_text(encoding="utf-8")
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "config.toml"
    path.write_text(text + more, encoding="utf-8")
    return load(path)


def told(settings):
    return [problem_line(problem).removeprefix("problem: ") for problem in settings.problems]


def test_the_shipped_file_is_right():
    settings = load(SHIPPED)
    assert settings.problems == ()
    assert set(settings.connections) == {"salesforce", "hubspot"}
    assert settings.book is not None


def test_several_mistakes_are_told_together(tmp_path):
    settings = broken(
        tmp_path,
        ('every = "60s"', 'evry = "60s"'),
        ('mode = "live" # "shadow"', 'mood = "live" # "shadow"'),
        ('"Marketing Qualified" = "mql"', '"Marketing Qualified" = "emcuel"'),
        ("warn_at = 0.75 # share", "warn_at = 7.5 # share"),
    )
    places = {problem.where for problem in settings.problems}
    assert "schedule.evry" in places
    assert "connections.salesforce.rollout.mood" in places
    assert any(place.startswith("connections.salesforce.stages") for place in places)
    assert any(place.startswith("agreement") for place in places)
    remedies = " ".join(problem.remedy for problem in settings.problems)
    assert 'did you mean "every"?' in remedies
    assert 'did you mean "mode"?' in remedies
    assert set(settings.connections) == {"salesforce", "hubspot"}, "the rest stays checkable"


def test_a_calendar_without_any_working_time_is_refused(tmp_path):
    settings = broken(tmp_path, (WEEK, "weekly = {}"))
    assert any("agreement.hours.berlin" in problem.where for problem in settings.problems)


def test_names_that_point_nowhere_are_told_beside_values_of_the_wrong_sort(tmp_path):
    settings = broken(
        tmp_path,
        ('default_hours = "berlin"', 'default_hours = "munich"'),
        ('within = "4h"', 'within = "4x"'),
        ('company = "Company"\n', ""),
        ('mon = [["09:00"', 'mom = [["09:00"'),
        ('tue = [["09:00"', 'tues = [["09:00"'),
    )
    lines = told(settings)
    assert lines == [
        (
            'agreement.hours.berlin.weekly.mom: must be "mon", "tue", "wed", "thu", "fri", "sat" or "sun"'
            ' - did you mean "mon"?'
        ),
        (
            'agreement.hours.berlin.weekly.tues: must be "mon", "tue", "wed", "thu", "fri", "sat" or "sun"'
            ' - did you mean "tue"?'
        ),
        'agreement.target response.within: \'4x\' is no duration - write one like "30m", "4h" or "14d"',
        'agreement.default_hours: there are no hours called "munich"',
        (
            'connections.salesforce.lead: has no "company", which agreement.minimum asks for'
            " - map it, or leave it out of the agreement"
        ),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "email_click = 3",
            "email_clik = 3",
            'agreement.interest.points.email_clik: must be * - did you mean "email_click"?',
        ),
        (
            'mode = "live" # "sh',
            'mode = "Live" # "sh',
            'connections.salesforce.rollout.mode: must be "shadow", "fields" or "live" - did you mean "live"?',
        ),
        (
            'phase = "mql"',
            'phase = "MQL"',
            'agreement.target hand-raise response.phase: must be * - did you mean "mql"?',
        ),
        (
            'met_by = ["accepted"',
            'met_by = ["acepted"',
            'agreement.target hand-raise response.met_by #1: must be * - did you mean "accepted"?',
        ),
        (
            'within = "4h"',
            'withn = "4h"',
            'agreement.target response.withn: is not a known key - did you mean "within"?',
        ),
        (
            "(competitor|rival)",
            "(competitor|rival",
            (
                "agreement.fit competitor.matches: is no regular expression: missing ), unterminated subpattern"
                " at character 7 - put \\\\ before signs that are meant literally"
            ),
        ),
        ('in = ["DE"', 'inn = ["DE"', 'agreement.fit market.inn: is not a known key - did you mean "in"?'),
        (BERLIN_HOLIDAYS, 'holidays = "DE"', "agreement.hours.berlin.holidays: must be a list or a table"),
        (
            BERLIN_HOLIDAYS,
            'holidays = { countri = "DE" }',
            'agreement.hours.berlin.holidays.countri: is not a known key - did you mean "country"?',
        ),
        (
            BERLIN_HOLIDAYS,
            'holidays = ["2026-13-01"]',
            "agreement.hours.berlin.holidays #1: must be a date like 2026-12-24",
        ),
        (
            'tz = "Europe/Berlin"',
            'tz = "Europe/Berln"',
            "agreement.hours.berlin.tz: there is no time zone Europe/Berln - write one like Europe/Berlin",
        ),
        (
            'company = "Company"',
            "company = 5",
            (
                "connections.salesforce.lead.company: must be the name of a CRM field,"
                " or a table with `field` and `as`"
            ),
        ),
        (WEEK, 'weekly = { mom = [["09:00", "17:00"]] }', 'agreement.hours.berlin.weekly.mom: * "mon"?'),
        ("[agreement]", "[agrement]", 'agrement: is not a known key - did you mean "agreement"?'),
        (
            "[connections.salesforce]",
            "[connection.salesforce]",
            'connection: is not a known key - did you mean "connections"?',
        ),
        (
            'name = "market"\n',
            "",
            "agreement.fit #3.name: is missing - add it; `leadsla init` writes an example",
        ),
        (
            'url = "sqlite:///leadsla.db"',
            'url = "leadsla.db"',
            (
                'store.url: is no address of a database - write "sqlite:///leadsla.db"'
                ' or "postgresql+psycopg://USER@HOST/DATABASE"'
            ),
        ),
    ],
)
def test_one_mistake_is_one_line_in_plain_words(tmp_path, old, new, line):
    """No word of the validator's inside, nothing that only follows from it, a list's item by its name."""
    start, _, end = line.partition("*")
    (shown,) = told(broken(tmp_path, (old, new)))
    assert shown.startswith(start)
    assert shown.endswith(end)
    assert not any(word in shown for word in ("frozenset", "function-", "[key]", "Input", "valid "))


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("api.hubapi.com", 'is no address of a CRM - write "https://api.hubapi.com"'),
        ("127.0.0.1:8702", 'is no address of a CRM - write "http://127.0.0.1:8702"'),
        ("https://api.hubapi.com/crm/v3", 'goes on after the host - write "https://api.hubapi.com"'),
        ("http://api.hubapi.com", 'would send the secrets unencrypted - write "https://api.hubapi.com"'),
        ("https://me:canary@api.hubapi.com", "holds a user name or password"),
        ("https://api.hubapi.com:port", "is no address of a CRM"),
    ],
)
def test_an_address_is_scheme_and_host_and_nothing_is_sent_where_it_is_faulty(tmp_path, url, line):
    settings = broken(tmp_path, (HUBSPOT, f'base_url = "{url}"'))
    (shown,) = told(settings)
    assert shown.startswith(f"connections.hubspot.base_url: {line}")
    assert "canary" not in shown
    assert set(settings.connections) == {"salesforce"}


def test_salesforce_has_no_address_of_its_own_so_its_secrets_never_go_to_hubspot(tmp_path):
    settings = broken(tmp_path, (SALESFORCE, ""))
    assert 'write your My Domain, like "https://example.my.salesforce.com"' in told(settings)[0]
    assert "salesforce" not in settings.connections


def test_a_mistake_that_a_second_agreement_takes_over_is_told_once(tmp_path):
    more = '\n[agreements.dach]\nscope = [{ field = "country", is = "DE" }]\ndefault_hours = "nowhere"\n'
    settings = broken(tmp_path, ('half_life = "14d"', "half_life = 14"), more=more)
    assert [problem.where for problem in settings.problems] == [
        "agreements.dach.default_hours",
        "agreement.interest.half_life",
    ]


def test_a_missing_file_and_broken_toml_say_what_to_do(tmp_path):
    assert "leadsla init" in load(tmp_path / "none.toml").problems[0].remedy
    path = tmp_path / "bad.toml"
    path.write_text("[store\n")
    assert "is not TOML" in load(path).problems[0].what


def test_what_cannot_be_read_is_a_problem_and_no_crash(tmp_path, monkeypatch):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert told(load(tmp_path))[0].startswith(f"{tmp_path}: cannot be read: is a directory")
    assert "too many levels of symbolic links" in told(load(loop))[0]
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe[\x00")
    assert "is no text in UTF-8" in told(load(tmp_path / "bytes.toml"))[0]

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    assert "cannot be read: permission denied - name a file that you can read" in told(load(SHIPPED))[0]


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SHIPPED.read_bytes())
    assert load(path).problems == ()


def test_the_state_lies_beside_the_configuration(tmp_path):
    assert broken(tmp_path).store.url == f"sqlite:///{tmp_path / 'leadsla.db'}"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            HUBSPOT,
            f'{HUBSPOT}\napi_version = "2026-06"',
            'connections.hubspot.api_version: must be "2026-03", "v3" or "2026-09" - did you mean "2026-09"?',
        ),
        (
            SALESFORCE,
            f'{SALESFORCE}\napi_version = "v3"',
            "connections.salesforce.api_version: is HubSpot's - leave it out for Salesforce",
        ),
        (
            '{ kind = "token", token = "practice" }',
            '{ kind = "oauth", client_id = "env:A", client_secret = "env:B", refresh_token = "env:C" }',
            (
                "connections.hubspot.auth: names an environment variable for refresh_token, where a renewed one"
                ' cannot be kept - write "file:PATH" or "keyring:SERVICE/USER"'
            ),
        ),
    ],
)
def test_addresses_of_hubspot_are_of_one_version_and_a_renewed_secret_has_a_place(tmp_path, old, new, line):
    assert told(broken(tmp_path, (old, new))) == [line]


def test_the_version_of_hubspots_addresses_reaches_the_connection(tmp_path):
    settings = broken(tmp_path, (HUBSPOT, f'{HUBSPOT}\napi_version = "v3"'))
    assert settings.problems == ()
    assert connection_of("hubspot", settings.connections["hubspot"]).api_version == "v3"
    shipped = load(SHIPPED).connections["hubspot"]
    assert connection_of("hubspot", shipped).api_version == "2026-03"
