"""Which set of hours to try at: the most recovered for its price, not the next best moment.

A set is grown one hour at a time, each time by the hour that adds most to the whole set. What a
second try on the same day adds is little where the first one failed, and the stories know that:
every candidate set is played through hour by hour in every story.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recover.dunning.engine.belief import CLOSED, Belief, NDInt, open_rates, shifted
from recover.dunning.engine.paydays import Floats

_LIGHT = 3e-3
"""Stories with less weight than this are left out of planning; together they hardly matter."""
_DAILY_HOURS = (7, 9, 11, 13, 15, 18, 22)  # local; the night from 1 to 6 is left in peace
_NIGHT = (1, 6)
_FINE_HOURS = 36
_AHEAD = 5
"""Tries planned at once. After each one the rest is planned anew, and a sixth hardly moves the
first."""


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
    hours = np.arange(max(0, earliest), min(end, belief.grid.hours), dtype=np.int64)
    of_day = hours % 24
    day = (of_day < _NIGHT[0]) | (of_day >= _NIGHT[1])
    wanted = np.isin(of_day, _DAILY_HOURS)
    if fine:
        wanted |= hours - belief.last <= _FINE_HOURS
    return hours[day & wanted]


def plan(belief: Belief, hours: NDInt, tries: int, gap: int, price: Price) -> Plan:
    """Grow the set while it gains. ``gap``: hours between any two tries."""
    board = _Board(belief, hours, price)
    chosen: list[int] = []
    found = Plan((), 0.0, 0.0)
    free = np.ones(len(hours), dtype=bool)
    while len(chosen) < min(tries, _AHEAD) and free.any():
        values, chances = board.play(chosen)
        best = int(np.argmax(np.where(free, values, -np.inf)))
        if values[best] <= found.value + 1e-9:
            break
        chosen = sorted([*chosen, best])
        found = Plan(
            tuple(int(hours[i]) for i in chosen), float(values[best]), float(chances[best])
        )
        free &= np.abs(hours - hours[best]) >= gap
    return found


class _Board:
    """The stories that matter, laid over the candidate hours."""

    def __init__(self, belief: Belief, hours: NDInt, price: Price) -> None:
        kept = belief.weights > _LIGHT
        self.price = price
        self.weights = belief.weights[kept] / belief.weights[kept].sum()
        self.state = belief.state[kept]
        self.carry = belief.grid.carry[np.ix_(kept, hours)]
        self.inflow = belief.grid.inflow[np.ix_(kept, hours)]
        self.rates = open_rates(hours)
        self.shift = belief.shift[hours]
        self.corrected = bool(self.shift.any())
        self.tries = max(0, belief.tries - 1)  # the renewal itself was not ours
        self.worth = 1 - price.per_day * (hours - belief.last) / 24

    def play(self, chosen: list[int]) -> tuple[Floats, Floats]:
        """Value and chance of ``chosen`` plus each candidate in turn: arrays (candidates,)."""
        width = len(self.rates)
        grown = np.empty((len(chosen) + 1, width), dtype=np.int64)
        grown[:-1] = np.array(chosen, dtype=np.int64)[:, None]
        grown[-1] = np.arange(width)
        grown.sort(axis=0)
        alive = np.repeat(self.weights[:, None], width, axis=1)
        state = np.repeat(self.state[:, None], width, axis=1)
        values, chances = np.zeros(width), np.zeros(width)
        for number, at in enumerate(grown, start=self.tries):
            carry, inflow, rates = self.carry[:, at], self.inflow[:, at], self.rates[at]
            opened = carry * (state + inflow)
            plain = CLOSED + opened * (rates - CLOSED)
            gained = alive * (shifted(plain, self.shift[at]) if self.corrected else plain)
            share = gained.sum(axis=0)
            # A try is paid for only where all before it failed.
            values += share * self.worth[at] - self.price.of(number) * (1 - chances)
            chances += share
            alive -= gained
            state = opened * ((1 - rates) / carry) / (1 - plain) - inflow
        return values, chances
