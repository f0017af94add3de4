"""CSV files of any origin, read as a stream: encoding, delimiter and header found out, rows in chunks.

Collects what is wrong instead of stopping at the first. Not here: what a column means (``columns``).
"""

from __future__ import annotations

import csv
import gc
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from connectors.base import Problem
from leadsla.exports.encoding import bad_byte, holds_nul, letters_and_strays, likely, told_place

CHUNK = 20_000
_MEGABYTE = 1_000_000
_DELIMITERS = ",;\t|"
_SCOUTED = 200
_TOTALS = re.compile(r"\s*(grand |sub)?totals?\b|\s*(gesamt|summe)", re.IGNORECASE)
_NOT_TEXT = {b"PK\x03\x04": "an Excel workbook or a zip file", b"\x1f\x8b": "a compressed file"}
_NOT_TEXT |= {b"%PDF": "a PDF", b"\xd0\xcf\x11\xe0": "an old Excel workbook"}

Cells = tuple[str, ...]
Report = Callable[[str, int, int | None], None]
"""Told the name of a step, how much is done, and of how much."""


class BadExport(Exception):
    """Exports that cannot be learned from; ``problems`` has everything that is wrong."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{one.where}: {one.what}" for one in problems))


@dataclass(slots=True)
class Export:
    """One CSV file: how it is written, its header, and its rows as columns, a chunk at a time."""

    path: Path
    problems: list[Problem]
    names: tuple[str, ...] = field(init=False, default=())
    delimiter: str = field(init=False, default=",")
    encoding: str = field(init=False, default="")
    rows: int = field(init=False, default=0)
    footers: int = field(init=False, default=0)
    _skip: int = field(init=False, default=0)
    _ragged: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        try:
            self.encoding = self._found_encoding()
            if self.encoding:
                self._read_header()
        except OSError as error:
            self._wrong(f"cannot be read: {(error.strerror or 'no reason given').lower()}")
        except csv.Error as error:
            self._wrong(_told(error))

    def _wrong(self, what: str, remedy: str = "") -> None:
        self.problems.append(Problem(self.path.name, what, remedy))

    def _found_encoding(self) -> str:
        """The encoding in which the whole file can be read; empty, with a problem, if there is none."""
        with self.path.open("rb") as file:
            start = file.read(4096)
        for mark, what in _NOT_TEXT.items():
            if start.startswith(mark):
                self._wrong(f"is {what}, not a CSV file", "save it as CSV (UTF-8)")
                return ""
        if not start.strip(b"\xef\xbb\xbf\xff\xfe\x00\r\n\t "):
            self._wrong("is empty")
            return ""
        for encoding in likely(start):
            bad = bad_byte(self.path, encoding)
            if bad is None:
                return encoding
            if encoding == "utf-8-sig" and self._is_damaged(bad):
                return ""
        where = told_place(self.path, bad_byte(self.path, "utf-8") or 0)
        self._wrong(f"is neither UTF-8, UTF-16 nor Windows text ({where} is none)", "save it as CSV (UTF-8)")
        return ""

    def _is_damaged(self, bad: int) -> bool:
        """Whether it is UTF-8 but for a few bytes: read as Windows text every other letter would be wrong."""
        if holds_nul(self.path, bad):
            what = f"holds a NUL byte ({told_place(self.path, bad)}), which no text has"
            self._wrong(what, "the file is damaged or no CSV file; export it again")
            return True
        letters, strays = letters_and_strays(self.path)
        if letters < max(1, strays):
            return False
        places = f"{strays:,} bytes are not, the first is" if strays > 1 else "one byte is not:"
        self._wrong(
            f"is UTF-8, but {places} {told_place(self.path, bad)}",
            "two files were put together, or a text was cut; mend that line, or save it as CSV (UTF-8) again",
        )
        return True

    def _read_header(self) -> None:
        with self.path.open(encoding=self.encoding, newline="") as file:
            lines = list(islice(file, _SCOUTED))
        self._skip = int(lines[0].lower().startswith("sep="))
        lines = lines[self._skip :]
        self.delimiter = max(_DELIMITERS, key=lambda sign: _fitness(lines, sign))
        header = next(csv.reader(lines, delimiter=self.delimiter), [])
        self.names = tuple(name.strip() or f"column {place}" for place, name in enumerate(header, 1))
        if not any(cell.strip() for cell in header):
            self._wrong("has no header: the first line must name the columns")
        twice = sorted({one for one in self.names if self.names.count(one) > 1})
        if twice:
            quoted = ", ".join(f'"{one}"' for one in twice)
            self._wrong(f"names {quoted} twice in its header", "give every column a name of its own")

    def chunks(self, report: Report | None = None) -> Iterator[list[Cells]]:
        """The columns of so many rows after another; rows of another width are noted and end the reading."""
        self.rows = self.footers = self._ragged = 0
        with self.path.open("rb") as raw, without_collecting():
            total = max(1, self.path.stat().st_size // _MEGABYTE)
            reader = csv.reader(self._text(raw), delimiter=self.delimiter)
            try:
                for _ in range(self._skip + 1):
                    next(reader, None)
                while rows := list(islice(reader, CHUNK)):
                    columns = self._columns(rows)
                    if columns:
                        yield columns
                    if report is not None:
                        report(f"reading {self.path.name} (MB)", min(total, raw.tell() // _MEGABYTE), total)
            except csv.Error as error:
                self._wrong(f"line {reader.line_num}: {_told(error)}")
        if report is not None:
            report(f"reading {self.path.name} (MB)", total, total)
        if self._ragged:
            self._tell_ragged()
        elif not self.rows and not self.problems:
            self._wrong("has a header and no rows")

    def _text(self, raw: io.BufferedReader) -> io.TextIOWrapper:
        return io.TextIOWrapper(raw, encoding=self.encoding, newline="")

    def _columns(self, rows: list[list[str]]) -> list[Cells]:
        width = len(self.names)
        if set(map(len, rows)) != {width}:
            rows = self._mended(rows, width)
        self.rows += len(rows)
        return list(zip(*rows, strict=True)) if rows else []

    def _mended(self, rows: list[list[str]], width: int) -> list[list[str]]:
        """Without empty lines, notes and totals below a report, and trailing empty cells."""
        kept = []
        for row in rows:
            cells = _cut(row, width)
            if len(cells) == width:
                kept.append(cells)
            elif any(cells) and _is_note(cells, width):
                self.footers += 1
            elif any(cells):
                self._ragged += 1
        return kept

    def _tell_ragged(self) -> None:
        """Name the first lines of another width: read once more, since only now line numbers matter."""
        found: list[str] = []
        width = len(self.names)
        with self.path.open("rb") as raw:
            reader = csv.reader(self._text(raw), delimiter=self.delimiter)
            for row in islice(reader, self._skip, None):
                cells = _cut(row, width)
                if len(cells) != width and any(cells) and not _is_note(cells, width):
                    found.append(f"line {reader.line_num} has {len(row)} cells")
                if len(found) == 3:
                    break
        count = "1 row does" if self._ragged == 1 else f"{self._ragged:,} rows do"
        self._wrong(
            f"{count} not fit the header of {width} cells: {', '.join(found)}",
            "put texts that hold the delimiter or a line break into quotes, and export again",
        )

    def head(self, rows: int = 5_000) -> dict[str, Cells]:
        """The first rows by column; problems they have are found again by ``chunks``."""
        found: list[list[str]] = []
        with self.path.open("rb") as raw, suppress(csv.Error):
            reader = csv.reader(self._text(raw), delimiter=self.delimiter)
            for row in islice(reader, self._skip + 1, rows):
                found += [cells for cells in [_cut(row, len(self.names))] if len(cells) == len(self.names)]
        return (
            dict(zip(self.names, zip(*found, strict=True), strict=True))
            if found
            else dict.fromkeys(self.names, ())
        )


@contextmanager
def without_collecting() -> Iterator[None]:
    """Millions of short-lived lists make the cyclic collector search for nothing; there are no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _cut(row: list[str], width: int) -> list[str]:
    """A row without empty cells beyond the header."""
    return row[:width] if len(row) > width and not any(row[width:]) else row


def _is_note(cells: list[str], width: int) -> bool:
    return len(cells) == 1 or (len(cells) < width and bool(_TOTALS.match(cells[0])))


def _fitness(lines: list[str], sign: str) -> tuple[int, int]:
    """How many of the first rows have the header's width if they are parted by ``sign``, and that width."""
    widths: list[int] = []
    with suppress(csv.Error):
        widths += (len(row) for row in csv.reader(lines, delimiter=sign) if row)
    if not widths or widths[0] < 2:
        return 0, 0
    return widths.count(widths[0]) * min(widths[0], 4), widths[0]


def _told(error: csv.Error) -> str:
    if "field limit" in str(error) or "field larger" in str(error):
        return "a text of more than 131,072 characters; a quote may be opened and never closed"
    return str(error)
