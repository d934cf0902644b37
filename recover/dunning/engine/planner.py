"""Which set of hours to try at: the most recovered for its price, not the next best moment.

A set is grown one hour at a time, each time by the hour that adds most to the whole set. What a
second try on the same day adds is little where the first one failed, and the stories know that.

A try is linear in the masses a case holds (`masses.py`). So what one more try adds is a product of
the masses that reach it and of what the tries after it would make of them, and one matrix product
tells it for all candidates between two tries.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
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
        gain, place = found.best()
        if gain <= _GAIN:
            break
        found.add(gain, place)
    return found.planned()


class _Set:
    """A growing set of tries, each the place of a candidate hour.

    ``reaching[k]`` are the masses that reach the k-th try, and at last those that all of them
    leave. ``following[k]`` is what a unit of each mass is worth to the tries from the k-th on, if
    one more comes before them: then each of them is a number higher, and so is its price.
    """

    def __init__(self, room: Room, price: Price) -> None:
        belief = room.belief
        made = max(0, belief.tries - 1)  # the renewal itself was not ours
        self.hours, self.gap = room.hours, room.gap
        self.takings = takings(belief, room.hours)
        self.worth = 1 - price.per_day / 24 * (room.hours - belief.last)
        self.prices = [price.of(made + number) for number in range(_AHEAD + 1)]
        self.tries: list[int] = []  # ascending
        self.value = 0.0
        self.reaching = np.empty((_AHEAD + 1, *self.takings.shape[2:]))
        self.following = np.zeros_like(self.reaching)
        self.reaching[0] = masses(belief)
        self.alive = [1.0]  # that each try is reached, and at last that all of them fail

    def planned(self) -> Plan:
        hours = tuple(self.hours[self.tries].tolist())
        return Plan(hours, self.value, 1 - self.alive[-1])

    def best(self) -> tuple[float, int]:
        """What the best further try adds, and its place."""
        found = (-np.inf, 0)
        for number, (low, high) in enumerate(self._free()):
            if low < high:
                gains = self._gains(number, slice(low, high))
                at = int(gains.argmax())
                found = max(found, (float(gains[at]), low + at))
        return found

    def _free(self) -> Iterator[tuple[int, int]]:
        """Before the first try, between any two and after the last: the places that are left."""
        taken = self.hours[self.tries]
        ends = self.hours.searchsorted(taken - self.gap, "right").tolist()
        starts = self.hours.searchsorted(taken + self.gap).tolist()
        return zip([0, *starts], [*ends, len(self.hours)], strict=True)

    def _gains(self, number: int, places: slice) -> Floats:
        """By how much each of these candidates makes the set worth more as its try ``number``.

        It is what that try wins, less what the tries after it would have won anyway, less its
        price where it is reached, and less the step by which those after it then cost more.
        """
        some, reaching = self.takings[places], self.reaching[number]
        step = self.prices[1] - self.prices[0]
        cost = self.prices[number] * self.alive[number] + step * sum(self.alive[number:-1])
        wins = some[:, 0].reshape(len(some), -1) @ reaching.ravel()
        gains: Floats = wins * self.worth[places] - cost
        if number < len(self.tries):
            pairs = self.following[number][:, None] * reaching
            gains -= some.reshape(len(some), -1) @ pairs.ravel()
        return gains

    def add(self, gain: float, place: int) -> None:
        """One more try. All are played through: forwards the masses they leave, backwards what
        those are worth.
        """
        first = bisect(self.tries, place)
        self.tries.insert(first, place)
        self.value += gain
        count = len(self.tries)
        taken = [self.takings[at] for at in self.tries]
        for at in range(first, count):
            left = self.reaching[at]
            self.reaching[at + 1] = left - (taken[at] * left).sum(axis=1)
        self.alive = self.reaching[: count + 1, 0].sum(axis=1).tolist()
        self.following[count] = 0.0
        for at in range(count - 1, -1, -1):
            after = self.following[at + 1]
            value = after - (taken[at] * after[:, None]).sum(axis=0)
            value += self.worth[self.tries[at]] * taken[at][0]
            value[0] -= self.prices[at + 1]
            self.following[at] = value
