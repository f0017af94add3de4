"""What people sent in with forms. A submission names no contact: its address does.

HubSpot gives no id that always comes with a submission; form, instant and address together are one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from connectors.base import Page
from connectors.hubspot.client import Client
from connectors.hubspot.emails import Emails, by_address
from connectors.hubspot.holders import Holders
from connectors.hubspot.lead_rows import instant_or
from connectors.hubspot.refusals import Refused
from connectors.hubspot.window import Step, Window
from connectors.mapping import ActivitySource
from sla_engine.model import Activity

PATH = "/form-integrations/v1/submissions/forms"
PAGE = "50"


@dataclass(frozen=True, slots=True)
class Submission:
    """One form as it was sent in: ``values`` by field, with ``pageUrl`` among them."""

    form: str
    address: str
    values: Mapping[str, Any]

    @classmethod
    def of(cls, form: str, row: Mapping[str, Any]) -> Submission:
        fields = {str(one.get("name")): one.get("value") for one in row.get("values") or ()}
        own = {name: row.get(name) for name in ("pageUrl", "submittedAt")}
        return cls(form, str(fields.get("email") or "").strip().lower(), fields | own)

    @property
    def id(self) -> str:
        whose = blake2b(self.address.encode(), digest_size=8).hexdigest()
        return f"form_submissions:{self.form}:{self.values['submittedAt']}:{whose}"


class FormSubmissions:
    """Reads the forms that sources name, one after the other, each newest first. A step resumes a form."""

    def __init__(
        self, client: Client, sources: Sequence[ActivitySource], emails: Emails, holders: Holders
    ) -> None:
        self._client = client
        self._emails = emails
        self._holders = holders
        self._sources: dict[str, list[ActivitySource]] = {}
        for source in sources:
            for form in source.forms:
                self._sources.setdefault(form, []).append(source)

    def forget(self) -> None:
        """Nothing is kept between polls."""

    def segment(self, window: Window, last: str) -> Iterator[Step]:
        """Activities from submissions, in steps."""
        forms = list(self._sources)
        start = forms.index(last) if last in forms else 0
        for number, form in enumerate(forms[start:], start + 1):
            following = forms[number] if number < len(forms) else ""
            try:
                for page, is_last in self._pages(form, window):
                    yield Step(page, following if is_last else form)
            except Refused as error:
                if error.status != 404:
                    raise
                # one form that was deleted does not take the others with it
                yield Step(Page(troubles=(f"form_submissions: there is no form {form}",)), following)

    def whole(self, _addresses: Sequence[str], window: Window) -> Iterator[Page]:
        """Everything ever sent in: HubSpot does not tell submissions by their address."""
        for step in self.segment(window, ""):
            yield step.page

    def _pages(self, form: str, window: Window) -> Iterator[tuple[Page, bool]]:
        after = ""
        while True:
            params = {"limit": PAGE} | ({"after": after} if after else {})
            reply = self._client.get(f"{PATH}/{form}", params)
            sent = [Submission.of(form, row) for row in reply.results]
            goes_on = bool(reply.after) and reply.after != after and not _is_before(sent, window)
            yield self._page(form, sent, window), not goes_on
            if not goes_on:
                return
            after = reply.after

    def _page(self, form: str, sent: Sequence[Submission], window: Window) -> Page:
        found: list[tuple[str, Activity]] = []
        for one in sent:
            every = (_activity(one, source, window) for source in self._sources[form])
            activity = next((made for made in every if made is not None), None)
            if activity is not None:
                found.append((one.address, activity))
        return Page(activities=by_address(found, self._emails, self._holders), records=len(found))


def _is_before(sent: Sequence[Submission], window: Window) -> bool:
    """Whether the page reaches back to before the window, so that the next one has nothing for it."""
    stamps = [instant_or(one.values, "submittedAt", None) for one in sent]
    return any(at is not None and window.since is not None and at < window.since for at in stamps)


def _activity(one: Submission, source: ActivitySource, window: Window) -> Activity | None:
    """None for a submission outside the window, of no mapped kind, or filtered out."""
    at = instant_or(one.values, "submittedAt", None)
    if at is None or at > window.until or (window.since is not None and at < window.since):
        return None
    kind = source.kind_of(str(one.values.get(source.kind_from) or "") if source.kind_from else None)
    fits = all(
        str(one.values.get(name) or "").lower() == str(wanted).lower() for name, wanted in source.only.items()
    )
    if kind is None or not fits or not one.address:
        return None
    return Activity(
        id=one.id,
        kind=kind,
        at=at,
        known_at=at,
        content=str(one.values.get(source.content) or "") if source.content else "",
        outcome=str(one.values.get(source.outcome) or "") if source.outcome else "",
        consent=source.consent,
    )
