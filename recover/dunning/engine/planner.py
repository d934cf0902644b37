"""Which set of hours to try at: the most recovered for its price, not the next best moment.

A set is grown one hour at a time, each time by the hour that adds most to the whole set. What a
second try on the same day adds is little where the first one failed, and the stories know that.

A try is linear in the masses a case holds (`masses.py`). So what one more try adds is a product of
the masses that reach it and of what the tries after it would make of them, and a single matrix
product tells it for all candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recover.dunning.engine.belief import Belief, NDInt
from recover.dunning.engine.masses import masses, takings
from recover.dunning.engine.paydays import DAILY, WAKING, Floats, hours_of

_FINE_HOURS = 36
_AHEAD = 5
"""Tries planned at once. After each one the rest is planned anew, and a sixth hardly moves the
first."""
_GAIN = 1e-9
"""Less than this is rounding."""
_FAR = 1 << 40
"""The hour of candidates that are none."""
_IN_STEP = 32
"""Rooms planned in step: few enough to stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a plan pays with, in units of one recovered invoice."""

    per_try: float = 0.010  # an authorisation: fees, the issuer's patience, the decline ratio
    per_day: float = 0.007  # each day a recovery comes later
    growth: float = 0.4  # by what share of `per_try` each further try on an invoice costs more

    def of(self, number: int) -> float:
        """Of one more try after ``number`` retries on the invoice."""
        return self.per_try * (1 + self.growth * number)


@dataclass(frozen=True, slots=True)
class Plan:
    hours: tuple[int, ...]  # ascending; empty: no further try is worth its price
    value: float  # recovered share minus the price
    chance: float  # that the plan recovers the invoice


def candidates(belief: Belief, earliest: int, end: int, *, fine: bool) -> NDInt:
    """Hours of the grid that may be tried; every hour of the first days where it is ``fine``."""
    daily = hours_of(belief.grid.hours, DAILY)
    if not fine:
        return _between(daily, earliest, end)
    sparse = min(max(belief.last + _FINE_HOURS + 1, earliest), end)
    dense = _between(hours_of(belief.grid.hours, WAKING), earliest, sparse)
    return np.concatenate([dense, _between(daily, sparse, end)])


def _between(hours: NDInt, start: int, end: int) -> NDInt:
    low, high = hours.searchsorted((start, end))
    return hours[low:high]


@dataclass(frozen=True, slots=True)
class Room:
    """What a plan may use: these hours, so many tries, ``gap`` hours between any two of them."""

    belief: Belief
    hours: NDInt  # ascending
    tries: int
    gap: int


def plan(room: Room, price: Price) -> Plan:
    return plans([room], price)[0]


def plans(rooms: Sequence[Room], price: Price) -> list[Plan]:
    """Grow each set while it gains, all of them in step."""
    found = [Plan((), 0.0, 0.0)] * len(rooms)
    asked = [nth for nth, room in enumerate(rooms) if room.tries and len(room.hours)]
    asked.sort(key=lambda nth: len(rooms[nth].hours))  # those in step are of about one length
    for start in range(0, len(asked), _IN_STEP):
        some = asked[start : start + _IN_STEP]
        for nth, its in zip(some, _Sets([rooms[n] for n in some], price).grown(), strict=True):
            found[nth] = its
    return found


class _Sets:
    """Sets of candidate hours, one for each room. Arrays of shape (rooms, ...).

    Behind each room's candidates stands a void, a try that does nothing: it fills up the sets that
    grow no further.
    """

    def __init__(self, rooms: Sequence[Room], price: Price) -> None:
        self.void = max(len(room.hours) for room in rooms)
        shape = (len(rooms), self.void + 1)
        self.hours = np.full(shape, _FAR)
        self.takings = np.empty((*shape, 2, 2, len(rooms[0].belief.weights)))
        for nth, room in enumerate(rooms):
            count = len(room.hours)
            self.hours[nth, :count] = room.hours
            self.takings[nth, :count] = takings(room.belief, room.hours)
            self.takings[nth, count:] = 0.0
        self.barred = self.hours == _FAR
        last = np.array([[room.belief.last] for room in rooms])
        self.worth = 1 - price.per_day / 24 * (self.hours - last)
        self.gap = np.array([[room.gap] for room in rooms])
        made = [max(0, room.belief.tries - 1) for room in rooms]  # the renewal was not ours
        # Of the first planned try, the second, ...; the last column is that of a set's next one.
        self.price = np.array([[price.of(n + k) for k in range(_AHEAD + 1)] for n in made])
        self.most = np.array([min(room.tries, _AHEAD) for room in rooms])
        self.rows, self.places = np.arange(len(rooms))[:, None], np.arange(self.void + 1)
        self.count = 0
        self.tries = np.full((len(rooms), _AHEAD), self.void)  # places of candidates, ascending
        self.before = np.zeros(shape, dtype=np.int64)  # how many tries come before each candidate
        self.value = np.zeros(len(rooms))
        # The masses that reach each try, and at last those that all leave; what a unit of each
        # mass is worth to the tries from there on; and what it is if these cost one step more,
        # since another came before them.
        self.reaching = np.empty((len(rooms), _AHEAD + 1, 2, self.takings.shape[-1]))
        self.following = np.zeros_like(self.reaching)
        self.raised = np.zeros_like(self.reaching)
        self.reaching[:, 0] = [masses(room.belief) for room in rooms]

    def grown(self) -> list[Plan]:
        while self.count < _AHEAD and self._grow():
            self._follow()
        alive = self.reaching[:, self.count, 0].sum(axis=1).tolist()
        hours = self.hours[self.rows, self.tries].tolist()
        return [
            Plan(tuple(hour for hour in its if hour < _FAR), value, 1 - left)
            for its, value, left in zip(hours, self.value.tolist(), alive, strict=True)
        ]

    def _grow(self) -> bool:
        """Add to each set the hour that adds most to it. False where nothing adds to any."""
        gains = self._gains()
        gains[self.barred] = -np.inf
        best = gains.argmax(axis=1)
        gained = gains[self.rows[:, 0], best]
        growing = (gained > _GAIN) & (self.count < self.most)
        if not growing.any():
            return False
        self.value += np.where(growing, gained, 0.0)
        best = np.where(growing, best, self.void)[:, None]
        self.tries[:, self.count] = best[:, 0]
        self.count += 1
        self.tries.sort(axis=1)
        self.before += self.places > best
        self.barred |= abs(self.hours - self.hours[self.rows, best]) < self.gap
        return True

    def _gains(self) -> Floats:
        """By how much each candidate makes its set worth more: what that try wins, less what the
        tries after it would have won anyway, less its price where it is reached, and less the step
        by which those after it cost more.
        """
        rooms, width, size = *self.before.shape, 2 * self.takings.shape[-1]
        tries = self.count + 1
        reaching, raised = self.reaching[:, :tries], self.raised[:, :tries]
        wins = _product(self.takings[:, :, 0].reshape(rooms, width, size), reaching)
        gains = wins * self.worth[:, :, None]
        costs = self.price[:, :tries] * reaching[:, :, 0].sum(axis=2)
        if self.count:
            costs += (reaching * (self.following[:, :tries] - raised)).sum(axis=(2, 3))
            pairs = raised[:, :, :, None] * reaching[:, :, None]
            gains -= _product(self.takings.reshape(rooms, width, 2 * size), pairs)
        gains -= costs[:, None]
        found: Floats = gains[self.rows, self.places, self.before]
        return found

    def _follow(self) -> None:
        """Play all tries through: forwards the masses they leave, backwards what they are worth."""
        tries = self.tries[:, : self.count]
        taken = self.takings[self.rows, tries]
        for at in range(self.count):
            from_alive, from_open = taken[:, at, :, 0], taken[:, at, :, 1]
            left = self.reaching[:, at]
            self.reaching[:, at + 1] = left - from_alive * left[:, :1] - from_open * left[:, 1:]
        wins = taken[:, :, 0] * self.worth[self.rows, tries][:, :, None, None]
        asked = tries != self.void
        for price, value in ((self.price, self.following), (self.price[:, 1:], self.raised)):
            own = wins.copy()
            own[:, :, 0] -= (price[:, : self.count] * asked)[:, :, None]
            value[:, self.count] = 0.0
            for at in range(self.count - 1, -1, -1):
                after, (wins_, closes) = value[:, at + 1], (taken[:, at, 0], taken[:, at, 1])
                value[:, at] = own[:, at] + after - wins_ * after[:, :1] - closes * after[:, 1:]


def _product(takings: Floats, masses: Floats) -> Floats:
    """(rooms, candidates, n) and (rooms, tries, ...) to (rooms, candidates, tries)."""
    flat = masses.reshape(*masses.shape[:2], -1)
    return takings @ flat.transpose(0, 2, 1)
