"""``leadsla provision --write-source``: what an admin reads before it goes into an org."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # over HTTP, minutes in all

DOCS = Path(__file__).parents[2] / "docs" / "salesforce"


def leadsla(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "leadsla", "provision", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=folder)


def test_the_folder_needs_no_configuration_and_is_the_one_in_the_documents(tmp_path):
    done = leadsla("--write-source", "ours", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    written = {Path(one).relative_to("ours").as_posix() for one in json.loads(done.stdout)}
    shipped = {one.relative_to(DOCS).as_posix() for one in DOCS.rglob("*") if one.is_file()}
    assert written == shipped
    for name in written:
        assert (tmp_path / "ours" / name).read_bytes() == (DOCS / name).read_bytes()


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path):
    (tmp_path / "ours").write_text("a file")
    done = leadsla("--write-source", "ours", folder=tmp_path)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
