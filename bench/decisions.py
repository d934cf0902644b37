"""What one decision of the engine costs, beside RQ's enqueueing of one job by the product's bell.

All that is compared takes turns in one run, some cases at a time, so that what else the machine
does slows every side down alike. A cost is a median; a figure is its inverse, per second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import numpy as np

from bench.decision_cases import Case, cases
from bench.figures import Figure
from recover.dunning import DEFAULT
from recover.dunning.engine import Engine
from recover.services import Bell

CASES, SLICE = 2_000, 100
SIZES = (1_000, 2_500, 10_000)
ROUNDS = 2
LIMIT = 1.0  # a decision costs no more than enqueueing the job that asks for it
LINEAR_LIMIT = 1 / 1.3  # per case, many at once cost at most 1.3 times what few do
_LEARNED = 0.1  # logits, a common size of what outcomes teach the correction


def figures(_postgres_url: str, redis_url: str) -> list[Figure]:
    shipped = Engine.default()
    return [*_beside_a_job(shipped, Bell(redis_url)), *_growth(shipped)]


def _beside_a_job(shipped: Engine, bell: Bell) -> list[Figure]:
    corrected = _corrected(shipped)
    costs = _costs(
        {
            "job": lambda told: _each(lambda case: _enqueue(bell, case), told),
            "decision": lambda told: _each(lambda case: _decide(shipped, case), told),
            "decision_corrected": lambda told: _each(lambda case: _decide(corrected, case), told),
            "decision_in_batch": lambda told: [_took(lambda: shipped.next_times(told)) / len(told)],
        }
    )
    bell.redis.close()
    job = costs.pop("job")
    return [
        Figure(f"{name}s_per_second", 1 / cost, "decisions", 1 / job, "jobs enqueued", LIMIT)
        for name, cost in costs.items()
    ]


def _costs(kinds: dict[str, Callable[[list[Case]], list[float]]]) -> dict[str, float]:
    """The median seconds of one of each kind."""
    told = cases(CASES)
    for kind in kinds.values():
        kind(told[:SLICE])  # what is computed once for all cases is no part of one decision
    spent: dict[str, list[float]] = {name: [] for name in kinds}
    for start in range(0, CASES, SLICE):
        for name, kind in kinds.items():
            spent[name] += kind(told[start : start + SLICE])
    return {name: median(times) for name, times in spent.items()}


def _growth(engine: Engine) -> list[Figure]:
    """Cases a second when many are planned at once; each size is judged by its best round."""
    told = cases(max(SIZES), seed=2)
    rates = {size: 0.0 for size in SIZES}
    for _ in range(ROUNDS):
        for size in SIZES:
            took = _took(lambda size=size: engine.next_times(told[:size]))
            rates[size] = max(rates[size], size / took)
    few, *more = SIZES
    return [
        Figure(f"planning_{size}_cases", rates[size], "cases/s", rates[few], f"{few} cases", limit)
        for size, limit in zip(SIZES, (None, *[LINEAR_LIMIT] * len(more)), strict=True)
    ]


def _each(act: Callable[[Case], None], told: list[Case]) -> list[float]:
    return [_took(lambda case=case: act(case)) for case in told]


def _took(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _decide(engine: Engine, case: Case) -> None:
    facts, now = case
    engine.next_retry(facts, DEFAULT, now)


def _enqueue(bell: Bell, case: Case) -> None:
    """As a due case is handed to a worker."""
    if not bell("run_step", case[0].amount_remaining_minor):
        raise RuntimeError("Redis is away")


def _corrected(engine: Engine) -> Engine:
    """An engine that has learned a correction: its decisions take another path."""
    width = len(engine.model.coefficients)
    coefficients = _LEARNED * np.where(np.arange(width) % 2, 1.0, -1.0)
    return replace(engine, model=replace(engine.model, coefficients=coefficients))
