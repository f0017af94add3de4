"""Rows as the CSV of Bulk 2.0 and back. An empty cell leaves a field as it is, ``#N/A`` clears it. Pure."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

CLEARED = "#N/A"
_LONGEST_CELL = 1 << 20  # characters; the longest field has 131,072
_one_at_a_time = threading.Lock()


def columns_of(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every field of any record, Id first, in a fixed order."""
    names = dict.fromkeys(name for record in records for name in record)
    return ["Id", *(name for name in names if name != "Id")]


def cells(record: Mapping[str, Any], columns: Sequence[str]) -> dict[str, str]:
    """One record as it stands in the CSV.

    >>> cells({"Id": "00Q1", "A__c": None, "B__c": True}, ["Id", "A__c", "B__c", "C__c"])
    {'Id': '00Q1', 'A__c': '#N/A', 'B__c': 'true', 'C__c': ''}
    """
    return {name: _cell(record[name]) if name in record else "" for name in columns}


def written(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> bytes:
    """The upload: UTF-8, lines ended by LF."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def read(content: bytes) -> list[dict[str, str]]:
    """The rows of a result."""
    with long_cells():
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@contextmanager
def long_cells() -> Iterator[None]:
    """Cells as long as Salesforce's longest field may be read. The limit is the process's and put back."""
    with _one_at_a_time:
        before = csv.field_size_limit(_LONGEST_CELL)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _cell(value: Any) -> str:
    if value is None or value == "":
        return CLEARED
    return str(value).lower() if isinstance(value, bool) else str(value)
