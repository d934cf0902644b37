"""The hypotheses laid over a calendar: how likely the card opens in each local hour.

In each hour an open card closes with chance δ, and then a closed one opens with chance λ(t). So
the chance b(t) that the card is open obeys

    b(t) = λ(t) + (1 - λ(t)) (1 - δ) b(t - 1)

and `Grid` holds the closed form of this recurrence.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final

import numpy as np

from recover.dunning.engine.arrays import Floats, Ints
from recover.dunning.engine.hypotheses import HYPOTHESES, PARAMETERS, Hypothesis
from recover.dunning.local_time import local, zone

MAX_DAYS = 35
"""Longer campaigns are planned over this many days: the products below grow with the length."""
_HOUR = timedelta(hours=1)
_DAY_HOURS = 24
COARSE_HOURS: Final = (7, 9, 11, 13, 15, 18, 22)
"""The local hours at which a day is usually tried."""
WAKING_HOURS: Final = (0, *range(6, _DAY_HOURS))
"""All local hours that may be tried: the night from 1 to 6 is left alone."""
_MAX_OPENING_RATE = 0.9
_FRIDAY, _SATURDAY = 4, 5


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Local wall-clock hours, numbered from ``origin`` on, and what happens to a card in them.

    The closed form of the recurrence is b(t) = C(t) (z + S(t)), with C ``carry``, S ``inflow``
    and z a constant that stays the same until an attempt is made (`constant`). Both arrays are
    (hours, hypotheses).
    """

    origin: datetime  # midnight, without a zone
    carry: Floats  # C: the product of (1 - λ) (1 - δ) over all hours up to and with this one
    inflow: Floats  # S: the sum of λ / C over the same hours

    @property
    def start(self) -> date:
        return self.origin.date()

    @property
    def hour_count(self) -> int:
        return len(self.carry)

    def hour_of(self, at: datetime, timezone: str) -> int:
        """The number of the local hour that ``at`` falls in, held within the grid."""
        return self.hour_of_local(local(at, timezone))

    def hour_of_local(self, there: datetime) -> int:
        """The same for a local time."""
        days = there.toordinal() - self.origin.toordinal()
        return min(max(_DAY_HOURS * days + there.hour, 0), self.hour_count - 1)

    def moment(self, hour: int, timezone: str) -> datetime:
        """When this hour begins, aware UTC; an hour that summer time skips is moved ahead."""
        return _moment(self.origin, hour, timezone)

    def open_chances(self, constant: Floats, hour: int) -> Floats:
        """b: the chance by hypothesis that the card is open in this hour: (hypotheses,)."""
        chances: Floats = self.carry[hour] * (constant + self.inflow[hour])
        return chances


@lru_cache(maxsize=16384)
def _moment(origin: datetime, hour: int, timezone: str) -> datetime:
    there = origin + hour * _HOUR
    return there.replace(tzinfo=zone(timezone)).astimezone(UTC)


def month_grid(day: date, window: timedelta) -> Grid:
    """The hours of the month of ``day`` and of a window after it, shared by all its failures."""
    return _month_grid(day.year, day.month, min(MAX_DAYS, window.days + 2))


@lru_cache(maxsize=24)  # about a megabyte each
def _month_grid(year: int, month: int, days_after: int) -> Grid:
    start, days = date(year, month, 1), calendar.monthrange(year, month)[1] + days_after
    opening: Floats = np.stack([_opening_rates(each, start, days) for each in HYPOTHESES], axis=1)
    hours_open: Floats = _DAY_HOURS * np.array(
        [each.mean_days_open or np.inf for each in HYPOTHESES], np.float64
    )
    closing = 1 / hours_open
    carry: Floats = np.cumprod((1 - opening) * (1 - closing), axis=0, dtype=np.float64)
    origin = datetime.combine(start, datetime.min.time())
    return Grid(origin, carry, np.cumsum(opening / carry, axis=0))


@lru_cache(maxsize=64)
def hours_at(hour_count: int, of_day: tuple[int, ...]) -> Ints:
    """Those of a grid's hours that fall on these hours of a day, ascending."""
    midnights = np.arange(0, hour_count, _DAY_HOURS, dtype=np.int64)
    hours: Ints = (midnights[:, None] + np.array(of_day)).ravel()
    return hours


def _opening_rates(hypothesis: Hypothesis, start: date, days: int) -> Floats:
    """λ: the chance that a closed card opens at the beginning of each hour: (24 * days,)."""
    mean_days = hypothesis.mean_days_to_open
    steady = 0.0 if mean_days is None else 1 - np.exp(-1 / (_DAY_HOURS * mean_days))
    rates = np.full(days * _DAY_HOURS, steady)
    for day in range(days):
        for hour, chance in _calendar_openings(hypothesis, start + timedelta(day)):
            rates[day * _DAY_HOURS + hour] += chance
    capped: Floats = np.minimum(rates, _MAX_OPENING_RATE)
    return capped


def _calendar_openings(hypothesis: Hypothesis, day: date) -> list[tuple[int, float]]:
    """(hour of the day, chance) of each opening that the hypothesis's calendar puts on ``day``."""
    if hypothesis.cause == "limit":
        return [(0, _MAX_OPENING_RATE)] if _limit_is_reset(hypothesis, day) else []
    return list(_DEPOSITS) if hypothesis.calendar and pays_on(hypothesis, day) else []


def _deposit_chances() -> tuple[tuple[int, float], ...]:
    """(hour of a payday, chance that its money arrives now if it has not arrived before)."""
    not_yet, chances = 1.0, []
    for hour, share in PARAMETERS["money"]["hours"].items():
        arrives_now = share * PARAMETERS["money"]["arrives"]
        chances.append((int(hour), arrives_now / not_yet))
        not_yet -= arrives_now
    return tuple(chances)


_DEPOSITS = _deposit_chances()


def _limit_is_reset(limit: Hypothesis, day: date) -> bool:
    resets = {"midnight": True, "monday": day.weekday() == 0, "month": day.day == 1}
    return resets.get(limit.calendar, False)


@lru_cache(maxsize=16384)
def pays_on(hypothesis: Hypothesis, day: date) -> bool:
    """True where this hypothesis's salary is paid on ``day``: before a weekend, not within it."""
    if hypothesis.calendar in ("weekly", "biweekly"):
        odd_week = day.toordinal() // 7 % 2 == 1
        other_week = hypothesis.calendar == "biweekly" and odd_week != hypothesis.odd_week
        return day.weekday() == hypothesis.weekday and not other_week
    if day.weekday() >= _SATURDAY:
        return False
    covered = 3 if day.weekday() == _FRIDAY else 1  # Friday pays for the weekend too
    due = (day + timedelta(n) for n in range(covered))
    return any(_is_month_day(each, hypothesis.month_days) for each in due)


def _is_month_day(day: date, month_days: tuple[int, ...]) -> bool:
    """True on one of these days of the month; 31 is the last day of any month."""
    last = calendar.monthrange(day.year, day.month)[1]
    return any(day.day == min(month_day, last) for month_day in month_days)


@lru_cache(maxsize=4096)
def last_paydays(day: date, within: int) -> Floats:
    """1 where a hypothesis's last payday was n days before ``day``: (n < within, hypotheses)."""
    paid = np.zeros((within, len(HYPOTHESES)))
    for index, each in enumerate(HYPOTHESES):
        if each.cause == "short" and each.calendar:
            days_ago = (n for n in range(within) if pays_on(each, day - timedelta(days=n)))
            paid[list(islice(days_ago, 1)), index] = 1.0
    return paid
