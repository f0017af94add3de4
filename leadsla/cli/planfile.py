"""The file of ``plan --out`` and ``sync --approve``: what a person reads is exactly what is written."""

from __future__ import annotations

import os
from pathlib import Path

from connectors.errors import Misconfigured
from leadsla.cli.exits import ConfigurationProblem
from sync.approval import Plan, from_json, to_json


def refuse_unwritable(path: Path) -> None:
    """Before the work begins: raise ConfigurationProblem if nothing can be written to ``path``."""
    if path.is_dir():
        raise ConfigurationProblem(f"{path} is a folder; name a file, like {path / 'plan.json'}")
    if not path.absolute().parent.is_dir():
        raise ConfigurationProblem(f"there is no folder {path.parent}; make it, or name another file")


def write_plans(path: Path, plans: list[Plan]) -> None:
    """For its owner only: it holds what will be written to leads. Raises ConfigurationProblem."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            path.chmod(0o600)
            file.write(to_json(plans).encode())
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise ConfigurationProblem(f"cannot write {path}: {why}; name another file with --out") from None


def plans_in(path: Path) -> list[Plan]:
    """The plans in a file. Raises ConfigurationProblem naming the file."""
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationProblem(f"cannot read {path}: {error.strerror}") from None
    except (Misconfigured, UnicodeDecodeError):
        raise ConfigurationProblem(
            f"{path} is no plan file, or a broken one; make one with `leadsla plan --out FILE`"
        ) from None
