"""Calibration: the engine's predicted chances of success compared with the retries' outcomes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.dunning import Outcome, Trigger
from recover.models import Attempt

MAX_RETRIES = 5000  # retries, the newest ones
MIN_RETRIES = 20  # in a band; with fewer there is no verdict
BAND_EDGES = (0.0, 0.05, 0.1, 0.2, 0.4, 1.0)
EXPLORATION_BELOW = 0.5
"""A propensity below this belongs to a random hour: at most 30% of the retries explore."""
_Z = 1.96  # of a 95% interval


@dataclass(frozen=True, slots=True)
class Band:
    """The retries whose predicted chance was from ``low`` to below ``high``."""

    low: float
    high: float
    retries: int
    predicted: float  # mean predicted chance
    succeeded: int

    @property
    def share(self) -> float:
        return self.succeeded / self.retries

    @property
    def verdict(self) -> str:
        """few, fits, more or less: how often retries succeeded, compared with the prediction.

        It fits if the predicted chance lies in Wilson's 95% interval of the observed share.
        """
        if self.retries < MIN_RETRIES:
            return "few"
        low, high = interval(self.succeeded, self.retries)
        if low <= self.predicted <= high:
            return "fits"
        return "more" if self.predicted < low else "less"


@dataclass(frozen=True, slots=True)
class Calibration:
    bands: tuple[Band, ...] = ()  # the lowest chances first; empty bands are left out
    retries: int = 0
    explored: int = 0  # of them made at a random hour


def calibration(session: Session, account_id: int) -> Calibration:
    """Over the newest scheduled retries that the engine timed and the bank answered.

    As in training, attempts that need the customer's confirmation are left out.
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
        .limit(MAX_RETRIES)
    )
    rows = [
        (float(predicted), bool(succeeded), float(propensity))
        for predicted, succeeded, propensity in session.execute(query)
    ]
    explored = sum(propensity < EXPLORATION_BELOW for _, _, propensity in rows)
    return Calibration(tuple(_bands((s, w) for s, w, _ in rows)), len(rows), explored)


def _bands(predictions: Iterable[tuple[float, bool]]) -> Iterator[Band]:
    retries = sorted(predictions)
    for low, high in pairwise(BAND_EDGES):
        in_band = [
            one for one in retries if low <= one[0] < high or one[0] == high == BAND_EDGES[-1]
        ]
        if in_band:
            predicted = sum(chance for chance, _ in in_band) / len(in_band)
            yield Band(
                low, high, len(in_band), predicted, sum(succeeded for _, succeeded in in_band)
            )


def interval(succeeded: int, retries: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share; ``retries`` at least 1."""
    share, z2_over_n = succeeded / retries, _Z**2 / retries
    centre = (share + z2_over_n / 2) / (1 + z2_over_n)
    half = (
        _Z * math.sqrt(share * (1 - share) / retries + z2_over_n / (4 * retries)) / (1 + z2_over_n)
    )
    return centre - half, centre + half
