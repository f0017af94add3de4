"""What the shipped Salesforce configuration offers in comments is right too."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files

from leadsla.settings import ConnectionSettings

TEXT = (files("leadsla") / "templates" / "salesforce.toml").read_text(encoding="utf-8")


def test_the_sources_and_stages_in_comments_are_taken():
    offered = re.findall(
        r"(?m)^# (\[connections\.salesforce\.(?:activities|stages)\..*)\n((?:# .+\n)+)", TEXT
    )
    tables = "\n".join(
        f"{head}\n{body.replace('# ', '', 1).replace(chr(10) + '# ', chr(10))}" for head, body in offered
    )
    added = tomllib.loads(tables)["connections"]["salesforce"]
    raw = tomllib.loads(TEXT)["connections"]["salesforce"]
    raw["activities"] |= added["activities"]
    raw["stages"] = {**added["stages"], **raw["stages"]}
    found = ConnectionSettings.model_validate(raw)
    assert {"opens", "responses"} <= set(found.activities)
    assert next(iter(found.stages)) == "ConvertedOpportunity.StageName"


def test_the_ways_to_sign_in_in_comments_are_taken():
    raw = tomllib.loads(TEXT)["connections"]["salesforce"]
    kinds = set()
    for line in re.findall(r"(?m)^# (auth = \{.*\})", TEXT):
        kinds.add(ConnectionSettings.model_validate({**raw, **tomllib.loads(line)}).auth["kind"])
    assert kinds == {"jwt", "session", "password"}
