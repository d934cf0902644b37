"""An off-policy estimate: what retries at other times would have given, from those that were made.

Self-normalised inverse propensity weighting. The behaviour policy is estimated: how often a wait
of that many days was chosen in the same situation, which is the kind of decline, the number of the
retry, and how long we would have waited. A retry that waited as long as ours would have stands for
all in its situation, so its weight is one over that share. The interval is a bootstrap over
customers, in which the shares are estimated anew each time.

No weighting removes this bias: whoever chose the times (such as Stripe's own model) may have known
what we do not, and then retries on the same day are not comparable.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recover.onboarding.backtest.retry_choices import LATER, Choice

MIN_SIZE = 100.0
"""Effective retries. With fewer, a success rate of 30% is known to 9 points at best: too coarse to
tell one schedule from another."""

MIN_EACH = 10
"""Successes and failures among them, each: the usual least at which an interval holds what it
promises."""

MIN_COVERED = 0.5
"""Share of the retries in whose situation some retry waited as long as we would. Below half, the
estimate would describe a minority."""

MIN_CUSTOMERS = 30
"""Customers of the matched retries: the bootstrap draws customers."""

REPLICATES = 1000

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A share (0 to 1) or a difference of two, with its 95% bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """``ours``, ``theirs`` and ``difference`` are None if there is too little data.

    ``theirs`` is the success rate of the retries made in the covered situations, ``ours`` what it
    would have been with our waits.
    """

    group: str  # "all", or one kind of decline
    tries: int
    covered: int  # of these, in situations where somebody did wait as long as we would
    matched: int  # of these, the ones that waited as long as we would
    effective_size: float
    ours: Interval | None
    theirs: Interval | None
    difference: Interval | None
    too_little: tuple[str, ...]  # why there is no estimate; empty if there is one


@dataclass(frozen=True, slots=True)
class _Table:
    """The choices as arrays, one row each."""

    context: Counts  # the situation
    cell: Counts  # the situation and their wait
    customer: Counts
    reward: Floats
    matched: NDArray[np.bool_]
    covered: NDArray[np.bool_]


def estimate(group: str, choices: Sequence[Choice], seed: int) -> Estimate:
    """``choices`` that our timing would not have made at all must be left out beforehand."""
    if not choices:
        return Estimate(group, 0, 0, 0, 0.0, None, None, None, ("there are no such retries",))
    table = _table(choices)
    weights = _weights(table, np.ones(len(choices)))
    size = float(weights.sum() ** 2 / (weights**2).sum()) if weights.any() else 0.0
    lacking = _lacking(table, size)
    ours, theirs, difference = (None, None, None) if lacking else _intervals(table, seed)
    return Estimate(
        group,
        len(choices),
        int(table.covered.sum()),
        int(table.matched.sum()),
        round(size, 1),
        ours,
        theirs,
        difference,
        lacking,
    )


def _table(choices: Sequence[Choice]) -> _Table:
    situations = [(one.group, one.nth, one.ours) for one in choices]
    context = _numbered(situations)
    theirs = np.array([one.theirs for one in choices])
    matched = np.array([one.theirs == one.ours for one in choices])
    return _Table(
        context=context,
        cell=context * (LATER + 1) + theirs,
        customer=_numbered([one.customer_id for one in choices]),
        reward=np.array([one.succeeded for one in choices], dtype=np.float64),
        matched=matched,
        covered=np.isin(context, context[matched]),
    )


def _numbered(names: Sequence[Hashable]) -> Counts:
    """0, 1, ... for each name, in the order of their first appearance."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names])


def _weights(table: _Table, counts: Floats) -> Floats:
    """One over the share of the wait in its situation, for each matched row; 0 for the others."""
    in_context = np.bincount(table.context, counts)[table.context]
    in_cell = np.bincount(table.cell, counts)[table.cell]
    used = table.matched & (counts > 0)
    weights = np.zeros(len(counts))
    weights[used] = counts[used] * in_context[used] / in_cell[used]
    return weights


def _lacking(table: _Table, size: float) -> tuple[str, ...]:
    matched = table.reward[table.matched]
    successes, customers = int(matched.sum()), len(set(table.customer[table.matched].tolist()))
    failures, covered = len(matched) - successes, float(table.covered.mean())
    found = (
        (size < MIN_SIZE, f"{size:.0f} effective retries; at least {MIN_SIZE:.0f} are needed"),
        (
            min(successes, failures) < MIN_EACH,
            f"{successes} successes and {failures} failures; {MIN_EACH} of each are needed",
        ),
        (
            covered < MIN_COVERED,
            f"only {covered:.0%} of the retries are in situations where our wait was ever chosen",
        ),
        (customers < MIN_CUSTOMERS, f"{customers} customers; {MIN_CUSTOMERS} are needed"),
    )
    return tuple(text for lacks, text in found if lacks)


def _intervals(table: _Table, seed: int) -> tuple[Interval, Interval, Interval]:
    rng = np.random.default_rng(seed)
    customers = int(table.customer.max()) + 1
    drawn = np.array(
        [_values(table, _draw(rng, customers)[table.customer]) for _ in range(REPLICATES)]
    )
    point = _values(table, np.ones(len(table.reward)))
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    made = [
        Interval(*(round(float(x), 4) for x in row)) for row in zip(point, low, high, strict=True)
    ]
    return made[0], made[1], made[2]


def _draw(rng: np.random.Generator, customers: int) -> Floats:
    """How often each customer is in one bootstrap sample."""
    drawn = rng.integers(0, customers, customers)
    return np.bincount(drawn, minlength=customers).astype(np.float64)


def _values(table: _Table, counts: Floats) -> Floats:
    """Our rate, theirs, and the difference, in a sample that holds each row ``counts`` times."""
    weights, covered = _weights(table, counts), counts * table.covered
    if not weights.any():
        return np.full(3, np.nan)
    ours = float(weights @ table.reward / weights.sum())
    theirs = float(covered @ table.reward / covered.sum())
    return np.array([ours, theirs, ours - theirs])
