"""What one decision of the engine costs, beside RQ's enqueueing of one job by the product's queue.

All that is compared takes turns on the same cases, some at a time. Each side is judged by its best
round on them: what else the machine does can only slow a round down. A figure is the inverse of
the median of what one decision, or one job, then took, by the clock on the wall. Many decisions at
once take so long that the clock would tell more of what else is running: theirs is the processor's
time, which is all they take, as they wait for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from math import inf
from statistics import median

import numpy as np

from bench.decision_cases import Case, cases
from bench.figures import Figure
from recover.dunning import DEFAULT
from recover.dunning.engine import Engine
from recover.services import JobQueue

CASES, SLICE, ROUNDS = 3_000, 250, 4
SIZES = (1_000, 2_500, 10_000)
LIMIT = 1.0  # a decision costs no more than enqueueing the job that asks for it
LINEAR_LIMIT = 1 / 1.3  # per case, many at once cost at most 1.3 times what few do
_LEARNED = 0.1  # logits, a common size of what outcomes teach the correction


def figures(_postgres_url: str, redis_url: str) -> list[Figure]:
    shipped, jobs = Engine.default(), JobQueue(redis_url)
    learned = _corrected(shipped)
    costs = _costs(
        {
            "job": lambda told: median(_enqueueing(jobs, case) for case in told),
            "batch": lambda told: _planning(shipped, told) / len(told),
            "learned": lambda told: _planning(learned, told) / len(told),
            "one": lambda told: median(_deciding(shipped, case) for case in told),
        }
    )
    jobs.redis.close()
    return [
        _beside(costs, "batch", "decisions_in_a_batch", LIMIT),
        _beside(costs, "learned", "decisions_after_learning", None),
        _beside(costs, "one", "decisions_one_by_one", LIMIT),
        *_growth(shipped),
    ]


def _beside(costs: dict[str, float], kind: str, name: str, limit: float | None) -> Figure:
    return Figure(name, 1 / costs[kind], "cases/s", 1 / costs["job"], "jobs enqueued", limit)


def _costs(kinds: dict[str, Callable[[list[Case]], float]]) -> dict[str, float]:
    """Seconds of one of each kind."""
    told = cases(CASES)
    slices = [told[start : start + SLICE] for start in range(0, CASES, SLICE)]
    best = {(name, nth): inf for name in kinds for nth in range(len(slices))}
    for nth, some in enumerate(slices):
        for _ in range(ROUNDS):
            for name, kind in kinds.items():
                best[name, nth] = min(best[name, nth], kind(some))
    return {name: median(best[name, nth] for nth in range(len(slices))) for name in kinds}


def _growth(engine: Engine) -> list[Figure]:
    """Cases a second when many are planned at once; each size is judged by its best round."""
    told = cases(max(SIZES), seed=2)
    rates = dict.fromkeys(SIZES, 0.0)
    for _ in range(ROUNDS):
        for size in SIZES:
            rates[size] = max(rates[size], size / _planning(engine, told[:size]))
    few, *more = SIZES
    return [
        Figure(f"planning_{size}_cases", rates[size], "cases/s", rates[few], f"{few} cases", limit)
        for size, limit in zip(SIZES, (None, *[LINEAR_LIMIT] * len(more)), strict=True)
    ]


def _planning(engine: Engine, told: list[Case]) -> float:
    """The processor's seconds."""
    began = time.thread_time()
    engine.next_times(told)
    return time.thread_time() - began


def _deciding(engine: Engine, case: Case) -> float:
    """Seconds until one case's next try is known, with its reason and warnings."""
    began = time.perf_counter()
    engine.propose(case[0], DEFAULT, case[1])
    return time.perf_counter() - began


def _enqueueing(jobs: JobQueue, case: Case) -> float:
    """Seconds until a due case is handed to a worker."""
    began = time.perf_counter()
    queued = jobs("run_step", case[0].amount_remaining_minor)
    took = time.perf_counter() - began
    if not queued:
        raise RuntimeError("Redis is away")
    return took


def _corrected(engine: Engine) -> Engine:
    """An engine that has learned a correction: its decisions take another path."""
    width = len(engine.model.coefficients)
    coefficients = _LEARNED * np.where(np.arange(width) % 2, 1.0, -1.0)
    return replace(engine, model=replace(engine.model, coefficients=coefficients))
