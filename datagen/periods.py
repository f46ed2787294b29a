"""The time that the data plays in, in UTC. Fixed, so that rows don't depend on the day they are made."""

from dataclasses import dataclass
from datetime import UTC, datetime

from datagen.streams import Integers, Words, below

DAY = 86_400
"""Seconds in a day."""

FUTURE = 100 * 365 * DAY
"""Seconds that a date with the defect `future-date` lies too late."""


@dataclass(frozen=True)
class Period:
    """Whole years from the start of the first one to the end of the last one."""

    first_year: int
    last_year: int

    @property
    def start(self) -> int:
        """Seconds since 1970 of the first instant."""
        return int(datetime(self.first_year, 1, 1, tzinfo=UTC).timestamp())

    @property
    def seconds(self) -> int:
        """The length in seconds."""
        return int(datetime(self.last_year + 1, 1, 1, tzinfo=UTC).timestamp()) - self.start

    @property
    def first_day(self) -> int:
        """Days since 1970 of the first day."""
        return self.start // DAY

    def spread(self, words: Words) -> Integers:
        """Return instants of this period in seconds since 1970, all equally likely."""
        return self.start + below(words, self.seconds)


REGISTRATIONS = Period(2022, 2023)
"""When customers register and products are introduced: before the first order."""

ORDERS = Period(2024, 2025)
"""When good orders are placed."""
