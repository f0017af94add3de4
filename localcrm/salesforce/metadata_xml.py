"""The Metadata API's SOAP on the wire: envelopes to plain values and back. It knows no component."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from localcrm.salesforce.errors import ApiError

_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_NUMBERS = frozenset({"length", "precision", "scale", "visibleLines"})
_LISTS = frozenset(
    {"value", "columns", "filters", "fieldPermissions", "objectPermissions", "fields", "listViews"}
)
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns="http://soap.sforce.com/2006/04/metadata" xmlns:sf="http://soap.sforce.com/2006/04/metadata"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
)
_TAIL = "</soapenv:Body></soapenv:Envelope>"


@dataclass(frozen=True, slots=True)
class Request:
    """One SOAP call: its ``verb``, the session it came with, its arguments in order."""

    verb: str
    session: str
    arguments: tuple[tuple[str, str, Any], ...]  # (name, xsi:type without prefix, value)

    def values(self, name: str) -> list[Any]:
        """The arguments of a name."""
        return [value for one, _, value in self.arguments if one == name]


def parsed(body: bytes) -> ET.Element:
    """An XML document's root; raises ApiError."""
    try:
        return ET.fromstring(body)  # noqa: S314 - expat expands no external entities, and limits internal ones
    except ET.ParseError as problem:
        raise ApiError("UNKNOWN_EXCEPTION", f"The XML cannot be read: {problem}") from None


def request(body: bytes) -> Request:
    """The call in an envelope; raises ApiError."""
    root = parsed(body)
    session = next((one.text or "" for one in root.iter() if _bare(one.tag) == "sessionId"), "")
    inside = root.find(f"{_SOAP}Body")
    if inside is None or not len(inside):
        raise ApiError("UNKNOWN_EXCEPTION", "No operation in the SOAP body")
    call = inside[0]
    arguments = tuple((_bare(one.tag), one.get(_TYPE, "").rpartition(":")[2], plain(one)) for one in call)
    return Request(_bare(call.tag), session, arguments)


def plain(element: ET.Element) -> Any:
    """Text, number, truth or a dict of the children (lists where the schema allows several)."""
    if not len(element):
        text = (element.text or "").strip()
        if _bare(element.tag) in _NUMBERS and text.isdigit():
            return int(text)
        return {"true": True, "false": False}.get(text, text)
    found: dict[str, Any] = {}
    for child in element:
        name, value = _bare(child.tag), plain(child)
        if name in _LISTS:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found


def _bare(tag: str) -> str:
    return tag.rpartition("}")[2]


def rendered(name: str, value: Any, kind: str = "") -> str:
    """An element; a dict's fullName comes first and the rest by name, as the schema orders them."""
    attribute = f" xsi:type={quoteattr(kind)}" if kind else ""
    if value is None:
        return f'<{name} xsi:nil="true"/>'
    if isinstance(value, list):
        return "".join(rendered(name, one) for one in value)
    if isinstance(value, Mapping):
        order = sorted(value, key=lambda one: (one != "fullName", one))
        return f"<{name}{attribute}>{''.join(rendered(one, value[one]) for one in order)}</{name}>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escape(text)}</{name}>"


def response(verb: str, results: Iterable[str]) -> str:
    """The envelope of an answer."""
    return f"{_HEAD}<{verb}Response>{''.join(results)}</{verb}Response>{_TAIL}"


def fault(problem: ApiError) -> str:
    """The envelope of a refusal."""
    told = escape(f"{problem.code}: {problem.message}")
    inner = f"<faultcode>sf:{problem.code}</faultcode><faultstring>{told}</faultstring>"
    return f"{_HEAD}<soapenv:Fault>{inner}</soapenv:Fault>{_TAIL}"
