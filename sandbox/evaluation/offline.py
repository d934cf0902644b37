"""What a learner could reach: boosted trees fitted to random tries in the same world.

No product could have this model: it is given tries at random hours on thousands of invoices of the
very world it is judged in. It sees no more than Stripe shows. Needs scikit-learn, the optional
extra `evaluation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from recover.dunning import DEFAULT, Campaign, Retry
from recover.dunning.assessment import latest_failure, rule_of
from recover.dunning.facts import Facts
from recover.dunning.retry_budget import gap_ends_at
from sandbox.chance import Chance
from sandbox.evaluation.case import Case
from sandbox.evaluation.invoices import RememberingIssuers, failed_invoices
from sandbox.evaluation.moments import NOMINAL, Codes, features
from sandbox.evaluation.play import play
from sandbox.evaluation.proposals import Unlearning, at_random
from sandbox.issuers import Issuers
from sandbox.world import World

TRAINING = 5000  # invoices
_OTHER_SEEDS = 2_000_000
_STEP = timedelta(hours=2)  # between the moments it chooses from
_TRIES = 6
_APART = 24  # steps between two tries of one plan
_WORTH = 0.03  # a try less likely than this is not made

_fitted: dict[int, tuple[World, OfflineModel]] = {}  # by the world's id, kept alive here


@dataclass
class OfflineModel(Unlearning):
    """Plans the likeliest moments of the rest of the window, some days apart; tries the first."""

    model: Any  # scikit-learn's
    codes: Codes

    def propose(self, cases: Sequence[Case], campaign: Campaign) -> list[Retry | None]:
        moments = [_moments(case, campaign) for case in cases]
        rows = [
            features(case.facts, times, self.codes)
            for case, times in zip(cases, moments, strict=True)
            if times
        ]
        with _one_thread():
            chances = iter(self.model.predict_proba(np.concatenate(rows))[:, 1] if rows else ())
        return [
            _first(times, np.fromiter(chances, float, len(times)), _TRIES - len(case.tried))
            for case, times in zip(cases, moments, strict=True)
        ]


def offline_model(issuers: Issuers) -> OfflineModel:
    world = issuers.world
    if id(world) not in _fitted:
        _fitted[id(world)] = (world, fit(world))
    return _fitted[id(world)][1]


def fit(world: World, invoices: int = TRAINING, rounds: int = 250) -> OfflineModel:
    # Only here, so that everything else runs without it.
    from sklearn.ensemble import (  # type: ignore[import-untyped, import-not-found, unused-ignore]  # noqa: PLC0415
        HistGradientBoostingClassifier,
    )

    codes = Codes()
    rows, approved = [], []
    for tried in _random_tries(world, invoices):
        rows.append(features(tried[0], [tried[1]], codes))
        approved.append(tried[2])
    model = HistGradientBoostingClassifier(
        max_iter=rounds,
        learning_rate=0.05,
        max_leaf_nodes=15,
        min_samples_leaf=40,
        categorical_features=NOMINAL,
        random_state=0,
    )
    with _one_thread():
        model.fit(np.concatenate(rows), np.array(approved))
    return OfflineModel(model, codes)


def _one_thread() -> AbstractContextManager[Any]:
    """The same on any machine, and kind to its other work."""
    from threadpoolctl import (  # type: ignore[import-untyped, import-not-found, unused-ignore]  # noqa: PLC0415
        threadpool_limits,
    )

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


def _random_tries(world: World, invoices: int) -> Iterator[tuple[Facts, datetime, bool]]:
    issuers = RememberingIssuers(world, Chance(_OTHER_SEEDS))
    policy = at_random(issuers.chance, 8, DEFAULT.window.days)
    for case in play(failed_invoices(issuers, invoices), policy, issuers, DEFAULT):
        for tried in case.tried:
            yield tried.facts, tried.at, tried.approved


def _moments(case: Case, campaign: Campaign) -> list[datetime]:
    """Those allowed in the rest of the window."""
    latest = latest_failure(case.facts)
    wish = rule_of(latest).not_before if latest else None
    start = max(gap_ends_at(case.facts, campaign) or case.now, case.now + (wish or timedelta()))
    left = case.invoice.failed_at + campaign.window - start
    return [start + step * _STEP for step in range(max(0, -(-left // _STEP)))]


def _first(times: Sequence[datetime], chances: np.ndarray[Any, Any], tries: int) -> Retry | None:
    chosen: list[int] = []
    for index in np.argsort(-chances, kind="stable"):
        if len(chosen) >= tries or chances[index] < _WORTH:
            break
        if all(abs(index - other) >= _APART for other in chosen):
            chosen.append(int(index))
    return Retry(times[min(chosen)], "a likely moment") if chosen else None
