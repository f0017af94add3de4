"""Faults are tried in the same office as the scenarios: one practice CRM, its store, its configuration.

They take their time, so all of them carry the marker ``slow``.
"""

from pathlib import Path

import pytest

from tests.scenarios.conftest import no_pacing, office

__all__ = ["no_pacing", "office"]
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
