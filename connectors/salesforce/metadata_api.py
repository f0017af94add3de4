"""The Metadata API: SOAP by the schema that comes with simple-salesforce, sent through our own session.

The schema builds and reads every message, so a wrong attribute is found before anything is sent. The SDK's
own calls are not used: they hold a transport without time limits and a session that is never renewed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import requests
import simple_salesforce
import zeep
from zeep import helpers
from zeep.exceptions import Error, Fault
from zeep.wsdl import utils

from connectors.errors import CrmError, Misconfigured, Unavailable
from connectors.line import Judgement, Line, Rules, Token
from connectors.salesforce.client import API_VERSION, Client, Denied, RefusedCall
from connectors.salesforce.definitions import Component
from connectors.session import CrmSession

_ADDRESS = f"/services/Soap/m/{API_VERSION}"
_BINDING = "{http://soap.sforce.com/2006/04/metadata}MetadataBinding"
_AT_ONCE = 10  # components in one call
_ZEEP_HELPERS: Any = helpers  # the library has no types
_ZEEP_XML: Any = utils
_RIGHTS = frozenset({"INSUFFICIENT_ACCESS", "API_DISABLED_FOR_ORG", "INSUFFICIENT_ACCESS_OR_READONLY"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one component. ``code`` is empty when all went well; ``told`` is Salesforce's text."""

    name: str
    code: str = ""
    told: str = ""


class MetadataApi:
    """The metadata of one org, as ``client`` may change it. Raises Denied, RefusedCall, Unavailable."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._name = client.name
        self._session = CrmSession(_line_beside(client))

    def read(self, kind: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The components there are, by full name, without empty parts."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(names), _AT_ONCE):
            for one in self._call("readMetadata", kind, list(names[start : start + _AT_ONCE])):
                value = _plain(_ZEEP_HELPERS.serialize_object(one, dict))
                if value.get("fullName"):
                    found[str(value["fullName"])] = value
        return found

    def create(self, components: Sequence[Component]) -> list[Outcome]:
        """Make components of one kind that are not there yet."""
        return self._put("createMetadata", components)

    def put(self, components: Sequence[Component]) -> list[Outcome]:
        """Make components of one kind, or let those that are there become as given."""
        return self._put("upsertMetadata", components)

    def delete(self, kind: str, names: Sequence[str]) -> list[Outcome]:
        found: list[Outcome] = []
        for start in range(0, len(names), _AT_ONCE):
            found += map(_outcome, self._call("deleteMetadata", kind, list(names[start : start + _AT_ONCE])))
        return found

    def close(self) -> None:
        self._session.close()

    def _put(self, verb: str, components: Sequence[Component]) -> list[Outcome]:
        found: list[Outcome] = []
        for start in range(0, len(components), _AT_ONCE):
            values = [as_schema(one) for one in components[start : start + _AT_ONCE]]
            found += map(_outcome, self._call(verb, values))
        return found

    def _call(self, verb: str, *arguments: Any) -> list[Any]:
        for is_last in (False, True):
            try:
                return self._sent(verb, *arguments)
            except Fault as fault:
                if "INVALID_SESSION_ID" not in str(fault.code) or is_last:
                    raise self._refused(verb, fault) from None
                token = self._client.line.token(self._client.session)
                self._client.line.token(self._client.session, refused=token)
        raise AssertionError

    def _sent(self, verb: str, *arguments: Any) -> list[Any]:
        schema = _schema()
        service = schema.create_service(_BINDING, f"{self._client.line.base_url}{_ADDRESS}")
        token = self._client.line.token(self._client.session)
        header = schema.get_element("ns0:SessionHeader")(sessionId=token)
        message = schema.create_message(service, verb, *arguments, _soapheaders=[header])
        answer = self._session.request(
            "POST",
            f"{self._client.line.base_url}{_ADDRESS}",
            data=_ZEEP_XML.etree_to_string(message),
            headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""', "Accept": "text/xml"},
        )
        try:
            binding = schema.wsdl.bindings[_BINDING]
            found = binding.process_reply(schema, binding.get(verb), answer)
        except Fault:
            raise
        except Error:
            raise self._no_metadata(answer) from None
        return found if isinstance(found, list) else [] if found is None else [found]

    def _no_metadata(self, answer: requests.Response) -> CrmError:
        what = f"{self._name}: the Metadata API does not answer (HTTP {answer.status_code})"
        return Unavailable(what) if answer.status_code >= 500 else Misconfigured(what)

    def _refused(self, verb: str, fault: Fault) -> CrmError:
        code = str(fault.code or "").rpartition(":")[2]
        if code in _RIGHTS:
            return Denied(
                f"{self._name}: Salesforce denies the right to change the org ({code});"
                " give the user Customize Application and Modify Metadata Through Metadata API Functions,"
                f" name an administrator in [connections.{self._name}.provision_auth], or let one deploy what"
                " `leadsla provision --write-source DIR` writes"
            )
        return RefusedCall(f"{self._name}: Salesforce refuses {verb} ({code})", 500, code)


def _line_beside(client: Client) -> Line:
    """A line with rules for SOAP. Nothing of the Metadata API that is used here minds being sent twice."""
    rules = Rules(
        _judge,
        call_class=lambda _method, _path: "metadata",
        safe_to_repeat=lambda _method, _path: True,
        recognises=lambda _answer: True,
    )
    line = client.line

    def token(_session: CrmSession) -> Token:
        return Token(line.token(client.session))

    return Line(
        line.name,
        line.base_url,
        rules,
        token,
        attempts=line.attempts,
        sleep=line.sleep,
        patience=line.patience,
    )


@cache
def _schema() -> Any:
    """The schema of the Metadata API, read once; it holds no connection."""
    settings = zeep.Settings(strict=False, xsd_ignore_sequence_order=True)
    client: Any = zeep.Client  # the library has no types
    return client(str(Path(simple_salesforce.__file__).with_name("metadata.wsdl")), settings=settings)


def as_schema(component: Component) -> Any:
    """The component as the schema's own type. Raises TypeError for an attribute that the type lacks."""
    kind = _schema().get_type(f"ns0:{component.kind}")
    return kind(fullName=component.name, **component.value)


def _outcome(result: Any) -> Outcome:
    if result.success:
        return Outcome(str(result.fullName))
    error = result.errors[0] if result.errors else None
    code, told = (str(error.statusCode), str(error.message)) if error else ("UNKNOWN", "")
    return Outcome(str(result.fullName), code, told)


def _judge(response: requests.Response) -> Judgement:
    """A fault is HTTP 500 with an envelope, and is the caller's to read."""
    is_fault = "xml" in response.headers.get("Content-Type", "")
    return Judgement(again_after=2.0) if response.status_code >= 500 and not is_fault else Judgement()


def _plain(value: Any) -> Any:
    """Without the parts that are not set."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items() if one is not None and one != []}
    return [_plain(one) for one in value] if isinstance(value, list) else value
