"""SOAP login by name and password: dying, off in every org by default, and gone with API version 65.

The password is ``localcrm``, alone or with a security token of the same word behind it.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.metadata_xml import Request, request
from localcrm.salesforce.oauth import SECRET, Tokens
from localcrm.salesforce.org import Org

_LAST_VERSION = 64.0
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns="urn:partner.soap.sforce.com" xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body>'
)
_TAIL = "</soapenv:Body></soapenv:Envelope>"


class SoapLogin:
    """The login operation of one org. Callers hold the org's lock."""

    def __init__(self, org: Org, tokens: Tokens) -> None:
        self._org = org
        self._tokens = tokens

    def answer(self, body: bytes, version: str, origin: str) -> tuple[int, str]:
        """(status, envelope) of a POST to /services/Soap/u/``version``; ``origin`` is http://host:port."""
        try:
            call = request(body)
            self._check(call, version)
        except ApiError as problem:
            return 500, _fault(escape(problem.code), escape(problem.message))
        result = (
            f"<serverUrl>{origin}/services/Soap/u/{escape(version)}</serverUrl>"
            f"<sessionId>{self._tokens.issue()}</sessionId><userId>{self._org.integration_user}</userId>"
        )
        return 200, f"{_HEAD}<loginResponse><result>{result}</result></loginResponse>{_TAIL}"

    def _check(self, call: Request, version: str) -> None:
        if call.verb != "login":
            raise ApiError("UNKNOWN_EXCEPTION", f"No operation available for request {call.verb}")
        if not self._org.switches.soap_login or float(version) > _LAST_VERSION:
            raise ApiError("INVALID_OPERATION", "SOAP API login() is disabled by default in this org.")
        name, password = ((call.values(one) or [""])[0] for one in ("username", "password"))
        people = (row for row in self._org.rows("User") if row["IsActive"])
        if password not in (SECRET, SECRET * 2) or all(row["Username"] != name for row in people):
            told = "Invalid username, password, security token; or user locked out."
            raise ApiError("INVALID_LOGIN", told)


def _fault(code: str, told: str) -> str:
    detail = f"<sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>{told}</sf:exceptionMessage>"
    return (
        f"{_HEAD}<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {told}</faultstring>"
        f"<detail><sf:LoginFault>{detail}</sf:LoginFault></detail></soapenv:Fault>{_TAIL}"
    )
