"""How a mistake in config.toml is told: where it is, what is wrong, what to write instead.

pydantic finds mistakes; here they get plain words, the nearest right name, and a place a person can
find. Not here: reading on beside a mistake (``lenient``).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, RootModel

Place = tuple[str, ...]
"""Keys down to a value; a list's item is " name" or " #1", with a blank in front."""

_TABLE, _LIST = "must be a table", "must be a list"
_DATE, _INSTANT = "must be a date like 2026-12-24", "must be an instant like 2026-11-01T00:00:00Z"
_WORDS: Mapping[str, str] = {
    "string_type": "must be a text",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), _TABLE),
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type"), _LIST),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), _DATE),
    **dict.fromkeys(("datetime_type", "datetime_parsing", "datetime_from_date_parsing"), _INSTANT),
    "timezone_aware": _INSTANT,
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "needs at least {min_length}",
    "too_long": "takes at most {max_length}",
}


def place_text(where: str, place: Place) -> str:
    """A place as people read it.

    >>> place_text("agreement", ("target", " response", "within"))
    'agreement.target response.within'
    """
    return (where + "".join(part if part[:1] == " " else f".{part}" for part in place)).lstrip(".")


def closest(name: object, names: Iterable[str]) -> str:
    """The name that was most likely meant; empty when none is near. Capitals do not matter.

    >>> closest("MQL", ["inquiry", "mql"]), closest("acepted", ["accepted"]), closest("x", ["y"])
    ('mql', 'accepted', '')
    """
    folded = {one.casefold(): one for one in names}
    near = difflib.get_close_matches(str(name).casefold(), folded, 1, 0.5)
    return folded[near[0]] if near else ""


def meant(near: str, otherwise: str = "") -> str:
    """The remedy that offers a name."""
    return f'did you mean "{near}"?' if near else otherwise


def words(error: Mapping[str, Any]) -> tuple[str, str]:
    """(what is wrong, what to do) of one pydantic error about a value."""
    kind, context, value = error["type"], error.get("ctx") or {}, error.get("input")
    if kind in {"literal_error", "enum"}:
        options = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return f"must be {_listed(options)}", meant(closest(value, options))
    if kind == "pattern_regex":
        return _bad_pattern(str(value))
    if kind == "value_error":
        return _said(str(error["msg"]).removeprefix("Value error, "))
    if context.get("class_name") == "FieldMapping":
        return "must be the name of a CRM field, or a table with `field` and `as`", ""
    if kind in _WORDS:
        return _WORDS[kind].format(**context), ""
    return str(error["msg"]).replace("Input should", "should"), ""


def _listed(options: Sequence[str]) -> str:
    quoted = [f'"{option}"' for option in options]
    return " or ".join(filter(None, (", ".join(quoted[:-1]), *quoted[-1:])))


def _bad_pattern(pattern: str) -> tuple[str, str]:
    try:
        re.compile(pattern)
    except re.error as error:
        where = "" if error.pos is None else f" at character {error.pos + 1}"
        return (
            f"is no regular expression: {error.msg}{where}",
            "put \\\\ before signs that are meant literally",
        )
    return "is no regular expression", ""


def _said(text: str) -> tuple[str, str]:
    """A validator's own sentence: what is wrong; then, after a semicolon or a comma, what to do."""
    what, offer, near = text.partition(", did you mean ")
    if offer:
        return what, f"did you mean {near}"
    what, _, remedy = text.partition("; ")
    return what, remedy


def names_at(model: Any, path: Sequence[str | int]) -> list[str]:
    """The keys that are right at ``path``: walk the models as far as the annotations tell."""
    current = _model_in(model)
    for part in path:
        if current is not None and part in (fields := _fields(current)):
            current = _model_in(fields[str(part)])
        if current is None:
            return []
    return list(_fields(current)) if current is not None else []


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        return _model_in(annotation.model_fields["root"].annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, (_model_in(inner) for inner in get_args(annotation))), None)


def is_follow_up(place: Place, what: str, faulty: Iterable[Place]) -> bool:
    """Whether a problem only follows from a value that was found faulty and left out.

    It names such a value in its own table, or names nothing and something below it was left out.

    >>> is_follow_up(("lead",), 'has no "email", which agreement.minimum asks for', [("lead", "email")])
    True
    """
    named = set(re.findall(r'["`]([^"`]+)["`]', what))
    left_out = [one for one in faulty if one[: len(place)] == place]
    if named & {part.strip() for one in left_out for part in one}:
        return True
    return bool(place) and bool(left_out) and not named
