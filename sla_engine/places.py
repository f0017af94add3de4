"""Public holidays of a place, as the ``holidays`` library knows them.

Not here: which calendar follows which place (``business_time``), or closed days of one's own (its
``overrides``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

import holidays as holiday_calendars
from pydantic import BaseModel, ConfigDict, model_validator


class Place(BaseModel):
    """Public holidays of a country or a part of it, as the ``holidays`` library knows them.

    ``country`` and ``subdivision`` are codes of ISO 3166. Raises ValueError for a place it does not know.

    >>> [date(2026, 3, 8) in Place(country="DE", subdivision=land).dates(2026) for land in ("BE", "BY")]
    [True, False]
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    country: str
    subdivision: str | None = None
    categories: tuple[str, ...] = ("public",)

    @model_validator(mode="after")
    def _known(self) -> Place:
        try:
            self.dates(2024)
        except NotImplementedError as error:
            raise ValueError(str(error)) from None
        return self

    def dates(self, year: int) -> Mapping[date, str]:
        """The holidays of one year with their names in English.

        >>> Place(country="DE").dates(2026)[date(2026, 10, 3)]
        'German Unity Day'
        """
        found = holiday_calendars.country_holidays(
            self.country,
            subdiv=self.subdivision,
            years=year,
            categories=self.categories,
            language="en_US",  # or the names would follow the machine's language
        )
        return dict(found)


@lru_cache(maxsize=4096)
def holiday_names(place: Place, year: int) -> Mapping[date, str]:
    """``Place.dates``, remembered.

    >>> holiday_names(Place(country="FR"), 2026)[date(2026, 7, 14)]
    'National Day'
    """
    return place.dates(year)
