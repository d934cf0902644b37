"""Means over seeds with 95% intervals. Seeds are independent; policies of one seed are paired."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist, fmean, stdev

_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    mean: float
    low: float
    high: float


def mean_interval(values: Sequence[float]) -> Interval:
    """Student's t over the seeds; of no width for a single one."""
    mean = fmean(values)
    if len(values) < 2:
        return Interval(mean, mean, mean)
    half = _t975(len(values) - 1) * stdev(values) / sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def paired_interval(values: Sequence[float], baseline: Sequence[float]) -> Interval:
    """Of the difference to the baseline, seed by seed."""
    return mean_interval([a - b for a, b in zip(values, baseline, strict=True)])


def share_interval(
    values: Sequence[float], baseline: Sequence[float], ceiling: Sequence[float]
) -> Interval:
    """How far from the baseline to the ceiling the values got: 0 at one, 1 at the other.

    A ratio of means, so its interval is from resampled seeds. 0 where there is no way to go.
    """
    rows = list(zip(values, baseline, ceiling, strict=True))
    rng = random.Random(0)
    shares = sorted(_share(rng.choices(rows, k=len(rows))) for _ in range(_RESAMPLES))
    low, high = shares[int(0.025 * _RESAMPLES)], shares[int(0.975 * _RESAMPLES) - 1]
    return Interval(_share(rows), low, high)


def _share(rows: Sequence[tuple[float, float, float]]) -> float:
    way = sum(ceiling - baseline for _, baseline, ceiling in rows)
    return sum(value - baseline for value, baseline, _ in rows) / way if way else 0.0


def _t975(freedom: int) -> float:
    """Student's t, by Hill's expansion; within 1% from 3 degrees of freedom on."""
    z = NormalDist().inv_cdf(0.975)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
