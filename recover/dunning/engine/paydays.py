"""The stories laid over a calendar: chances per local hour, and their running products."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recover.dunning.engine.hypotheses import LIBRARY, PRIOR, Story
from recover.dunning.hours import local, zone

Floats = NDArray[np.float64]
MAX_DAYS = 35
"""Longer campaigns are planned over this many days; the products below need bounded length."""
_HOUR = timedelta(hours=1)
DAILY: Final = (7, 9, 11, 13, 15, 18, 22)  # the local hours at which a day is tried
WAKING: Final = (0, *range(6, 24))  # those at which it may be; the night from 1 to 6 is left alone
_NOT_ABOVE = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Local wall-clock hours from ``midnight`` on: arrays of shape (hours, stories).

    With ``carry`` C and ``inflow`` S the chance to be open at hour t, given chance b at hour s, is
    C[t] * (b / C[s] - S[s] + S[t]): the two-state chain in closed form.
    """

    midnight: datetime  # naive
    carry: Floats
    inflow: Floats

    @property
    def start(self) -> date:
        return self.midnight.date()

    @property
    def hours(self) -> int:
        return len(self.carry)

    def index(self, at: datetime, timezone: str) -> int:
        """The hour ``at`` falls in, held within the grid."""
        return self.place(local(at, timezone))

    def place(self, there: datetime) -> int:
        """The same for a local time."""
        days = there.toordinal() - self.midnight.toordinal()
        return min(max(24 * days + there.hour, 0), self.hours - 1)

    def moment(self, index: int, timezone: str) -> datetime:
        """The full local hour as an aware time; hours that summer time skips move ahead."""
        return _moment(self.midnight, index, timezone)


@lru_cache(maxsize=16384)
def _moment(midnight: datetime, index: int, timezone: str) -> datetime:
    there = midnight + index * _HOUR
    return there.replace(tzinfo=zone(timezone)).astimezone(UTC)


def grid_of(day: date, window: timedelta) -> Grid:
    """For all cases that failed in the same month: its hours and those of a window after it."""
    return _grid(day.year, day.month, min(MAX_DAYS, window.days + 2))


@lru_cache(maxsize=24)  # about a megabyte each
def _grid(year: int, month: int, ahead: int) -> Grid:
    start, days = date(year, month, 1), calendar.monthrange(year, month)[1] + ahead
    rates: Floats = np.stack([_inflow(story, start, days) for story in LIBRARY], axis=1)
    stays: Floats = 24 * np.array([story.stays_days or np.inf for story in LIBRARY], np.float64)
    carry: Floats = np.cumprod((1 - rates) * (1 - 1 / stays), axis=0, dtype=np.float64)
    midnight = datetime.combine(start, datetime.min.time())
    return Grid(midnight, carry, np.cumsum(rates / carry, axis=0))


@lru_cache(maxsize=64)
def hours_of(count: int, of_day: tuple[int, ...]) -> NDArray[np.int64]:
    """Those of a grid's ``count`` hours that fall on these hours of a day, ascending."""
    midnights = np.arange(0, count, 24, dtype=np.int64)
    found: NDArray[np.int64] = (midnights[:, None] + np.array(of_day)).ravel()
    return found


def _inflow(story: Story, start: date, days: int) -> Floats:
    """Chance per hour that a closed card opens at the beginning of that hour."""
    base = 0.0 if story.lifts_days is None else 1 - np.exp(-1 / (24 * story.lifts_days))
    rates = np.full(days * 24, base)
    for ahead in range(days):
        for hour, chance in _arrivals(story, start + timedelta(ahead)):
            rates[ahead * 24 + hour] += chance
    capped: Floats = np.minimum(rates, _NOT_ABOVE)
    return capped


def _arrivals(story: Story, day: date) -> list[tuple[int, float]]:
    if story.cause == "limit":
        return [(0, _NOT_ABOVE)] if _resets(story, day) else []
    return list(_DEPOSITS) if story.pay and pays_on(story, day) else []


def _deposits() -> tuple[tuple[int, float], ...]:
    """Hour by hour: the chance that the money of a payday arrives now if it has not yet."""
    left, found = 1.0, []
    for hour, share in PRIOR["money"]["hours"].items():
        chance = share * PRIOR["money"]["arrives"]
        found.append((int(hour), chance / left))
        left -= chance
    return tuple(found)


_DEPOSITS = _deposits()


def _resets(story: Story, day: date) -> bool:
    return {"midnight": True, "monday": day.weekday() == 0, "month": day.day == 1}.get(
        story.pay, False
    )


@lru_cache(maxsize=16384)
def pays_on(story: Story, day: date) -> bool:
    """True where this story's salary is paid on that day; pay days on weekends come earlier."""
    if story.pay in ("weekly", "biweekly"):
        wrong_week = story.pay == "biweekly" and (day.toordinal() // 7 % 2 == 1) != story.odd_week
        return day.weekday() == story.weekday and not wrong_week
    if day.weekday() >= 5:  # noqa: PLR2004  Saturday, Sunday
        return False
    ahead = 3 if day.weekday() == 4 else 1  # noqa: PLR2004  Friday pays for the weekend
    return any(_named(day + timedelta(n), story.days) for n in range(ahead))


def _named(day: date, days: tuple[int, ...]) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    return any(day.day == min(wanted, last) for wanted in days)


@lru_cache(maxsize=4096)
def paid_days_ago(day: date, within: int) -> Floats:
    """1 where a story's last payday was so many days ago, else 0: (``within``, stories)."""
    found = np.zeros((within, len(LIBRARY)))
    for index, story in enumerate(LIBRARY):
        if story.cause == "short" and story.pay:
            ago = (n for n in range(within) if pays_on(story, day - timedelta(days=n)))
            found[list(islice(ago, 1)), index] = 1.0
    return found
