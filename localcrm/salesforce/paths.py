"""Resolves SOQL paths against the org: which field, how to get its value, or which refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localcrm.salesforce.errors import ApiError
from localcrm.salesforce.fields import Field, ObjectType, Row
from localcrm.salesforce.org import Org
from localcrm.salesforce.soql import Path, located

_REFERENCE = "Please reference your WSDL or the describe call for the appropriate names."
Getter = Callable[[Row], Any]

# What any owner or person answers through a reference to several objects (the "Name" object).
NAME_FIELDS = {
    name.lower(): Field(name, kind, name, length=255, to=("User",) if name == "Id" else ())
    for name, kind in (
        ("Id", "id"),
        ("Name", "string"),
        ("Type", "string"),
        ("FirstName", "string"),
        ("LastName", "string"),
        ("Email", "email"),
        ("Phone", "phone"),
        ("Title", "string"),
        ("IsActive", "boolean"),
        ("Username", "string"),
    )
}


class Names:
    """The fields of one query's text, so that refusals can point into it."""

    def __init__(self, org: Org, text: str) -> None:
        self.org = org
        self.text = text

    def source(self, path: Path) -> ObjectType:
        """The object after FROM; raises INVALID_TYPE."""
        kind = self.org.by_lower.get(path.text.lower())
        if kind is None:
            message = (
                f"sObject type '{path.text}' is not supported. If you are attempting to use a custom object, "
                f"be sure to append the '__c' after the entity name. {_REFERENCE}"
            )
            raise ApiError("INVALID_TYPE", located(self.text, path.row, path.column, message))
        return kind

    def no_column(self, path: Path, name: str, entity: str) -> ApiError:
        message = (
            f"No such column '{name}' on entity '{entity}'. If you are attempting to use a custom field, "
            f"be sure to append the '__c' after the custom field name. {_REFERENCE}"
        )
        return ApiError("INVALID_FIELD", located(self.text, path.row, path.column, message))

    def steps(self, kind: ObjectType, path: Path) -> tuple[list[Field], Field]:
        """The references on the way and the field at the end; raises INVALID_FIELD."""
        way: list[Field] = []
        here: ObjectType | None = kind
        for part in path.parts[:-1]:
            reference = here.by_relationship.get(part.lower()) if here else None
            if reference is None or not any(self.org.has(one) for one in reference.to):
                message = (
                    f"Didn't understand relationship '{part}' in field path. If you are attempting to use a "
                    "custom relationship, be sure to append the '__r' after the custom relationship name. "
                    f"{_REFERENCE}"
                )
                raise ApiError("INVALID_FIELD", located(self.text, path.row, path.column, message))
            way.append(reference)
            here = None if reference.polymorphic else self.org.types[reference.to[0]]
        last = path.parts[-1]
        found = self.org.field(here, last) if here else NAME_FIELDS.get(last.lower())
        if found is None:
            raise self.no_column(path, last, here.name if here else "Name")
        return way, found

    def getter(self, kind: ObjectType, path: Path) -> tuple[Field, Getter]:
        """The field and a function from a row of ``kind`` to its value."""
        way, field = self.steps(kind, path)
        name = field.name
        if not way:
            return field, lambda row: row.get(name)
        org = self.org

        def over(row: Row) -> Any:
            here = (kind.name, row)
            for reference in way:
                pointed = org.target(reference, here[1].get(reference.name))
                if pointed is None:
                    return None
                here = pointed
            return pointed_value(way[-1], here, name)

        return field, over


def pointed_value(reference: Field, target: tuple[str, Row], name: str) -> Any:
    """A value at the end of a reference; ``Type`` of a polymorphic one tells what it is."""
    kind, row = target
    if name == "Type" and reference.polymorphic:
        return row.get("Type") if kind == "Group" else kind
    return row.get(name)
