"""Signing in to an org: the documented ways, and what each refusal asks a person to do.

Client credentials and JWT bearer belong to an External Client App of the org. A session is for scripts:
it cannot be renewed. A password is the legacy way, by SOAP or by OAuth; Salesforce is ending both.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import jwt
import requests

from connectors.base import Problem
from connectors.connection import Connection
from connectors.errors import Misconfigured, Unauthorised, Unavailable, wrong_address
from connectors.line import Token
from connectors.salesforce.ids import full_id
from connectors.session import CrmSession

LEGACY_ENDS = "in Summer '27, and is off in orgs made since Winter '26"
"""When Salesforce stops taking user name, password and security token (its SOAP login)."""
_SOAP = "/services/Soap/u/59.0"
_KINDS = "client_credentials, jwt, session or password"
_SALESFORCE = (".salesforce.com", ".force.com", ".salesforce.mil")
_ID = re.compile(r"/id/(00D\w{12,15})/(005\w{12,15})$")
_SESSION = re.compile(r"(00D\w{12,15})!")
# OAuth's `error_description` and SOAP's fault code say the same things in other words.
_WHY: Mapping[str, str] = {
    "ip restricted": "logins from this machine's address are not allowed; add it to Login IP Ranges of our"
    " user's profile (Setup, Profiles), or relax IP restrictions in the External Client App's policies",
    "ip not allowed": "logins from this machine's address are not allowed; add it to Login IP Ranges of our"
    " user's profile (Setup, Profiles)",
    "inactive user": "our user was deactivated; activate it (Setup, Users) or name another one",
    "user is inactive": "our user was deactivated; activate it (Setup, Users) or name another one",
    "user hasn't approved": "the app is not approved for our user; set its Permitted Users to admin"
    " approved and give our user its permission set (Setup, External Client App Manager)",
    "no client credentials user": "no user is named to run as; name one in the External Client App's OAuth"
    " policies, under Client Credentials Flow (Setup, External Client App Manager)",
    "audience is invalid": "the assertion was made for another org; base_url must be this org's My Domain",
    "expired authorization": "the assertion is too old or from the future; set this machine's clock",
    "invalid assertion": "the private key does not belong to the certificate of the External Client App",
    "login_must_use_security_token": "the security token is missing or was reset; have a new one sent"
    " (Personal Settings, Reset My Security Token)",
    "password has expired": "the password has expired; change it, or use client credentials",
    "mfa": "our user must confirm logins on another device; waive that for API-only users, or use"
    " client credentials",
    "multi-factor": "our user must confirm logins on another device; waive that for API-only users, or use"
    " client credentials",
    "login rate": "too many logins; wait an hour, and let one process keep its session",
    "api_currently_disabled": "our user may not use the API; give it the right API Enabled",
    "invalid_operation": f"this org takes no passwords over SOAP any more (it ends {LEGACY_ENDS}); use"
    " client credentials",
}
_BY_ERROR: Mapping[str, str] = {
    "invalid_client_id": "renew client id and secret of the External Client App",
    "invalid_client": "renew client id and secret of the External Client App",
    "inactive_org": "the org is locked or was deleted",
    "unsupported_grant_type": "switch this flow on in the External Client App's OAuth settings",
}


def legacy(connection: Connection) -> list[Problem]:
    """A warning for a way of signing in that Salesforce is ending."""
    if connection.auth_kind != "password":
        return []
    what = f"signing in by user name and password ends {LEGACY_ENDS}"
    remedy = "make an External Client App and use client_credentials or jwt"
    return [Problem("auth", what, remedy, is_warning=True)]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are signed in as, as far as signing in told: ids of 18 characters, or empty."""

    org_id: str = ""
    user_id: str = ""


class SignIn:
    """How one connection gets its token. Called once per expiry, by one thread at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._times = 0
        self.identity = Identity()

    @property
    def is_silent(self) -> bool:
        """Whether the token is ours already, so that signing in asks Salesforce nothing."""
        return self._connection.auth_kind == "session"

    def __call__(self, session: CrmSession) -> Token:
        """A fresh token. Raises Unauthorised or Misconfigured with what to do, Unavailable."""
        parts = {name: secret.get_secret_value() for name, secret in self._connection.credentials.items()}
        self._times += 1
        try:
            return Token(self._token(session, parts))
        except KeyError as missing:
            where = f"connections.{self._connection.name}.auth"
            raise Misconfigured(f"{where}: {missing} is missing") from None

    def _token(self, session: CrmSession, parts: Mapping[str, str]) -> str:
        match self._connection.auth_kind:
            case "client_credentials":
                return self._by_oauth(session, grant_type="client_credentials", **_app(parts))
            case "jwt":
                assertion = _assertion(self._connection, parts)
                grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
                return self._by_oauth(session, grant_type=grant, assertion=assertion)
            case "password" if "client_id" in parts:
                login = {"username": parts["username"], "password": _password(parts)}
                return self._by_oauth(session, grant_type="password", **_app(parts), **login)
            case "password":
                return self._by_soap(session, parts["username"], _password(parts))
            case "session":
                return self._given(parts["session"])
            case other:
                where = f"connections.{self._connection.name}.auth"
                raise Misconfigured(f'{where}: kind "{other}" is not known; use {_KINDS}')

    def _given(self, session_id: str) -> str:
        if self._times > 1:
            raise Unauthorised(
                f"{self._connection.name}: the given session has ended and cannot be renewed; hand in"
                " another one, or use client credentials"
            )
        self.identity = Identity(_org_of(session_id))
        return session_id

    def _by_oauth(self, session: CrmSession, **form: str) -> str:
        url = f"{self._connection.base_url}/services/oauth2/token"
        answer = session.request("POST", url, data=form)
        body = _answered(answer)
        self._refuse_if_not_answered(answer, is_known="error" in body)
        if answer.status_code != 200:
            raise self._refused(str(body.get("error", "")), str(body.get("error_description", "")))
        token = body.get("access_token")
        if not token:
            where = self._connection.base_url
            raise wrong_address(self._connection.name, where, "a sign-in without a token")
        self._check_instance(str(body.get("instance_url") or ""))
        found = _ID.search(str(body.get("id") or ""))
        self.identity = Identity(full_id(found[1]), full_id(found[2])) if found else Identity()
        return str(token)

    def _by_soap(self, session: CrmSession, username: str, password: str) -> str:
        envelope = _LOGIN.format(username=escape(username), password=escape(password))
        headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": "login", "Accept": "text/xml"}
        url = f"{self._connection.base_url}{_SOAP}"
        answer = session.request("POST", url, data=envelope.encode(), headers=headers)
        told = _texts(answer)
        self._refuse_if_not_answered(answer, is_known="faultcode" in told)
        if "sessionId" not in told:
            raise self._refused(told.get("faultcode", ""), told.get("faultstring", ""))
        self._check_instance(told.get("serverUrl", ""))
        org_id = told.get("organizationId") or _org_of(told["sessionId"])
        self.identity = Identity(full_id(org_id), full_id(told.get("userId", "")))
        return told["sessionId"]

    def _refuse_if_not_answered(self, answer: requests.Response, *, is_known: bool) -> None:
        """What stands between us and Salesforce answered, or Salesforce while it is down."""
        name = self._connection.name
        if answer.status_code == 200 or is_known:
            return
        if answer.status_code >= 420:
            raise Unavailable(f"{name}: signing in failed (HTTP {answer.status_code})")
        raise wrong_address(name, self._connection.base_url, f"HTTP {answer.status_code} on signing in")

    def _check_instance(self, told: str) -> None:
        """A session is good at its own org's address only."""
        ours, theirs = (urlsplit(one).hostname or "" for one in (self._connection.base_url, told))
        if theirs != ours and theirs.endswith(_SALESFORCE) and ours.endswith(_SALESFORCE):
            raise Misconfigured(
                f"connections.{self._connection.name}.base_url: this org lives at"
                f" https://{theirs}; write that"
            )

    def _refused(self, error: str, described: str) -> Unauthorised:
        """The reason in Salesforce's code, and the way out. Never its own text: it may name people."""
        told = f"{error} {described}".casefold()
        code = re.sub(r"[^A-Za-z0-9_:.]", "", error).rpartition(":")[2] or "no reason given"
        way_out = next((out for words, out in _WHY.items() if words in told), "")
        way_out = way_out or _BY_ERROR.get(code, "")
        if not way_out:
            way_out = "check user name and password" if self._is_by_password else _BY_ERROR["invalid_client"]
        return Unauthorised(
            f"{self._connection.name}: Salesforce refuses the credentials ({code}); {way_out}"
        )

    @property
    def _is_by_password(self) -> bool:
        return self._connection.auth_kind == "password"


_LOGIN = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:urn="urn:partner.soap.sforce.com"><soapenv:Body><urn:login>'
    "<urn:username>{username}</urn:username><urn:password>{password}</urn:password>"
    "</urn:login></soapenv:Body></soapenv:Envelope>"
)


def _org_of(session_id: str) -> str:
    """A session id begins with its org's."""
    found = _SESSION.match(session_id)
    return full_id(found[1]) if found else ""


def _app(parts: Mapping[str, str]) -> dict[str, str]:
    return {"client_id": parts["client_id"], "client_secret": parts["client_secret"]}


def _password(parts: Mapping[str, str]) -> str:
    """Both password flows want the security token right behind the password."""
    return parts["password"] + parts.get("security_token", "")


def _answered(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _texts(answer: requests.Response) -> dict[str, str]:
    """The texts of a SOAP answer by element; empty if it is no XML."""
    text = answer.content
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:  # none of Salesforce's, and able to grow without end
        return {}
    try:
        root = ET.fromstring(text)  # noqa: S314 - without a document type there is nothing to expand
    except ET.ParseError:
        return {}
    return {one.tag.rpartition("}")[2]: one.text.strip() for one in root.iter() if one.text}


def _assertion(connection: Connection, parts: Mapping[str, str]) -> str:
    claims = {
        "iss": parts["client_id"],
        "sub": parts["username"],
        "aud": connection.base_url,
        "exp": int(time.time()) + 180,
    }
    try:
        return jwt.encode(claims, parts["private_key"], algorithm="RS256")
    except (ValueError, jwt.InvalidKeyError):
        raise Unauthorised(
            f"{connection.name}: the private key is no RSA key in PEM form; name the file that belongs to"
            " the certificate of the External Client App"
        ) from None
