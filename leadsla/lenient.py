"""Reading on beside mistakes: a faulty part is told, left out or stood in for, and the rest is checked.

So that one run of ``leadsla check`` tells everything, and nothing that only follows from a mistake told
already. Not here: the words (``mistakes``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from connectors.base import Problem
from leadsla.mistakes import Place, closest, is_follow_up, meant, names_at, place_text, words

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]
_ROUNDS = 20
_STAND_IN = "\0"


@dataclass(frozen=True, slots=True)
class Reading(Generic[M]):
    """What could be read of a table, what is wrong with it, and which places were left out."""

    value: M | None
    problems: tuple[Problem, ...] = ()
    faulty: frozenset[Place] = frozenset()
    rest: Any = None  # the raw table without the faulty parts


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a raw table. ``missing``: the last part of the path is not there."""

    path: Path
    what: str
    remedy: str = ""
    missing: bool = False
    judged: Path | None = None  # the table that a validator judged as a whole: may follow from another fault
    instead: str = ""  # the key that was meant


def read(model: type[M], raw: Any, where: str) -> Reading[M]:
    """Validate; tell each problem, leave the faulty part out and go on, so that all are found."""
    table = _Table(raw)
    problems: list[Problem] = []
    for _ in range(_ROUNDS):
        try:
            value = model.model_validate(table.raw)
        except ValidationError as errors:
            faults = sorted(faults_in(model, errors, table.raw), key=lambda one: one.missing)
            problems += [one for one in table.told(faults, where) if one not in problems]
            if not table.mend(faults):
                break
        except OSError:  # ZoneInfo("Europe") opens a folder
            what = "a time zone in it is a group of zones"
            problems.append(Problem(where, what, 'write one like "Europe/Berlin"'))
            break
        else:
            return Reading(value, tuple(problems), frozenset(table.faulty), table.raw)
    return Reading(None, tuple(problems), frozenset(table.faulty), table.raw)


def faults_in(model: type[BaseModel], errors: ValidationError, raw: Any) -> Iterator[Fault]:
    """Errors of pydantic as faults of ``raw``: each once, whatever alternatives it was tried against."""
    alternatives: dict[Path, dict[str, list[Fault]]] = {}
    for error in errors.errors(include_url=False):
        path, tag = _followed(model, raw, error["loc"], missing=error["type"] == "missing")
        found = [_in_table(raw, fault) for fault in _faults(model, dict(error), path)]
        if tag is None:
            yield from found
        else:
            alternatives.setdefault(path[: tag[0]], {}).setdefault(tag[1], []).extend(found)
    for union, tried in alternatives.items():
        fitting = [faults for faults in tried.values() if any(_looked_inside(union, one) for one in faults)]
        if fitting or len(tried) == 1:
            yield from next(iter(fitting or tried.values()))
        else:
            whats = dict.fromkeys(fault.what for faults in tried.values() for fault in faults)
            yield Fault(union, " or ".join(whats).replace(" or must be ", " or "))


def _looked_inside(union: Path, fault: Fault) -> bool:
    """Whether an alternative was of the right kind, and something in it is wrong."""
    return fault.path != union or fault.judged is not None


def _followed(
    model: type[BaseModel], raw: Any, loc: tuple[str | int, ...], *, missing: bool
) -> tuple[Path, tuple[int, str] | None]:
    """(the path in ``raw``, where and which alternative of a union was tried first, if any)."""
    path: list[str | int] = []
    tag: tuple[int, str] | None = None
    for number, part in enumerate(loc):
        is_last = number == len(loc) - 1
        if _has(raw, part):
            raw = _at(raw, (part,))
        elif part == "[key]":
            continue
        elif not (is_last and (missing or part in names_at(model, path))):
            tag = tag or (len(path), str(part))
            continue
        path.append(part)
    return tuple(path), tag


def _faults(model: type[BaseModel], error: dict[str, Any], path: Path) -> Iterator[Fault]:
    if error["type"] == "extra_forbidden":
        near = closest(path[-1], names_at(model, path[:-1]))
        yield Fault(path, "is not a known key", meant(near, "remove it"), instead=near)
    elif error["type"] == "missing" and isinstance(path[-1], int):
        yield Fault(path[:-1], f"needs {path[-1] + 1} values")
    elif error["type"] == "missing":
        yield Fault(path, "is missing", "add it; `leadsla init` writes an example", missing=True)
    elif error["type"] == "value_error" and not path:
        for sentence in str(error["msg"]).removeprefix("Value error, ").split("; "):
            yield Fault(path, *words({**error, "msg": sentence}), judged=path)
    else:
        yield Fault(path, *words(error), judged=path if error["type"] == "value_error" else None)


def _in_table(raw: Any, fault: Fault) -> Fault:
    """A fault of a whole table, moved to the value its sentence names: "default_hours: there are no ..."."""
    table = None if fault.judged is None else _at(raw, fault.judged)
    if not isinstance(table, dict):
        return fault
    if "tz" in table and "time zone" in fault.what:
        return replace(fault, path=(*fault.path, "tz"))
    head, colon, what = fault.what.partition(": ")
    key, _, inner = head.partition(".")
    if colon and key in table and (not inner or inner in table[key]):
        return replace(fault, path=(*fault.path, key, inner) if inner else (*fault.path, key), what=what)
    noun, _, rest = fault.what.partition(" ")
    items = table.get(noun)
    for number, item in enumerate(items if isinstance(items, list) else ()):
        name = str(item.get("name")) if isinstance(item, dict) else ""
        if name and rest.startswith((f"{name}: ", f"{name} ")):
            what = rest.removeprefix(name).removeprefix(":").strip()
            return replace(fault, path=(*fault.path, noun, number), what=what)
    return fault


@dataclass(slots=True)
class _Table:
    """A copy of the raw table that loses its faulty parts, and remembers what stood where."""

    raw: Any
    faulty: set[Place] = field(default_factory=set)
    _positions: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.raw = self._copied(self.raw)

    def _copied(self, raw: Any) -> Any:
        if isinstance(raw, Mapping):
            return {key: self._copied(value) for key, value in raw.items()}
        if isinstance(raw, list):
            copy = [self._copied(value) for value in raw]
            self._positions[id(copy)] = list(range(1, len(copy) + 1))
            return copy
        return raw

    def place(self, path: Path) -> Place:
        """Where ``path`` leads, with list items by their name."""
        place: list[str] = []
        current = self.raw
        for part in path:
            if isinstance(current, list) and isinstance(part, int):
                place.append(self._label(current, part))
            else:
                place.append(str(part))
            current = _at(current, (part,))
        return tuple(place)

    def _label(self, items: list[Any], index: int) -> str:
        name = items[index].get("name") if isinstance(items[index], dict) else None
        is_own = isinstance(name, str) and name and not name.startswith(_STAND_IN)
        return f" {name}" if is_own else f" #{self._positions[id(items)][index]}"

    def told(self, faults: list[Fault], where: str) -> Iterator[Problem]:
        """What is worth telling of these faults: none that follows from what was left out before."""
        before = frozenset(self.faulty)
        for fault in faults:
            place = self.place(fault.path)
            known = place in (self.faulty if fault.missing else before)
            if not known and not self._follows(fault, before):
                yield Problem(place_text(where, place), fault.what, fault.remedy)
            self.faulty |= {place, (*place[:-1], fault.instead or place[-1])} if place else set()

    def _follows(self, fault: Fault, before: frozenset[Place]) -> bool:
        if fault.judged is None:
            return False
        judged = self.place(fault.judged)
        if not judged:
            return is_follow_up((), fault.what, before)
        return any(one[: len(judged)] == judged for one in before)

    def mend(self, faults: list[Fault]) -> bool:
        """Leave the faulty parts out, or put something in their place; False if nothing could be done."""
        cuts: set[Path] = set()
        mended = False
        for fault in faults:
            stand_in = self._stand_in(fault.path) if fault.path else None
            if fault.instead:
                mended = self._rename(fault.path, fault.instead)
            elif stand_in is not None:
                _at(self.raw, fault.path[:-1])[fault.path[-1]] = stand_in
                mended = True
            else:
                cuts.add(fault.path[:-1] if fault.missing else fault.path)
        for path in sorted(cuts, key=lambda one: [str(part).zfill(9) for part in one], reverse=True):
            mended = self._cut(path) or mended
        return mended

    def _rename(self, path: Path, meant: str) -> bool:
        """Read a misspelt key as the one that was meant, beside what stands there already."""
        table = _at(self.raw, path[:-1])
        table[meant] = _merged(table.pop(path[-1]), table.get(meant))
        return True

    def _cut(self, path: Path) -> bool:
        holder = _at(self.raw, path[:-1]) if path else None
        if holder is None or not _has(holder, path[-1]):
            return False
        del holder[path[-1]]
        if isinstance(holder, list):
            del self._positions[id(holder)][int(path[-1])]
        return True

    def _stand_in(self, path: Path) -> str | None:
        """For a value that its table needs: one that is right, so that the table can be checked further."""
        if not isinstance(_at(self.raw, path[:-1]), dict):
            return None
        match path[-1]:
            case "tz":
                return "UTC"
            case "name" | "because":
                return f"{_STAND_IN}{len(self.faulty)}"
            case "within":
                return "1h"
            case "default_hours":
                return next(iter(_at(self.raw, ("hours",)) or ()), None)
        return None


def _merged(value: Any, there: Any) -> Any:
    """``there`` completed by ``value``; what is there wins."""
    if isinstance(value, dict) and isinstance(there, dict):
        return {**value, **{key: _merged(value.get(key), one) for key, one in there.items()}}
    return value if there is None else there


def _has(raw: Any, part: str | int) -> bool:
    return part in (raw if isinstance(raw, dict) else range(len(raw)) if isinstance(raw, list) else ())


def _at(raw: Any, path: Path) -> Any:
    for part in path:
        if isinstance(raw, dict):
            raw = raw.get(part)
        elif isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            raw = raw[part]
        else:
            return None
    return raw
