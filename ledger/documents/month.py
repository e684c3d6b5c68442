"""A calendar month, and when it begins and ends in a time zone."""

import re
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, Self

from ledger.time_zone import next_midnight, zone

_FORM = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


class Month(NamedTuple):
    """A month of a year from 2000 to 2099."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The month that "2026-03" stands for; None for any other text."""
        found = _FORM.fullmatch(text)
        return cls(*map(int, found.groups())) if found else None

    @classmethod
    def of(cls, day: date) -> Self:
        """The month that a day is in."""
        return cls(day.year, day.month)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"

    def first_day(self) -> date:
        """The first."""
        return date(self.year, self.number, 1)

    def last_day(self) -> date:
        """The 28th to the 31st."""
        later = self.first_day() + timedelta(days=31)
        return later.replace(day=1) - timedelta(days=1)

    def bounds(self, zone_name: str) -> tuple[datetime, datetime]:
        """The moments at which it begins and is over, in UTC. Raises TimeZoneUnknown."""
        return (
            _end_of(self.first_day() - timedelta(days=1), zone_name),
            _end_of(self.last_day(), zone_name),
        )


def _end_of(day: date, zone_name: str) -> datetime:
    return next_midnight(zone_name, datetime.combine(day, time(12), zone(zone_name)))
