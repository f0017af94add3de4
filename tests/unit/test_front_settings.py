"""config.toml: every problem at once, with the nearest right name."""

from __future__ import annotations

from pathlib import Path

from leadsla.settings import load

SHIPPED = Path(__file__).parents[2] / "config.toml"


def broken(tmp_path, *swaps):
    text = SHIPPED.read_text(encoding="utf-8")
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


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
    week = 'weekly = { mon = [["09:00", "17:00"]], tue = [["09:00", "17:00"]], wed = [["09:00", "17:00"]], thu = [["09:00", "17:00"]], fri = [["09:00", "17:00"]] }'
    settings = broken(tmp_path, (week, "weekly = {}"))
    assert any("agreement.hours.berlin" in problem.where for problem in settings.problems)


def test_a_missing_file_and_broken_toml_say_what_to_do(tmp_path):
    assert "leadsla init" in load(tmp_path / "none.toml").problems[0].remedy
    path = tmp_path / "bad.toml"
    path.write_text("[store\n")
    assert "is not TOML" in load(path).problems[0].what
