"""HubSpot: contacts as leads, over the official SDK and our own transport."""

from __future__ import annotations

from connectors.base import Crm
from connectors.connection import Connection
from connectors.hubspot.crm import HubSpotCrm


def open_crm(connection: Connection) -> Crm:
    """Open a connection; nothing is sent before the first call. Raises Misconfigured."""
    return HubSpotCrm(connection)
