"""How a connection to HubSpot gets its bearer token: a static one, or by OAuth with a refresh token.

HubSpot may answer a refresh with another refresh token, which ends the old one. So the new one is
stored before its access token is used, and what cannot be stored is not refreshed at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import requests
from pydantic import SecretStr

from connectors.connection import ApiVersion, Connection, Keeper, Remembered
from connectors.errors import Misconfigured, Unauthorised, Unavailable, wrong_address
from connectors.hubspot.refusals import body_of
from connectors.line import Token
from connectors.session import CrmSession

_NEEDED: Mapping[str, tuple[str, ...]] = {
    "token": ("token",),
    "oauth": ("client_id", "client_secret", "refresh_token"),
}
_ROTATING = "refresh_token"
_APP_UNKNOWN = frozenset({"BAD_CLIENT_ID", "BAD_CLIENT_SECRET", "invalid_client"})


def sign_in_by(connection: Connection) -> Callable[[CrmSession], Token]:
    """How this connection gets a token. Raises Misconfigured for an unknown kind or a missing part."""
    if connection.auth_kind not in _NEEDED:
        raise Misconfigured(f"auth.kind must be one of {', '.join(_NEEDED)} for HubSpot")
    missing = [name for name in _NEEDED[connection.auth_kind] if name not in connection.credentials]
    if missing:
        raise Misconfigured(*(f"auth.{name} is missing" for name in missing))
    if connection.auth_kind == "token":
        token = Token(connection.credentials["token"].get_secret_value())
        return lambda _session: token
    return OAuth(connection)


class OAuth:
    """Refreshes the access token of a public app. Called once per expiry; the line sees to that."""

    def __init__(self, connection: Connection) -> None:
        self._name = connection.name
        self._base_url = connection.base_url
        self._credentials = connection.credentials
        self._keeper: Keeper = connection.keeper or Remembered(connection.credentials)
        self._path = token_path(connection.api_version)

    def __call__(self, session: CrmSession) -> Token:
        """A fresh token. Raises Unauthorised (reconnect), Misconfigured (nowhere to keep), Unavailable."""
        with self._keeper.alone(_ROTATING):
            stored = self._keeper.read(_ROTATING)
            self._keeper.keep(_ROTATING, stored)  # if that fails, the old one is still good
            answer = self._ask(session, stored)
            if answer.status_code != 200:
                newer = self._keeper.read(_ROTATING)
                if newer == stored:
                    raise self._refusal(answer)
                # another process, which cannot be locked out, has renewed it meanwhile
                stored, answer = newer, self._ask(session, newer)
                if answer.status_code != 200:
                    raise self._refusal(answer)
            return self._token(answer, stored)

    def _ask(self, session: CrmSession, refresh_token: SecretStr) -> requests.Response:
        app = {name: self._credentials[name].get_secret_value() for name in ("client_id", "client_secret")}
        secret = refresh_token.get_secret_value()
        form = {"grant_type": "refresh_token", **app, "refresh_token": secret}
        answer = session.request("POST", self._path, data=form)
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unavailable(f"{self._name}: sign-in is not possible now (HTTP {answer.status_code})")
        return answer

    def _token(self, answer: requests.Response, stored: SecretStr) -> Token:
        body = body_of(answer.content)
        access = body.get("access_token")
        if not access:
            raise wrong_address(self._name, self._base_url, "a sign-in without a token")
        renewed = SecretStr(str(body.get(_ROTATING) or stored.get_secret_value()))
        if renewed != stored:
            self._keeper.keep(_ROTATING, renewed)
        lasts = body.get("expires_in")
        return Token(str(access), float(lasts) if isinstance(lasts, int | float) else None)

    def _refusal(self, answer: requests.Response) -> Unauthorised:
        body = body_of(answer.content)
        code = str(body.get("error") or body.get("category") or body.get("status") or "no reason given")
        if code in _APP_UNKNOWN:
            return Unauthorised(
                f"{self._name}: HubSpot does not know the app ({code}); correct auth.client_id and"
                " auth.client_secret, they stand on the app's page"
            )
        return Unauthorised(
            f"{self._name}: HubSpot no longer takes the refresh token ({code}); reconnect: install the app in"
            " the account again and put the new refresh token where auth.refresh_token says"
        )


def token_path(version: ApiVersion) -> str:
    """Where tokens are given out. There is no 2026-09 address of it."""
    return "/oauth/v3/token" if version == "v3" else "/oauth/2026-03/token"
