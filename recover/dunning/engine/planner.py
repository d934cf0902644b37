"""Which set of hours to try at: the most recovered for its price, not the next best moment.

A set is grown one hour at a time, each time by the hour that adds most to the whole set. What a
second try on the same day adds is little where the first one failed, and the stories know that.

A try is linear in the masses a case holds (`masses.py`). So what one more try adds is a product of
the masses that reach it and of what they are worth to the tries after it, and one product tells it
for all candidates between two tries.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np

from recover.dunning.engine.belief import Belief, NDInt
from recover.dunning.engine.masses import takings
from recover.dunning.engine.paydays import DAILY, WAKING, hours_of

_FINE_HOURS = 36
_AHEAD = 5
"""Tries planned at once. After each one the rest is planned anew, and a sixth hardly moves the
first."""
_GAIN = 1e-9
"""Less than this is rounding."""


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
    """Grow the set while it gains."""
    if not room.tries or not len(room.hours):
        return Plan((), 0.0, 0.0)
    found, most = _Set(room, price), min(room.tries, _AHEAD)
    while len(found.tries) < most:
        gain, number, place = found.best()
        if gain <= _GAIN:
            break
        found.add(number, place)
        found.value += gain
        if len(found.tries) < most:
            found.appraise()
    return Plan(tuple(found.hours[at] for at in found.tries), found.value, 1 - found.alive[-1])


class _Set:
    """A growing set of tries, each the place of a candidate hour.

    ``reaching[k]`` are the masses that reach the k-th try, and at last those that all of them
    leave: (2, stories). ``worth[k]`` is what a unit of what a try takes is worth if it is made
    before the k-th: won, closed, or won an hour later (`takings`): (3, stories). It is the invoice
    less what the tries from the k-th on would make of it; each of those then comes a number later
    and costs a step more.
    """

    def __init__(self, room: Room, price: Price) -> None:
        belief = room.belief
        made = max(0, belief.tries - 1)  # the renewal itself was not ours
        self.hours: list[int] = room.hours.tolist()
        self.gap = room.gap
        self.takings = takings(belief, room.hours)
        self.flat = self.takings.reshape(len(room.hours), -1)
        self.price = price.of(made)  # of the first one
        self.step = price.of(made + 1) - self.price
        self.tries: list[int] = []  # ascending
        self.free = [(0, len(self.hours))]  # the places left before each try and after the last
        self.alive = [1.0]  # that each try is reached, and at last that all of them fail
        self.value = 0.0
        self.reaching = np.empty((_AHEAD + 1, 2, self.takings.shape[-1]))
        self.reaching[0, 0] = belief.weights
        np.multiply(belief.weights, belief.state, out=self.reaching[0, 1])
        self.worth = np.zeros((_AHEAD + 1, 3, self.takings.shape[-1]))  # at first as if alone
        self.worth[:, 0] = 1 + price.per_day / 24 * belief.last
        self.worth[:, 2] = -price.per_day / 24

    def best(self) -> tuple[float, int, int]:
        """What the best further try adds, its number in the set and its place."""
        count, found = len(self.tries) + 1, (-np.inf, 0, 0)
        worth = self.worth[:count, :, None] * self.reaching[:count, None]
        gains_of = worth.reshape(count, -1)
        for number, (low, high) in enumerate(self.free):
            if low < high:
                gains = self.flat[low:high].dot(gains_of[number])
                at = int(gains.argmax())
                found = max(found, (float(gains[at]) - self._cost(number), number, low + at))
        return found

    def _cost(self, number: int) -> float:
        """The price of one more try where it is reached, and the step by which the ones after it
        then cost more.
        """
        own = (self.price + number * self.step) * self.alive[number]
        return own + self.step * sum(self.alive[number:-1])

    def add(self, number: int, place: int) -> None:
        """One more try: what it takes reaches those after it no more."""
        self.tries.insert(number, place)
        self._keep_apart(number, self.hours[place])
        for at in range(number, len(self.tries)):
            left, taken = self.reaching[at], self.takings[self.tries[at], :2]
            np.subtract(left, np.add.reduce(taken * left, axis=1), out=self.reaching[at + 1])
        self.alive = np.add.reduce(self.reaching[: len(self.tries) + 1, 0], axis=1).tolist()

    def _keep_apart(self, number: int, hour: int) -> None:
        low, high = self.free[number]
        end = min(high, bisect_right(self.hours, hour - self.gap))
        start = max(low, bisect_left(self.hours, hour + self.gap))
        self.free[number : number + 1] = [(low, end), (start, high)]

    def appraise(self) -> None:
        """What the masses are worth before each try, from the last one backwards to the first
        before which another may be made.
        """
        count = len(self.tries)
        first = next((at for at, (low, high) in enumerate(self.free) if low < high), count)
        for at in range(count - 1, first - 1, -1):
            after, taken = self.worth[at + 1], self.takings[self.tries[at]]
            lost = np.add.reduce(taken * after[:, None], axis=0)
            lost[0] -= self.price + (at + 1) * self.step
            np.subtract(after[:2], lost, out=self.worth[at, :2])
