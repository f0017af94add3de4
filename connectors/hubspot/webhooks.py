"""What HubSpot sends when records change: whether HubSpot really sent it, and which records it names.

An event is a hint to read a record sooner. Nothing it says about the record is believed or kept.
Not here: HTTP, and what becomes of the hints.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import SecretStr

from connectors.hubspot.fields import EPOCH

Signature = Literal["v3", "v1"]
OLDEST = timedelta(minutes=5)  # HubSpot's own rule
CLOCK_SKEW = timedelta(seconds=30)
"""How far a sender's clock may be ahead of ours before a request counts as coming from the future."""

_V3, _V1, _SENT = "x-hubspot-signature-v3", "x-hubspot-signature", "x-hubspot-request-timestamp"
_DECODED = re.compile(rb"%(3A|2F|3F|40|21|27|28|29|2A|2C|3B|24)", re.IGNORECASE)  # HubSpot's list
_RECORD = re.compile(r"[1-9][0-9]{0,18}")
_KINDS: Mapping[str, tuple[str, str]] = {"contacts": ("contact.", "0-1"), "leads": ("lead.", "0-136")}
_ONE_ID = ("objectId", "primaryObjectId", "newObjectId")


class Forged(Exception):
    """A request that HubSpot did not sign for us, or not just now. The text holds nothing of the request."""


class Unreadable(Exception):
    """A request that HubSpot signed and that is no list of events."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One app's webhook: its client secret, the address HubSpot calls, and how requests are signed.

    ``url`` is the address as entered in HubSpot, also where a proxy receives it: it is part of the v3
    signature. ``signature`` "v1" is what old private apps send: it covers neither address nor time, so a
    request that was overheard can be sent again for ever. ``kind``: the object that carries the leads.
    """

    secret: SecretStr
    url: str
    signature: Signature = "v3"
    kind: str = "contacts"

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Raises Forged unless HubSpot signed this POST less than five minutes before ``now`` (aware).

        ``headers``: names in lower case. ``body``: the bytes as they came.
        """
        secret = self.secret.get_secret_value().encode()
        if self.signature == "v1":
            told, right = headers.get(_V1, ""), hashlib.sha256(secret + body).hexdigest()
        else:
            sent = _sent_at(headers.get(_SENT, ""), now)
            source = b"".join((b"POST", _decoded(self.url), body, sent.encode()))
            digest = hmac.new(secret, source, hashlib.sha256).digest()
            told, right = headers.get(_V3, ""), base64.b64encode(digest).decode()
        if not hmac.compare_digest(told.encode("utf-8", "replace"), right.encode()):
            raise Forged("the signature is not right")

    def records(self, body: bytes, portal: str) -> list[str]:
        """The ids of our kind of record that the events of account ``portal`` name, each once.

        What is no event of ours is passed over. Raises Unreadable when ``body`` is no list.
        """
        try:
            events = json.loads(body)
        except (ValueError, RecursionError):
            raise Unreadable("the body is no JSON") from None
        if not isinstance(events, list):
            raise Unreadable("the body is no list of events")
        mine = (one for one in events if isinstance(one, dict) and self._is_ours(one, portal))
        return list(dict.fromkeys(record for event in mine for record in _named(event)))

    def _is_ours(self, event: Mapping[str, Any], portal: str) -> bool:
        if _number(event.get("portalId")) != portal:
            return False
        prefix, type_id = _KINDS[self.kind]
        told = event.get("subscriptionType") or event.get("eventType")
        return event.get("objectTypeId") == type_id or (isinstance(told, str) and told.startswith(prefix))


def _sent_at(told: str, now: datetime) -> str:
    """The timestamp as it was sent, once it is known to be one of just now."""
    if not re.fullmatch(r"[0-9]{1,15}", told):
        raise Forged("there is no time of sending")
    age = now - (EPOCH + timedelta(milliseconds=int(told)))
    if age > OLDEST:
        raise Forged("it was sent more than five minutes ago")
    if age < -CLOCK_SKEW:
        raise Forged("it claims to be sent in the future; is the clock of this machine right?")
    return told


def _decoded(url: str) -> bytes:
    """The address as HubSpot signs it: a few percent codes of its list are written out.

    >>> _decoded("https://x.example/hints/a%3ab?c=%20%2C")
    b'https://x.example/hints/a:b?c=%20,'
    """
    return _DECODED.sub(lambda found: bytes([int(found[1], 16)]), url.encode())


def _named(event: Mapping[str, Any]) -> Iterator[str]:
    merged = event.get("mergedObjectIds")
    told = [*(event.get(name) for name in _ONE_ID), *(merged if isinstance(merged, list) else ())]
    yield from (number for number in map(_number, told) if number)


def _number(raw: object) -> str:
    """A record or account id as text; empty for anything else."""
    if not isinstance(raw, int | str):
        return ""
    text = str(raw) if isinstance(raw, str) or abs(raw) < 10**19 else ""
    return text if _RECORD.fullmatch(text) else ""
