"""The token endpoint: client credentials and JWT bearer. The only secret is ``localcrm``."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from typing import Any

import jwt

from localcrm.salesforce.ids import make_id
from localcrm.salesforce.org import Org

SECRET = "localcrm"  # noqa: S105 - the practice CRM's published word
_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
_LONGEST_VALID = 300.0  # seconds an assertion may be good for: three minutes and some skew
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Tokens:
    """Issues and recognises bearer tokens. ``public_key`` (PEM) makes JWT signatures count."""

    def __init__(self, org: Org, public_key: str | None = None) -> None:
        self.org = org
        self.public_key = public_key
        self._issued: set[str] = set()
        self._made = 0

    @property
    def issued(self) -> int:
        """How many issued sessions live."""
        return len(self._issued)

    def knows(self, token: str) -> bool:
        """Whether a session id is good."""
        return token == SECRET or token in self._issued

    def accepts(self, header: str | None) -> bool:
        """Whether an Authorization header carries a good bearer."""
        scheme, _, token = (header or "").partition(" ")
        return scheme.lower() in ("bearer", "oauth") and self.knows(token)

    def revoke_all(self) -> None:
        """End every issued session (``localcrm`` itself stays good)."""
        self._issued.clear()

    def grant(self, form: Mapping[str, str], header: str | None, origin: str) -> tuple[int, dict[str, Any]]:
        """(status, body) of POST /services/oauth2/token; ``origin`` is http://host:port."""
        kind = form.get("grant_type", "")
        if kind == "client_credentials":
            return self._client_credentials(form, header, origin)
        if kind == _JWT_GRANT:
            return self._jwt(form.get("assertion", ""), origin)
        return 400, {"error": "unsupported_grant_type", "error_description": "grant type not supported"}

    def _client_credentials(
        self, form: Mapping[str, str], header: str | None, origin: str
    ) -> tuple[int, dict[str, Any]]:
        pair = _basic(header) or (form.get("client_id", ""), form.get("client_secret", ""))
        if pair[0] != SECRET:
            return 400, {"error": "invalid_client_id", "error_description": "client identifier invalid"}
        if pair[1] != SECRET:
            return 400, {"error": "invalid_client", "error_description": "invalid client credentials"}
        return 200, self._token(origin)

    def _jwt(self, assertion: str, origin: str) -> tuple[int, dict[str, Any]]:
        """As strict as the real one about everything but the signature, unless a public key is known."""
        verify = self.public_key is not None
        options: Any = {"verify_signature": verify, "verify_exp": False, "verify_aud": False}
        try:
            algorithm = jwt.get_unverified_header(assertion).get("alg")
            claims = jwt.decode(assertion, self.public_key or "", algorithms=["RS256"], options=options)
        except jwt.PyJWTError:
            return _no_grant("invalid assertion")
        if algorithm != "RS256":
            return _no_grant("invalid assertion")
        if claims.get("iss") != SECRET:
            return 400, {"error": "invalid_client_id", "error_description": "client identifier invalid"}
        fault = self._fault_of(claims, origin)
        return _no_grant(fault) if fault else (200, self._token(origin))

    def _fault_of(self, claims: Mapping[str, Any], origin: str) -> str:
        if claims.get("aud") not in {origin, *_AUDIENCES}:
            return "audience is invalid"
        users = self.org.rows("User")
        if not any(user["Username"] == claims.get("sub") and user["IsActive"] for user in users):
            return "user hasn't approved this consumer"
        until = claims.get("exp")
        # A client signs with the machine's clock, so expiry is judged by real time, not by ours.
        if not isinstance(until, int | float) or not _real_now() <= until <= _real_now() + _LONGEST_VALID:
            return "expired authorization code"
        return ""

    def issue(self) -> str:
        """A fresh session id."""
        organization = next(iter(self.org.rows("Organization")))["Id"]
        self._made += 1  # an ended session's token never comes back
        token = f"{organization[:15]}!{make_id('AQ0', self._made)}"
        self._issued.add(token)
        return token

    def _token(self, origin: str) -> dict[str, Any]:
        organization = next(iter(self.org.rows("Organization")))["Id"]
        token = self.issue()
        return {
            "access_token": token,
            "signature": base64.b64encode(token.encode()).decode(),
            "scope": "api",
            "instance_url": origin,
            "id": f"{origin}/id/{organization}/{self.org.integration_user}",
            "token_type": "Bearer",
            "issued_at": str(int(self.org.clock.now().timestamp() * 1000)),
        }


def _no_grant(why: str) -> tuple[int, dict[str, Any]]:
    return 400, {"error": "invalid_grant", "error_description": why}


def _real_now() -> float:
    return time.time()


def _basic(header: str | None) -> tuple[str, str] | None:
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ("", "")
    return name, secret
