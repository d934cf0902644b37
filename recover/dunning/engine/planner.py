"""Which set of hours to retry at: the one that recovers most for its price.

The set grows by one hour at a time, always by the hour that adds most to the value of the whole
set. A second retry on the day of a failed one adds little, since a hypothesis by which it would
succeed has lost weight by the first failure.

A retry is linear in the masses of a case (`removals`). So what a retry adds at some place of the
plan is a product of the masses that reach that place and of what those masses are worth to the
retries after it. One matrix product gives it for all candidate hours at that place.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recover.dunning.engine.arrays import Ints
from recover.dunning.engine.hour_grid import COARSE_HOURS, WAKING_HOURS, hours_at
from recover.dunning.engine.posterior import Posterior
from recover.dunning.engine.state_mass import ALIVE, DELAY, OPENNESS, removals

_FINE_HOURS = 36
"""So long after the last attempt every waking hour is a candidate, where that is asked for."""
_MOST_PLANNED = 5
"""Retries planned at once. The rest is planned anew after each of them, and a sixth would hardly
move the first."""
_LEAST_GAIN = 1e-9
"""Less than this is rounding."""


@dataclass(frozen=True, slots=True)
class Price:
    """What retries cost, in units of one recovered invoice."""

    per_retry: float = 0.010  # π: fees, the issuer's patience, the ratio of declines
    per_day: float = 0.007  # ρ: for each day that a recovery comes later
    growth: float = 0.4  # γ: the share of `per_retry` that each earlier retry adds to the price

    def of_retry(self, earlier: int) -> float:
        """The price of one retry after ``earlier`` retries of the invoice."""
        return self.per_retry * (1 + self.growth * earlier)


@dataclass(frozen=True, slots=True)
class Plan:
    hours: tuple[int, ...]  # ascending; empty: no further retry is worth its price
    value: float  # V: the share recovered, less what it costs
    chance: float  # that the plan recovers the invoice


@dataclass(frozen=True, slots=True)
class PlanningProblem:
    """What a plan starts from and may use."""

    posterior: Posterior
    hours: Ints  # candidates, ascending
    max_retries: int
    gap: int  # hours between any two retries, at least


def candidate_hours(posterior: Posterior, earliest: int, end: int, *, fine: bool) -> Ints:
    """The hours from ``earliest`` to before ``end`` at which a retry may be made.

    ``fine``: every waking hour in the first days after the last attempt, and not a few a day.
    """
    coarse = hours_at(posterior.grid.hour_count, COARSE_HOURS)
    if not fine:
        return _between(coarse, earliest, end)
    waking = hours_at(posterior.grid.hour_count, WAKING_HOURS)
    coarse_from = min(max(posterior.last_hour + _FINE_HOURS + 1, earliest), end)
    first_days = _between(waking, earliest, coarse_from)
    return np.concatenate([first_days, _between(coarse, coarse_from, end)])


def _between(hours: Ints, start: int, end: int) -> Ints:
    low, high = hours.searchsorted((start, end))
    return hours[low:high]


def best_plan(problem: PlanningProblem, price: Price) -> Plan:
    """Add the best retry for as long as one adds value."""
    if not problem.max_retries or not len(problem.hours):
        return Plan((), 0.0, 0.0)
    growing = _GrowingPlan(problem, price)
    limit = min(problem.max_retries, _MOST_PLANNED)
    while len(growing.chosen) < limit:
        best = growing.best_addition()
        if best.gain <= _LEAST_GAIN:
            break
        growing.add(best)
        if len(growing.chosen) < limit:
            growing.update_worth()
    return growing.plan()


class _Addition(NamedTuple):
    gain: float  # by how much the value of the plan grows
    place: int  # how many chosen retries come before it
    candidate: int  # the index of its hour


class _GrowingPlan:
    """The retries chosen so far, as indices of candidate hours, ascending.

    ``reaching[k]`` are the masses just before the k-th retry, and behind the last k those that
    all retries leave: (2, hypotheses).

    ``worth[k]`` is what it is worth that a further retry, placed before the k-th, removes one unit
    of mass: (3, hypotheses), in the rows of a removal. A unit of alive mass removed is a unit of
    the invoice won, less what the retries from the k-th on would have made of it.
    """

    def __init__(self, problem: PlanningProblem, price: Price) -> None:
        posterior = problem.posterior
        earlier = max(0, posterior.attempts - 1)  # the renewal was no retry
        self.hours: list[int] = problem.hours.tolist()
        self.gap = problem.gap
        self.removals = removals(posterior, problem.hours)
        self.flat_removals = self.removals.reshape(len(problem.hours), -1)
        self.first_price = price.of_retry(earlier)
        self.price_step = price.of_retry(earlier + 1) - self.first_price
        self.chosen: list[int] = []
        self.free = [(0, len(self.hours))]  # candidates left before each retry and after the last
        self.reach_chances = [1.0]  # that each retry is reached; the last: that all fail
        self.value = 0.0
        hypotheses = len(posterior.weights)
        self.reaching = np.empty((_MOST_PLANNED + 1, 2, hypotheses))
        self.reaching[0, ALIVE] = posterior.weights
        np.multiply(posterior.weights, posterior.constant, out=self.reaching[0, OPENNESS])
        # At first as if it were the only retry: the invoice, less the delay since the last attempt.
        self.worth = np.zeros((_MOST_PLANNED + 1, 3, hypotheses))
        self.worth[:, ALIVE] = 1 + price.per_day / 24 * posterior.last_hour
        self.worth[:, DELAY] = -price.per_day / 24

    def plan(self) -> Plan:
        hours = tuple(self.hours[candidate] for candidate in self.chosen)
        return Plan(hours, self.value, 1 - self.reach_chances[-1])

    def best_addition(self) -> _Addition:
        """The further retry that adds most; a gain of minus infinity where no hour is left."""
        places, best = len(self.chosen) + 1, _Addition(-np.inf, 0, 0)
        worth = self.worth[:places, :, None] * self.reaching[:places, None]
        flat_worth = worth.reshape(places, -1)
        for place, (low, high) in enumerate(self.free):
            if low < high:
                gains = self.flat_removals[low:high].dot(flat_worth[place])
                at = int(gains.argmax())
                gain = float(gains[at]) - self._added_price(place)
                best = max(best, _Addition(gain, place, low + at))
        return best

    def _added_price(self, place: int) -> float:
        """The expected price of one more retry at ``place``: its own where it is reached, and the
        step by which each retry after it then costs more.
        """
        own = (self.first_price + place * self.price_step) * self.reach_chances[place]
        return own + self.price_step * sum(self.reach_chances[place:-1])

    def add(self, addition: _Addition) -> None:
        """Choose one more retry. What it removes does not reach the retries after it."""
        self.chosen.insert(addition.place, addition.candidate)
        self.value += addition.gain
        self._keep_apart(addition)
        for k in range(addition.place, len(self.chosen)):
            mass, removal = self.reaching[k], self.removals[self.chosen[k], :DELAY]
            np.subtract(mass, np.add.reduce(removal * mass, axis=1), out=self.reaching[k + 1])
        alive = self.reaching[: len(self.chosen) + 1, ALIVE]
        self.reach_chances = np.add.reduce(alive, axis=1).tolist()

    def _keep_apart(self, addition: _Addition) -> None:
        """Of the candidates around a new retry only those a gap away stay free."""
        hour = self.hours[addition.candidate]
        low, high = self.free[addition.place]
        before = min(high, bisect_right(self.hours, hour - self.gap))
        after = max(low, bisect_left(self.hours, hour + self.gap))
        self.free[addition.place : addition.place + 1] = [(low, before), (after, high)]

    def update_worth(self) -> None:
        """`worth` for the retries chosen now, from the last one back to the first before which a
        candidate is left.

        Behind a further retry each chosen one comes one number later, at a higher price.
        """
        count = len(self.chosen)
        first = next((k for k, (low, high) in enumerate(self.free) if low < high), count)
        for k in range(count - 1, first - 1, -1):
            after, removal = self.worth[k + 1], self.removals[self.chosen[k]]
            value_of_mass = np.add.reduce(removal * after[:, None], axis=0)
            value_of_mass[ALIVE] -= self.first_price + (k + 1) * self.price_step
            np.subtract(after[:DELAY], value_of_mass, out=self.worth[k, :DELAY])
