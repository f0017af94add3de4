"""Faults are tried in the same office as the scenarios: one practice CRM, its store, its configuration."""

from tests.scenarios.conftest import no_pacing, office

__all__ = ["no_pacing", "office"]
