"""Who may call: the fixed secret, or a token the OAuth door gave out."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from localcrm.hubspot.calls import Answer
from localcrm.hubspot.errors import ApiError

SECRET = "localcrm"  # noqa: S105 - the practice CRM's published secret
_LIFETIME = 1_800


class Tokens:
    """Tokens given out by this portal; ``now`` is in milliseconds of the portal's clock."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}
        self._refresh = SECRET

    def grant(self, form: Mapping[str, str], now: int, *, rotates: bool = False) -> Answer:
        """Answer POST /oauth/.../token; raises ApiError (400).

        With ``rotates`` a refresh ends the refresh token it was asked with and answers the next one; a new
        authorization always starts again from the published secret.
        """
        if form.get("client_id") != SECRET or form.get("client_secret") != SECRET:
            raise ApiError("missing or invalid client id", category="BAD_CLIENT_ID")
        kind = form.get("grant_type")
        if kind not in ("refresh_token", "authorization_code", "client_credentials"):
            raise ApiError("missing or unknown grant_type", category="BAD_GRANT_TYPE")
        if kind != "refresh_token":
            self._refresh = SECRET
        elif form.get("refresh_token") != self._refresh:
            raise ApiError("missing or invalid refresh token", category="BAD_REFRESH_TOKEN")
        elif rotates:
            self._refresh = secrets.token_urlsafe(24)
        token = secrets.token_urlsafe(24)
        self._until[token] = now + _LIFETIME * 1000
        body = {
            "token_type": "bearer",
            "refresh_token": self._refresh,
            "access_token": token,
            "expires_in": _LIFETIME,
        }
        return Answer(200, body)

    def check(self, authorization: str | None, now: int) -> bool:
        """Whether the bearer came from OAuth; raises ApiError (401) unless it is known and not expired."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() == "bearer":
            if token == SECRET or now < self._until.get(token, 0):
                return token != SECRET
            if token in self._until:
                raise ApiError(
                    "The OAuth token used to make this call expired.",
                    status=401,
                    category="EXPIRED_AUTHENTICATION",
                )
        raise ApiError(
            "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can "
            "find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
            status=401,
            category="INVALID_AUTHENTICATION",
        )
