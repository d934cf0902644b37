"""Which set of hours to try at: the most recovered for its price, not the next best moment.

A set is grown one hour at a time, each time by the hour that adds most to the whole set. What a
second try on the same day adds is little where the first one failed, and the stories know that.

A try is linear in the masses a case holds (`masses.py`). So what one more try adds is a product of
the masses that reach it and of what the tries after it would make of them, and a single matrix
product tells it for all candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recover.dunning.engine.belief import Belief, NDInt
from recover.dunning.engine.masses import daily_hours, masses, takings
from recover.dunning.engine.paydays import Floats

_NIGHT = (1, 6)  # local; left in peace
_FINE_HOURS = 36
_AHEAD = 5
"""Tries planned at once. After each one the rest is planned anew, and a sixth hardly moves the
first."""
_GAIN = 1e-9
"""Less than this is rounding."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a plan pays with, in units of one recovered invoice."""

    per_try: float = 0.023  # an authorisation: fees, the issuer's patience, the decline ratio
    per_day: float = 0.007  # each day a recovery comes later


@dataclass(frozen=True, slots=True)
class Plan:
    hours: tuple[int, ...]  # ascending; empty: no further try is worth its price
    value: float  # recovered share minus the price
    chance: float  # that the plan recovers the invoice


def candidates(belief: Belief, earliest: int, end: int, *, fine: bool) -> NDInt:
    """Hours of the grid that may be tried; every hour of the first days where it is ``fine``."""
    hours = daily_hours(belief.grid)
    if fine:
        first = np.arange(earliest, belief.last + _FINE_HOURS + 1)
        by_day = (first % 24 < _NIGHT[0]) | (first % 24 >= _NIGHT[1])
        hours = np.union1d(hours, first[by_day])
    low, high = np.searchsorted(hours, (earliest, min(end, belief.grid.hours)))
    return hours[low:high]


def plan(belief: Belief, hours: NDInt, tries: int, gap: int, price: Price) -> Plan:
    """Grow the set while it gains. ``gap``: hours between any two tries."""
    if not tries or not len(hours):
        return Plan((), 0.0, 0.0)
    found, value = _Set(belief, hours, price), 0.0
    barred = np.zeros(len(hours), dtype=bool)
    while len(found.tries) < min(tries, _AHEAD) and not barred.all():
        gains = found.gains()
        gains[barred] = -np.inf
        best = int(gains.argmax())
        if gains[best] <= _GAIN:
            break
        value += float(gains[best])
        found.add(best)
        barred |= abs(hours - hours[best]) < gap
    return Plan(tuple(int(hours[nth]) for nth in found.tries), value, found.chance)


class _Set:
    """Some of the candidate hours, and what each of the others would add to them."""

    def __init__(self, belief: Belief, hours: NDInt, price: Price) -> None:
        self.tries: list[int] = []  # places among the candidates, ascending
        self.per_try = price.per_try
        self.worth = 1 - price.per_day / 24 * (hours - belief.last)
        self.takings = takings(belief, hours)
        self.places = np.arange(len(hours))
        self.before = np.zeros(len(hours), dtype=np.int64)  # how many tries come before each
        self.reaching = [masses(belief)]  # the masses that are left after so many tries ...
        self.following = [np.zeros_like(self.reaching[0])]  # ... and what a unit of each will win

    @property
    def chance(self) -> float:
        """That one of the tries succeeds."""
        return 1 - float(self.reaching[-1][0].sum())

    def gains(self) -> Floats:
        """By how much the set's value grows with each candidate: what that try wins, less what
        the tries after it would have won anyway, less its price where it is reached.
        """
        reaching, following = np.array(self.reaching), np.array(self.following)
        width, count = len(self.places), len(reaching)
        pairs = following[:, :, None] * reaching[:, None]
        wins = self.takings[:, 0].reshape(width, -1) @ reaching.reshape(count, -1).T
        lost = self.takings.reshape(width, -1) @ pairs.reshape(count, -1).T
        gains = wins * self.worth[:, None] - lost - self.per_try * reaching[:, 0].sum(axis=1)
        found: Floats = gains[self.places, self.before]
        return found

    def add(self, place: int) -> None:
        nth = int(self.before[place])
        self.tries.insert(nth, place)
        self.before[place + 1 :] += 1
        del self.reaching[nth + 1 :]
        for later in self.tries[nth:]:
            self.reaching.append(self._left(self.reaching[-1], later))
        self.following.insert(nth, self.following[nth])
        for at in range(nth, -1, -1):
            self.following[at] = self._ahead(self.following[at + 1], self.tries[at])

    def _left(self, reaching: Floats, place: int) -> Floats:
        """The masses after this try failed."""
        taken = self.takings[place]
        left: Floats = reaching - taken[:, 0] * reaching[0] - taken[:, 1] * reaching[1]
        return left

    def _ahead(self, following: Floats, place: int) -> Floats:
        """What a unit of each mass is worth before this try, given what it is worth after it."""
        wins, closes = self.takings[place]
        ahead: Floats = following + wins * (self.worth[place] - following[0]) - closes * following[1]
        ahead[0] -= self.per_try
        return ahead
