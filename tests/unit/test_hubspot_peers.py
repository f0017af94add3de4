"""What peers of ours lose when they read HubSpot, and what happens here instead."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import SecretStr

from connectors.base import Page
from connectors.connection import Connection
from connectors.hubspot.crm import HubSpotCrm
from localcrm.clock import Clock
from localcrm.hubspot import HubSpotFace
from localcrm.server import running
from tests.unit.test_hubspot_crm import NOW, company, lead_ids, mapping

LEADS, DEEPEST = 230, 200


def pulled(crm: HubSpotCrm, clock: Clock, cursor: str) -> list[Page]:
    clock.advance(10)
    return list(crm.pull(cursor, clock.now() - timedelta(seconds=2)))


@pytest.mark.slow
def test_tap_hubspot_34_and_nango_647_changes_beyond_the_deepest_page_of_a_search_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """tap-hubspot#34 and NangoHQ PR#647 page on through a search that ends at 10,000 rows (here at 200)."""
    monkeypatch.setattr("localcrm.hubspot.search._DEEPEST", DEEPEST)
    clock = Clock(NOW)
    face = HubSpotFace(clock, limits=False)
    with running(company(LEADS), clock=clock, told={"hubspot": face}) as practice:
        secret = {"token": SecretStr("localcrm")}
        crm = HubSpotCrm(Connection("hubspot", practice.urls["hubspot"], "token", secret, mapping()))
        first = pulled(crm, clock, "")
        ids = lead_ids(first)
        face.edit("contacts", [{"id": one, "company": "After"} for one in ids])  # a mass edit
        changed = pulled(crm, clock, first[-1].cursor)
        crm.close()
    after = {one.lead.id for page in changed for one in page.leads if one.lead.fields["company"] == "After"}
    assert (len(ids), after) == (LEADS, set(ids))
