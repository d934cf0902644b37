"""What one retry changes in the probability masses of a case: a linear map for each hypothesis.

A case under planning holds two masses for each hypothesis. ``alive`` is the probability that the
hypothesis is true and no planned retry has succeeded yet. ``openness`` is ``alive`` times z, the
constant of the grid's closed form. Both stay as they are from one retry to the next, however long
that takes, and a retry changes them to

    mass after = mass before - removal @ mass before

with a removal that depends on its hour alone. So plans can be valued by products of arrays.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from recover.dunning.engine.arrays import Floats, Ints
from recover.dunning.engine.hour_grid import COARSE_HOURS, WAKING_HOURS, Grid, hours_at
from recover.dunning.engine.posterior import APPROVE_CLOSED, Posterior, approve_open

ALIVE: Final = 0
OPENNESS: Final = 1
DELAY: Final = 2
"""Beside what is removed from the two masses: what is removed from ``alive``, times its hour."""


def removals(posterior: Posterior, hours: Ints) -> Floats:
    """R: what a retry in each of these waking hours removes: (hours, 3, 2, hypotheses).

    ``R[t, row, column]`` is what a retry in hour t removes from the mass ``row`` (`ALIVE`,
    `OPENNESS`; `DELAY`) for each unit of the mass ``column`` (`ALIVE`, `OPENNESS`) before it.
    What it removes from the alive mass is what it wins.
    """
    plain = _removals_without_correction(posterior.grid, hours)
    return _corrected(posterior, hours, plain) if posterior.has_correction else plain


def _removals_without_correction(grid: Grid, hours: Ints) -> Floats:
    """The same for all cases of a grid. For a run of coarse hours a view, without copying."""
    coarse = hours_at(grid.hour_count, COARSE_HOURS)
    start = int(coarse.searchsorted(hours[0]))
    run = slice(start, start + len(hours))
    if coarse[run].tobytes() == hours.tobytes():
        return _coarse_removals(grid)[run]
    waking = hours_at(grid.hour_count, WAKING_HOURS)
    return _waking_removals(grid).take(waking.searchsorted(hours), axis=0)


@lru_cache(maxsize=24)  # about a megabyte each
def _coarse_removals(grid: Grid) -> Floats:
    return _plain_removals(grid, hours_at(grid.hour_count, COARSE_HOURS))


@lru_cache(maxsize=8)  # about three megabytes each
def _waking_removals(grid: Grid) -> Floats:
    return _plain_removals(grid, hours_at(grid.hour_count, WAKING_HOURS))


def _plain_removals(grid: Grid, hours: Ints) -> Floats:
    carry, inflow, approve = grid.carry[hours], grid.inflow[hours], approve_open(hours)[:, None]
    removal = np.empty((len(hours), 3, 2, carry.shape[1]))
    removal[:, ALIVE, OPENNESS] = (approve - APPROVE_CLOSED) * carry
    removal[:, ALIVE, ALIVE] = APPROVE_CLOSED + removal[:, ALIVE, OPENNESS] * inflow
    _fill_other_rows(removal, hours, inflow, closed_after=approve)
    return removal


def _fill_other_rows(removal: Floats, hours: Ints, inflow: Floats, closed_after: Floats) -> None:
    """The rows `OPENNESS` and `DELAY` from the row `ALIVE`.

    ``closed_after``: the part of the open probability that the retry takes away, by winning or,
    where a correction is learned, by speaking against the hypothesis.
    """
    removal[:, OPENNESS, ALIVE] = inflow * (closed_after - removal[:, ALIVE, ALIVE])
    removal[:, OPENNESS, OPENNESS] = closed_after - inflow * removal[:, ALIVE, OPENNESS]
    np.multiply(removal[:, ALIVE], hours[:, None, None], out=removal[:, DELAY])


def _corrected(posterior: Posterior, hours: Ints, plain: Floats) -> Floats:
    """The removals with the learned correction.

    The correction multiplies a retry's chance of success and its chance of failure. Both factors
    are taken from the case as it stands, also for a retry that is planned behind others: so a
    retry stays linear, and no chance leaves 0 .. 1.
    """
    chances = plain[:, ALIVE, ALIVE] + plain[:, ALIVE, OPENNESS] * posterior.constant
    odds_ratio = np.exp(posterior.correction(hours))[:, None]
    failure_factor = 1 / (1 + chances * (odds_ratio - 1))
    removal = np.empty_like(plain)
    removal[:, ALIVE] = plain[:, ALIVE] * (odds_ratio * failure_factor)[:, None]
    closed_after = 1 - failure_factor * (1 - approve_open(hours)[:, None])
    _fill_other_rows(removal, hours, posterior.grid.inflow[hours], closed_after)
    return removal
