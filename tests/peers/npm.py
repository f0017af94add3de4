"""Clients from npm that talk to the practice CRMs: installed once, kept under ``build/``, run with node.

The versions are the exact ones of the package.json beside the script; no lock file is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

_KEPT = Path(__file__).parents[2] / "build" / "peers"
_INSTALL = ("install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error")
_PATIENCE = 300.0


def node_modules(folder: Path) -> Path:
    """The ``node_modules`` with what ``folder``'s package.json asks for; skips the test where there is none.

    Another package.json, or another node, is another installation; tests running beside each other share one.
    """
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("needs node and npm on the PATH")
    wanted = (folder / "package.json").read_bytes()
    version = subprocess.run([node, "--version"], capture_output=True, check=True, timeout=60).stdout
    home = _KEPT / f"{folder.name}-{hashlib.sha256(wanted + version).hexdigest()[:16]}"
    if not home.is_dir():
        _install(npm, folder, home)
    return home / "node_modules"


def run(script: Path, *arguments: str, timeout: float = 120.0) -> Any:
    """What a ``.cjs`` script, given its arguments, prints as JSON; its package.json lies beside it.

    Fails with the script's own words when it leaves with another code than 0.
    """
    environment = {**os.environ, "NODE_PATH": str(node_modules(script.parent)), "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        ["node", str(script), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{script.name} failed:\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout)


def _install(npm: str, folder: Path, home: Path) -> None:
    """Beside ``home`` first and moved there when complete: a broken installation is never taken for one."""
    _KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_KEPT, prefix=f"{folder.name}-new-") as new:
        shutil.copy(folder / "package.json", new)
        try:
            done = subprocess.run(
                [npm, *_INSTALL], cwd=new, capture_output=True, text=True, timeout=_PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm did not install {folder.name}'s packages within {_PATIENCE:.0f} s")
        if done.returncode != 0:
            pytest.skip(f"npm cannot install {folder.name}'s packages here: {_last_line(done.stderr)}")
        made = Path(new) / "whole"
        made.mkdir()
        shutil.move(Path(new) / "node_modules", made / "node_modules")
        try:
            made.rename(home)
        except OSError:  # another test was quicker; then its installation serves us both
            assert home.is_dir()


def _last_line(text: str) -> str:
    """The kind of npm's complaint (``npm error code E404``), without addresses or paths."""
    codes = [line for line in text.splitlines() if line.startswith("npm error code")]
    return codes[0] if codes else "npm gave no reason"
