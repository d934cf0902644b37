"""Calibration: the engine's predicted chances of success against what came of those retries."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.dunning import Outcome, Trigger
from recover.models import Attempt

NEWEST = 5000  # retries are looked at
FEWEST = 20  # in a band, or nothing is said of it
EDGES = (0.0, 0.05, 0.1, 0.2, 0.4, 1.0)
LIKELIEST = 0.5
"""A propensity below it belongs to an hour chosen at random: exploration is never that frequent."""
_Z = 1.96  # of a 95% interval


@dataclass(frozen=True, slots=True)
class Band:
    """Tries whose chance was said to be from ``low`` to below ``high``."""

    low: float
    high: float
    tries: int
    said: float  # on average
    succeeded: int

    @property
    def share(self) -> float:
        return self.succeeded / self.tries

    @property
    def verdict(self) -> str:
        """few, fits, more or less: how often it happened, against what was said.

        It fits where the chance said lies in the 95% interval (Wilson's) of what happened.
        """
        if self.tries < FEWEST:
            return "few"
        low, high = interval(self.succeeded, self.tries)
        if low <= self.said <= high:
            return "fits"
        return "more" if self.said < low else "less"


@dataclass(frozen=True, slots=True)
class Calibration:
    bands: tuple[Band, ...] = ()  # the lowest chances first; only those with tries
    tries: int = 0
    explored: int = 0  # of them at an hour chosen at random


def calibration(session: Session, account_id: int) -> Calibration:
    """Of the newest scheduled retries that the engine gave a chance and the bank an answer.

    As in training, attempts that the bank wants confirmed are left out.
    """
    chance = Attempt.proposal["chance"].as_float()
    propensity = Attempt.proposal["propensity"].as_float()
    query = (
        select(chance, Attempt.outcome == Outcome.SUCCEEDED, propensity)
        .where(
            Attempt.account_id == account_id,
            Attempt.trigger == Trigger.SCHEDULE,
            Attempt.outcome.in_((Outcome.SUCCEEDED, Outcome.FAILED)),
            chance.is_not(None),
        )
        .order_by(Attempt.id.desc())
        .limit(NEWEST)
    )
    rows = [(float(said), bool(won), float(odds)) for said, won, odds in session.execute(query)]
    explored = sum(odds < LIKELIEST for _, _, odds in rows)
    return Calibration(tuple(_bands((s, w) for s, w, _ in rows)), len(rows), explored)


def _bands(told: Iterable[tuple[float, bool]]) -> Iterator[Band]:
    tries = sorted(told)
    for low, high in pairwise(EDGES):
        mine = [one for one in tries if low <= one[0] < high or one[0] == high == EDGES[-1]]
        if mine:
            said = sum(chance for chance, _ in mine) / len(mine)
            yield Band(low, high, len(mine), said, sum(won for _, won in mine))


def interval(succeeded: int, tries: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share; ``tries`` at least 1."""
    share, room = succeeded / tries, _Z**2 / tries
    centre = (share + room / 2) / (1 + room)
    half = _Z * math.sqrt(share * (1 - share) / tries + room / (4 * tries)) / (1 + room)
    return centre - half, centre + half
