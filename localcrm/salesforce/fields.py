"""What a field and an object are in the practice Salesforce. Their describe form is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]

_TEXTS = frozenset({"string", "picklist", "email", "phone", "url", "textarea", "combobox"})
_NUMBERS = frozenset({"int", "double", "currency", "percent"})


@dataclass(frozen=True, slots=True)
class Field:
    """One column. ``length`` counts characters; ``to`` names the objects a reference may point at."""

    name: str
    type: str
    label: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    createable: bool = False
    updateable: bool = False
    nillable: bool = False
    defaulted: bool = False
    id_lookup: bool = False
    restricted: bool = False
    name_field: bool = False
    filterable: bool = True
    external_id: bool = False
    unique: bool = False
    custom: bool = False
    granted_only: bool = False  # made over the API: invisible until field permissions name it
    tracked: bool = False
    default: Any = None
    extra: str | None = None
    help: str | None = None
    part_of: str | None = None
    to: tuple[str, ...] = ()
    relationship: str | None = None
    values: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        return self.type in _TEXTS

    @property
    def is_number(self) -> bool:
        return self.type in _NUMBERS

    @property
    def polymorphic(self) -> bool:
        return len(self.to) > 1

    @property
    def required(self) -> bool:
        return self.createable and not self.nillable and not self.defaulted and self.type != "boolean"


@dataclass(frozen=True, slots=True)
class Child:
    """A relationship from a parent to the rows of ``object`` whose ``field`` names it."""

    object: str
    field: str
    name: str


@dataclass(slots=True)
class ObjectType:
    """One object. ``fields`` grows when custom fields are made; ``can`` holds its abilities."""

    name: str
    label: str
    plural: str
    prefix: str
    can: frozenset[str]
    fields: dict[str, Field]
    children: tuple[Child, ...] = ()
    by_lower: dict[str, Field] = field(default_factory=dict)
    by_relationship: dict[str, Field] = field(default_factory=dict)
    blank: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in tuple(self.fields.values()):
            self.add(one)

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    def add(self, one: Field) -> None:
        """Take a field in, and the defaults every new row starts from."""
        self.fields[one.name] = one
        self.by_lower[one.name.lower()] = one
        if one.relationship:
            self.by_relationship[one.relationship.lower()] = one
        blank = dict(self.blank)
        if one.type == "boolean":
            blank[one.name] = bool(one.default)
        elif one.default is not None:
            blank[one.name] = one.default
        self.blank = blank

    def become(self, fields: Mapping[str, Field]) -> None:
        """Have these fields and no others."""
        self.fields, self.by_lower, self.by_relationship, self.blank = {}, {}, {}, {}
        for one in fields.values():
            self.add(one)

    def drop(self, name: str) -> None:
        """Forget a field."""
        self.become({key: one for key, one in self.fields.items() if key != name})
