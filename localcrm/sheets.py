"""CSV sheets with named columns, read line by line, collecting what is wrong instead of stopping.

Knows nothing about leads; messages name file, line, column and reason, never a value.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

_NO_INSTANT = datetime.min.replace(tzinfo=UTC)  # only ever beside a noted problem


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a sheet; line 0 means the whole file."""

    file: str
    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        where = [self.file] + [f"line {self.line}"] * bool(self.line) + [self.column] * bool(self.column)
        return ", ".join(where) + f": {self.reason}"


class BadExport(Exception):
    """Sheets that cannot be used; ``problems`` has them all."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{count} in the exports\n" + "\n".join(f"  {one}" for one in problems))


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a sheet: text by column, and where to note what is wrong with it."""

    file: str
    number: int
    cells: Mapping[str, str]
    problems: list[Problem]

    def wrong(self, column: str, reason: str) -> None:
        """Note a problem of this line."""
        self.problems.append(Problem(self.file, self.number, column, reason))

    def text(self, column: str) -> str:
        """The cell, stripped; empty when the column or the value is missing."""
        return self.cells.get(column, "")

    def needed(self, column: str) -> str:
        """The cell; an empty one is noted."""
        found = self.text(column)
        if not found:
            self.wrong(column, "is missing")
        return found

    def instant(self, column: str, *, until: datetime | None = None) -> datetime | None:
        """An ISO 8601 instant as aware UTC; None when empty or (noted) unreadable or after ``until``.

        A date alone is its midnight, a time without zone is meant as UTC.
        """
        found = self.text(column)
        if not found:
            return None
        try:
            instant = datetime.fromisoformat(found)
            instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        except (ValueError, OverflowError):
            self.wrong(column, "is no ISO 8601 date or instant (2026-11-20 or 2026-11-20T12:00:00Z)")
            return None
        if until is not None and instant > until:
            self.wrong(column, "is later than --now")
            return None
        return instant

    def needed_instant(self, column: str, *, until: datetime | None = None) -> datetime:
        """Like ``instant``; an empty one is noted, and stands as the first of all times."""
        self.needed(column)
        return self.instant(column, until=until) or _NO_INSTANT

    def whole_number(self, column: str) -> int | None:
        """A whole number, at least 0; None when empty or (noted) unreadable."""
        found = self.text(column)
        if not found:
            return None
        if not (found.isascii() and found.isdigit()):
            self.wrong(column, "is no whole number")
            return None
        return int(found)

    def yes_or_no(self, column: str) -> bool:
        """True for true/yes/1, False for false/no/0 and nothing; anything else is noted."""
        found = self.text(column).lower()
        if found not in ("", "true", "false", "yes", "no", "1", "0"):
            self.wrong(column, "must be true or false")
        return found in ("true", "yes", "1")


@dataclass(slots=True)
class Sheet:
    """One CSV file (UTF-8 with or without BOM; comma or semicolon), header first."""

    path: Path
    problems: list[Problem]
    columns: tuple[str, ...] = field(init=False, default=())
    _body: io.StringIO = field(init=False)
    _delimiter: str = field(init=False, default=",")

    def __post_init__(self) -> None:
        self._body = io.StringIO(self._content(), newline="")
        header = self._body.getvalue().partition("\n")[0]
        self._delimiter = ";" if header.count(";") > header.count(",") else ","
        reader = csv.reader(self._body, delimiter=self._delimiter)
        self.columns = tuple(_column(name) for name in next(reader, []))
        if not self.columns and not self.problems:
            self.problems.append(Problem(self.path.name, 1, "", "the file is empty"))
        for name in sorted({one for one in self.columns if one and self.columns.count(one) > 1}):
            self.problems.append(Problem(self.path.name, 1, name, "stands twice in the header"))

    def _content(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8-sig")
        except OSError as problem:
            reason = f"cannot be read: {problem.strerror}"
        except UnicodeDecodeError:
            reason = "is not UTF-8"
        self.problems.append(Problem(self.path.name, 0, "", reason))
        return ""

    def lines(self) -> Iterator[Line]:
        """Every line that is not empty; lines with too many or too few cells are noted and left out."""
        self._body.seek(0)
        reader = csv.reader(self._body, delimiter=self._delimiter)
        next(reader, None)
        try:
            for cells in reader:
                line = Line(self.path.name, reader.line_num, _row(self.columns, cells), self.problems)
                if not any(cells):
                    continue
                if len(cells) == len(self.columns):
                    yield line
                else:
                    line.wrong("", f"has {len(cells)} cells, the header has {len(self.columns)}")
        except csv.Error as problem:
            self.problems.append(Problem(self.path.name, reader.line_num, "", str(problem)))


def _row(columns: tuple[str, ...], cells: list[str]) -> dict[str, str]:
    return {name: cell.strip() for name, cell in zip(columns, cells, strict=False)}


def _column(name: str) -> str:
    return "_".join(name.strip().lower().replace("-", " ").split())
