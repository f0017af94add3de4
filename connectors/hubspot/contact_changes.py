"""Changes of contacts that are news of the leads about them, where the Leads object carries the clocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.hubspot.ahead import Ahead
from connectors.hubspot.asked import stamp_of
from connectors.hubspot.carrier import CONTACTS, LEADS
from connectors.hubspot.client import Client
from connectors.hubspot.finding import Query, every_page
from connectors.hubspot.leads import Leads, News
from connectors.hubspot.window import Step, Window

Row = Mapping[str, Any]
_CHANGED = Query(CONTACTS.kind, CONTACTS.stamp, (CONTACTS.stamp,))


class ContactChanges:
    """Reads the leads of contacts that changed."""

    def __init__(self, client: Client, leads: Leads) -> None:
        self._client = client
        self._leads = leads

    def forget(self) -> None:
        """Nothing is kept between polls: the marks tell what is news."""

    def segment(self, window: Window, last: str) -> Iterator[Step]:
        """Leads, in steps. None of a first load: it reads every lead with its contact anyway."""
        if window.since is None:
            return
        news = News()
        with Ahead(every_page(self._client, _CHANGED, window, last), room=4) as pages:
            for page in pages:
                news.read += len(page.rows)
                self._note(page.rows, window, news)
                if news.is_enough or not page.last:
                    yield Step(self._leads.told(news, window), page.last)
                    news = News()

    def _note(self, contacts: Sequence[Row], window: Window, news: News) -> None:
        stamps = {str(row["id"]): stamp_of(row) for row in contacts}
        about = self._client.associated(CONTACTS.kind, LEADS.kind, list(stamps)) if stamps else {}
        newest: dict[str, int] = {}
        for contact_id, lead_ids in about.items():
            for lead_id in lead_ids:
                newest[lead_id] = max(newest.get(lead_id, 0), stamps[contact_id])
        kept = window.kept(list(newest))
        wanted = [one for one, at in newest.items() if one not in kept or kept[one].contact < at]
        self._leads.note(self._leads.now(wanted), kept, window, news)
