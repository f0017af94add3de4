"""Which rows are one lead, and which leads are one company: ids, companies, and copies of whole rows.

Not here: the columns' names (``naming``), which rows are counted (``counting``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from leadsla.exports import naming
from leadsla.exports.columns import WIDE, Coder, Codes, Column, Ints
from leadsla.exports.dates import NEVER
from leadsla.exports.reading import Cells
from leadsla.exports.values import is_empty

_MOSTLY = 0.9
_LEAST = 0.1
_LEAST_DIFFERENT = 0.3


def lead_id_of(names: Sequence[str], head: Mapping[str, Cells]) -> str | None:
    """The column that tells leads apart: by its name, and by being different; copies of rows do not count.

    >>> lead_id_of(["Lead ID", "Size"], {"Lead ID": ("a", "b", "a"), "Size": ("1", "2", "1")})
    'Lead ID'
    """
    rows = list(dict.fromkeys(zip(*head.values(), strict=True)))
    columns = dict(zip(head, zip(*rows, strict=True), strict=True)) if rows else {}
    for name in naming.all_of(names, naming.LEAD_ID):
        cells = columns.get(name, ())
        filled = [cell.strip() for cell in cells if not is_empty(cell)]
        needed = _LEAST if naming.plain(name) in naming.SURE_ID else _MOSTLY
        if filled and len(filled) >= _MOSTLY * len(cells) and len(set(filled)) >= needed * len(filled):
            return name
    return None


def numbered(coder: Coder, codes: Codes) -> tuple[Codes, dict[str, int]]:
    """The number of each row's id, -1 for none, and the ids by number; blanks around an id mean nothing."""
    index: dict[str, int] = {}
    numbers = [-1 if is_empty(text) else index.setdefault(text.strip(), len(index)) for text in coder]
    return np.array(numbers, np.int32)[codes], index


def accounts(coder: Coder, codes: Codes) -> Ints | None:
    """The company of each row; None if nearly every row has one of its own, or hardly any has one."""
    folded = ["" if is_empty(text) else text.strip().casefold() for text in coder]
    places = {name: place for place, name in enumerate(sorted(set(folded) - {""}))}
    lookup = np.array([places.get(name, -1) for name in folded], np.int64)
    found = lookup[codes]
    filled = int((found >= 0).sum())
    return found if filled >= found.size / 2 and len(places) < 0.95 * filled else None


def fingerprints(columns: Sequence[Cells]) -> Ints:
    """A number for the content of each row, so that nothing depends on the order of rows."""
    rows = ("\x1f".join(row).encode("utf-8", "replace") for row in zip(*columns, strict=True))
    found = b"".join(blake2b(row, digest_size=8).digest() for row in rows)
    return np.frombuffer(found, ">i8").astype(np.int64)


def copies(fingerprint: Ints) -> NDArray[np.bool_]:
    """All rows but one of those that are the same in every cell.

    >>> copies(np.array([7, 5, 7])).tolist()
    [False, False, True]
    """
    again = np.zeros(fingerprint.size, bool)
    order = np.argsort(fingerprint, kind="stable")
    again[order[1:]] = np.diff(fingerprint[order]) == 0
    return again


def tells_rows_apart(column: Column, different: int, rows: int) -> bool:
    """Whether the different rows nearly all differ in this column, so that equal rows must be copies."""
    distinct = column.distinct
    if distinct is None:
        known = column.values[column.values != NEVER] if column.kind == "date" else np.empty(0)
        distinct = np.unique(known).size if column.kind == "date" else WIDE
    return distinct >= max(_MOSTLY * different, _LEAST_DIFFERENT * rows)
