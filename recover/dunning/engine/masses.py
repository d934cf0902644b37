"""A try as a linear map. What a case still holds, story by story, is two masses.

``alive``: that no try has succeeded yet. ``open``: that the card is open as well, in the closed
form of `Grid` (``alive`` times its b / C - S), in which nothing changes until a try is made.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from recover.dunning.engine.belief import CLOSED, Belief, NDInt, approval, open_rates
from recover.dunning.engine.paydays import DAILY, Floats, Grid, hours_of


def masses(belief: Belief) -> Floats:
    """Alive and open: (2, stories)."""
    found: Floats = np.array([belief.weights, belief.weights * belief.state])
    return found


def takings(belief: Belief, hours: NDInt) -> Floats:
    """What a try at each hour takes out of the masses: (hours, 2, 2, stories).

    ``takings[t, 0]`` is what it wins, by the mass it wins it from. ``takings[t, 1]`` is by how much
    less is open after it, as success ends the case and failure speaks against an open card.
    """
    if belief.corrected:
        return _takings(belief.grid, hours, *_correction(belief, hours))
    found, daily = _of_daily(belief.grid), hours_of(belief.grid.hours, DAILY)
    start = int(np.searchsorted(daily, hours[0]))
    run = slice(start, start + len(hours))
    if np.array_equal(daily[run], hours):
        return found[run]
    return _takings(belief.grid, hours)


def _takings(
    grid: Grid, hours: NDInt, success: Floats | float = 1.0, failure: Floats | float = 1.0
) -> Floats:
    carry, inflow, rates = grid.carry[hours], grid.inflow[hours], open_rates(hours)[:, None]
    found = np.empty((len(hours), 2, 2, carry.shape[1]))
    from_open = success * (rates - CLOSED) * carry
    from_alive = success * CLOSED + from_open * inflow
    shut = 1 - failure * (1 - rates)
    found[:, 0, 0], found[:, 0, 1] = from_alive, from_open
    found[:, 1, 0], found[:, 1, 1] = inflow * (shut - from_alive), shut - inflow * from_open
    return found


def _correction(belief: Belief, hours: NDInt) -> tuple[Floats, Floats]:
    """By which factors the learned correction changes the chances of success and of failure in
    each story: (hours, stories).

    They are those of the case as it stands, also behind other planned tries: so a try stays
    linear, and no chance leaves 0 .. 1.
    """
    plain = approval(belief.open_at(hours).T, hours[:, None])
    odds = np.exp(belief.shift(hours))[:, None]
    failure: Floats = 1 / (1 + plain * (odds - 1))
    return odds * failure, failure


@lru_cache(maxsize=24)
def _of_daily(grid: Grid) -> Floats:
    return _takings(grid, hours_of(grid.hours, DAILY))
