"""The mark a lead is kept with: by it the next poll tells what of a record is news.

It holds the record's stamp and two short hashes: of everything whose past matters (stage, owner, visits,
forms, opt-out), and of the records that were merged into it. Same stamp: nothing is new. Same hashes: the
values are new, the past is not, and need not be read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """``stamp`` in milliseconds since 1970; the hashes as short texts.

    ``contact`` is the stamp of a lead's contact where that is a record of its own, else 0.
    """

    stamp: int
    past: str
    merged: str
    contact: int = 0

    @classmethod
    def parse(cls, text: str) -> Mark | None:
        """None for a text that is no mark of ours, such as an earlier version's."""
        parts = text.split("|")
        if len(parts) != 4 or not (parts[0].isdigit() and parts[3].isdigit() and parts[1] and parts[2]):
            return None
        return cls(int(parts[0]), parts[1], parts[2], int(parts[3]))

    def text(self) -> str:
        return f"{self.stamp}|{self.past}|{self.merged}|{self.contact}"

    def is_news_to(self, kept: Mark | None) -> bool:
        """Whether a record with this mark shows anything that ``kept`` does not.

        A stamp before the kept one is no news: the search index is behind what was read by id.
        """
        if kept is None or self.stamp > kept.stamp or self.contact > kept.contact:
            return True
        return (self.stamp, self.contact) == (kept.stamp, kept.contact) and self != kept
