"""The lift table as files: CSV for a spreadsheet, SVG for a slide. Written whole or not at all.

Not here: what the rows say (``sla_engine.learning.lift``).
"""

from __future__ import annotations

import csv
import io
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from connectors.base import Problem
from leadsla.cli import learned_words as words
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.learned_json import lift_row
from sla_engine.learning.lift import Lift, LiftReport

MOST_ROWS = 40
_COLOURS = {"good_sign": "#1a7f37", "bad_sign": "#b42318", "no_clear_difference": "#6b7280"}
_ROW, _LEFT, _PLOT, _RIGHT, _TOP = 24, 330, 420, 190, 66
_NAME = 46
_SMALLEST, _LARGEST = 0.2, 5.0
_TITLE = "Which activities and content mark good leads"
_SUBTITLE = "Lift: share of wins with it, divided by the share without; bars are 95 % intervals"
_FONT = 'font-family="sans-serif" font-size="13"'
_TICKS = (0.2, 0.5, 1.0, 2.0, 5.0)


def unwritable(path: Path, option: str) -> list[Problem]:
    """Before the work begins: why nothing can be written to ``path``."""
    if path.is_dir():
        return [Problem(option, f"{path} is a folder", "name a file")]
    if not path.absolute().parent.is_dir():
        return [Problem(option, f"there is no folder {path.parent}", "make it, or name another file")]
    return []


def overwritten(read: Sequence[tuple[str, Path]], written: Sequence[tuple[str, Path]]) -> list[Problem]:
    """Files that would be written over what is read, or over one another; pairs of an option and its path."""
    problems = []
    for place, (option, path) in enumerate(written):
        for other, taken in (*read, *written[:place]):
            if _is_same(path, taken):
                problems.append(Problem(option, f"{path} is the file of {other}", "name another file"))
    return problems


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other.resolve() or one.samefile(other)
    except (OSError, RuntimeError):
        return False


def write(path: Path, text: str) -> None:
    """Into a file beside it first, so that nobody ever finds half of it. Raises ConfigurationProblem."""
    try:
        handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise ConfigurationProblem(f"cannot write {path}: {why}; name another file") from None


def csv_table(report: LiftReport) -> str:
    """Every row, with a header; cells that a spreadsheet would take for a formula are made harmless."""
    text = io.StringIO(newline="")
    columns: tuple[str, ...] = (
        "name",
        "family",
        "verdict",
        "leads",
        "wins",
        "rate",
        "leads_without",
        "wins_without",
    )
    columns += ("rate_without", "lift", "low", "high", "p", "q", "held_up")
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in report.rows:
        values = lift_row(row)
        writer.writerow([_cell(values[column]) for column in columns])
    return text.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    text = str(value)
    return f"'{text}" if text[:1] in "=+-@\t\r" and isinstance(value, str) else text


def svg_chart(report: LiftReport) -> str:
    """One line a row: the lift as a dot, its interval as a bar; half and double are equally far from 1."""
    rows = [row for row in report.rows if row.verdict != "not_enough_data"][:MOST_ROWS]
    width, height = _LEFT + _PLOT + _RIGHT, _TOP + _ROW * max(1, len(rows)) + 46
    size = f'width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}" {_FONT} role="img">',
        f"<title>{_TITLE}</title>",
        f'<rect {size} fill="white"/>',
        f'<text x="12" y="24" font-size="16" font-weight="bold">{_TITLE}</text>',
        f'<text x="12" y="44" fill="#4b5563">{_SUBTITLE}</text>',
    ]
    bottom = _TOP + _ROW * max(1, len(rows))
    parts += [line for tick in _TICKS for line in _tick(tick, bottom)]
    if not rows:
        parts.append(f'<text x="12" y="{_TOP + 16}">Nothing has enough leads and wins to be compared.</text>')
    parts += [line for place, row in enumerate(rows) for line in _row(row, _TOP + _ROW * place + _ROW // 2)]
    note = (
        f"{report.tested} tested together, {report.not_tested} had too few leads; a sign need not be a cause"
    )
    parts.append(f'<text x="12" y="{height - 8}" fill="#4b5563" font-size="12">{note}</text>')
    return "\n".join((*parts, "</svg>\n"))


def _x(lift: float) -> float:
    share = math.log(min(_LARGEST, max(_SMALLEST, lift)) / _SMALLEST) / math.log(_LARGEST / _SMALLEST)
    return round(_LEFT + _PLOT * share, 1)


def _tick(tick: float, bottom: int) -> Sequence[str]:
    colour = "#111827" if tick == 1 else "#d1d5db"
    at = _x(tick)
    return (
        f'<line x1="{at}" x2="{at}" y1="{_TOP}" y2="{bottom}" stroke="{colour}"/>',
        f'<text x="{at}" y="{bottom + 16}" text-anchor="middle" fill="#4b5563">{tick:g}</text>',
    )


def _row(row: Lift, y: int) -> Sequence[str]:
    colour = _COLOURS[row.verdict]
    name = row.name if len(row.name) <= _NAME else f"{row.name[: _NAME - 1]}\u2026"
    told = f"{row.lift:.2f}, {words.VERDICTS[row.verdict]}"
    name_place, told_place = f'x="{_LEFT - 10}" y="{y + 4}"', f'x="{_LEFT + _PLOT + 10}" y="{y + 4}"'
    bar = f'x1="{_x(row.low)}" x2="{_x(row.high)}" y1="{y}" y2="{y}"'
    return (
        f"<g><title>{escape(words.lift_sentence(row))}</title>",
        f'<text {name_place} text-anchor="end">{escape(name)}</text>',
        f'<line {bar} stroke="{colour}" stroke-width="3"/>',
        f'<circle cx="{_x(row.lift)}" cy="{y}" r="5" fill="{colour}"/>',
        f'<text {told_place} fill="{colour}">{told}</text></g>',
    )
