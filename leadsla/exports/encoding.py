"""How the bytes of a file stand for letters, and where they stop doing so.

Not here: what the text means (``reading``).
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from pathlib import Path

_BLOCK = 1 << 20


def likely(start: bytes) -> Iterable[str]:
    """The encodings to try, by the first bytes."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    odd, even = start[1::2].count(0), start[::2].count(0)
    if max(odd, even) > len(start) // 5:
        return ("utf-16-le",) if odd > even else ("utf-16-be",)
    return ("utf-8-sig", "cp1252")


def bad_byte(path: Path, encoding: str) -> int | None:
    """Which byte, counted from 1, is no text of this encoding; None if all are. A NUL is no text."""
    decoder = codecs.getincrementaldecoder(encoding)()
    at = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            try:
                text = decoder.decode(block)
            except UnicodeDecodeError as error:
                return at + len(block) - len(error.object) + error.start + 1
            if "\x00" in text:
                return at + max(0, block.find(0)) + 1
            at += len(block)
    try:
        decoder.decode(b"", final=True)
    except UnicodeError:
        return at
    return None


def holds_nul(path: Path, place: int) -> bool:
    """Whether the byte at this place, counted from 1, is a NUL."""
    with path.open("rb") as file:
        file.seek(max(0, place - 1))
        return file.read(1) == b"\x00"


def told_place(path: Path, place: int) -> str:
    """A byte's place, with its line."""
    lines, left = 1, max(0, place - 1)
    with path.open("rb") as file:
        while left and (block := file.read(min(left, _BLOCK))):
            lines += block.count(b"\n")
            left -= len(block)
    return f"byte {place:,} in line {lines:,}"


def letters_and_strays(path: Path) -> tuple[int, int]:
    """How many letters outside ASCII UTF-8 explains, and how many bytes it does not."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    letters = strays = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            text = decoder.decode(block)
            if not text.isascii():
                known = text.encode("utf-8", "ignore").decode("utf-8")
                strays += len(text) - len(known)
                letters += len(known) - len(known.encode("ascii", "ignore"))
    return letters, strays
