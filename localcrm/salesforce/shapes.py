"""Shows stored rows as Salesforce's JSON: chosen fields, parents, children."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from localcrm.salesforce.fields import Field, Row
from localcrm.salesforce.org import Org
from localcrm.salesforce.paths import pointed_value

_ADDRESS = ("City", "Country", "GeocodeAccuracy", "Latitude", "Longitude", "PostalCode", "State", "Street")


def attributes(kind: str, record_id: str, base: str) -> dict[str, str]:
    return {"type": kind, "url": f"{base}/sobjects/{kind}/{record_id}"}


def shown_value(row: Row, name: str) -> Any:
    """The stored value; Address is put together from its parts, bytes are shown as base64."""
    if name != "Address":
        value = row.get(name)
        return b64encode(value).decode() if isinstance(value, bytes) else value
    parts = {part[0].lower() + part[1:]: row.get(part) for part in _ADDRESS}
    return parts if any(one is not None for one in parts.values()) else None


def record(kind: str, row: Row, names: Iterable[str], base: str) -> dict[str, Any]:
    """One record with its attributes and the named fields; of bytes it names the address."""
    found: dict[str, Any] = {"attributes": attributes(kind, row["Id"], base)}
    for name in names:
        is_blob = isinstance(row.get(name), bytes)
        found[name] = f"{found['attributes']['url']}/{name}" if is_blob else shown_value(row, name)
    return found


@dataclass(slots=True)
class Shape:
    """What a query shows of each row, in the order of its SELECT."""

    names: list[str] = field(default_factory=list)
    parents: dict[str, tuple[Field, Shape]] = field(default_factory=dict)
    children: dict[str, Callable[[Row, str], Any]] = field(default_factory=dict)

    def add(self, way: list[Field], name: str) -> None:
        """Show the field at the end of ``way``."""
        if not way:
            if name not in self.names:
                self.names.append(name)
            return
        relationship = way[0].relationship or ""
        below = self.parents.setdefault(relationship, (way[0], Shape()))
        below[1].add(way[1:], name)

    def show(self, org: Org, kind: str, row: Row, base: str) -> dict[str, Any]:
        found = record(kind, row, self.names, base)
        for name, (reference, shape) in self.parents.items():
            found[name] = shape.show_target(org, reference, row, base)
        for name, make in self.children.items():
            found[name] = make(row, base)
        return found

    def show_target(self, org: Org, reference: Field, row: Row, base: str) -> dict[str, Any] | None:
        """The record that ``reference`` of ``row`` points at; several possible objects show as Name."""
        target = org.target(reference, row.get(reference.name))
        if target is None:
            return None
        if not reference.polymorphic:
            return self.show(org, target[0], target[1], base)
        found: dict[str, Any] = {
            "attributes": attributes(target[0], target[1]["Id"], base) | {"type": "Name"}
        }
        for name in self.names:
            found[name] = pointed_value(reference, target, name)
        return found
