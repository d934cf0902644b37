"""A try as a linear map. What a case still holds, story by story, is two masses.

``alive``: that no try has succeeded yet. ``open``: that the card is open as well, in the closed
form of `Grid` (``alive`` times its b / C - S), in which nothing changes until a try is made.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from recover.dunning.engine.belief import CLOSED, Belief, NDInt, open_rates
from recover.dunning.engine.paydays import DAILY, WAKING, Floats, Grid, hours_of


def takings(belief: Belief, hours: NDInt) -> Floats:
    """What a try at each of these waking hours takes out of the masses: (hours, 3, 2, stories).

    ``takings[t, 0]`` is what it wins, by the mass it wins it from. ``takings[t, 1]`` is by how much
    less is open after it, as success ends the case and failure speaks against an open card.
    ``takings[t, 2]`` is the hour times what it wins: the delay is paid for by it.
    """
    found = _plain(belief.grid, hours)
    return _corrected(belief, hours, found) if belief.corrected else found


def _plain(grid: Grid, hours: NDInt) -> Floats:
    """Without what was learned. A run of the daily hours is a view of what all cases share."""
    daily = hours_of(grid.hours, DAILY)
    start = int(daily.searchsorted(hours[0]))
    if daily[start : start + len(hours)].tobytes() == hours.tobytes():
        return _of_daily(grid)[start : start + len(hours)]
    waking = hours_of(grid.hours, WAKING)
    return _of_waking(grid).take(waking.searchsorted(hours), axis=0)


def _takings(grid: Grid, hours: NDInt) -> Floats:
    carry, inflow, rates = grid.carry[hours], grid.inflow[hours], open_rates(hours)[:, None]
    found = np.empty((len(hours), 3, 2, carry.shape[1]))
    found[:, 0, 1] = (rates - CLOSED) * carry
    found[:, 0, 0] = CLOSED + found[:, 0, 1] * inflow
    _complete(found, hours, inflow, rates)
    return found


def _complete(found: Floats, hours: NDInt, inflow: Floats, shut: Floats) -> None:
    """All but what is won; ``shut`` is the share of open cards that are not open afterwards."""
    found[:, 1, 0] = inflow * (shut - found[:, 0, 0])
    found[:, 1, 1] = shut - inflow * found[:, 0, 1]
    np.multiply(found[:, 0], hours[:, None, None], out=found[:, 2])


def _corrected(belief: Belief, hours: NDInt, plain: Floats) -> Floats:
    """With the learned correction, by story.

    It changes the chances of success and of failure by the factors it has in the case as it
    stands, also behind other planned tries: so a try stays linear, and no chance leaves 0 .. 1.
    """
    chances = plain[:, 0, 0] + plain[:, 0, 1] * belief.state
    odds = np.exp(belief.shift(hours))[:, None]
    failure = 1 / (1 + chances * (odds - 1))
    found = np.empty_like(plain)
    found[:, 0] = plain[:, 0] * (odds * failure)[:, None]
    shut = 1 - failure * (1 - open_rates(hours)[:, None])
    _complete(found, hours, belief.grid.inflow[hours], shut)
    return found


@lru_cache(maxsize=24)  # about a megabyte each
def _of_daily(grid: Grid) -> Floats:
    return _takings(grid, hours_of(grid.hours, DAILY))


@lru_cache(maxsize=8)  # about three megabytes each
def _of_waking(grid: Grid) -> Floats:
    return _takings(grid, hours_of(grid.hours, WAKING))
