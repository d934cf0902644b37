"""Training data: outcomes of retries, and the arrays that a model is fitted to."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from recover.dunning.engine.arrays import Bools, Floats, Ints
from recover.dunning.engine.features import Stratum, case_features, feature_vector, hour_features
from recover.dunning.engine.model import SHIPPED
from recover.dunning.engine.posterior import approval_chances, case_posterior
from recover.dunning.facts import Facts

_HELD_OUT_EVERY = 5  # of the cases


class RetryOutcome(NamedTuple):
    """One retry and what came of it.

    ``case`` names the failed invoice where the caller has a name for it. It must stay the same for
    good: it decides whether the case is learned from or held out, and of several outcomes of one
    case at one time only the last counts.
    """

    facts: Facts  # as they were when it was decided, without this retry
    at: datetime
    succeeded: bool
    case: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRows:
    """Outcomes as arrays, one row for each retry. Nothing in them depends on a fitted model."""

    strata: tuple[Stratum, ...]  # those that occur
    stratum: Ints  # (rows,): index into `strata`
    likelihoods: Floats  # L: of the attempts before, up to a factor: (rows, hypotheses)
    chances: Floats  # p: of success, without correction: (rows, hypotheses)
    features: Floats  # x: (rows, features)
    succeeded: Floats  # y: 0 or 1: (rows,)
    is_first: Floats  # a: 1 where it is the first retry of its case: (rows,)
    held_out: Bools  # (rows,)

    def __len__(self) -> int:
        return len(self.succeeded)

    def subset(self, kept: Bools) -> TrainingRows:
        return replace(
            self,
            stratum=self.stratum[kept],
            likelihoods=self.likelihoods[kept],
            chances=self.chances[kept],
            features=self.features[kept],
            succeeded=self.succeeded[kept],
            is_first=self.is_first[kept],
            held_out=self.held_out[kept],
        )


class _Row(NamedTuple):
    """What one outcome says: the columns of `TrainingRows` that come from its facts."""

    stratum: Stratum
    likelihoods: Floats
    chances: Floats
    features: Floats
    is_first: float


def training_rows(outcomes: Sequence[RetryOutcome], window: timedelta) -> TrainingRows:
    """At least one outcome."""
    rows = [_row(outcome, window) for outcome in outcomes]
    strata = tuple(sorted({row.stratum for row in rows}))
    index = {stratum: number for number, stratum in enumerate(strata)}
    return TrainingRows(
        strata=strata,
        stratum=np.array([index[row.stratum] for row in rows]),
        likelihoods=np.array([row.likelihoods for row in rows]),
        chances=np.array([row.chances for row in rows]),
        features=np.array([row.features for row in rows]),
        succeeded=np.array([float(outcome.succeeded) for outcome in outcomes]),
        is_first=np.array([row.is_first for row in rows]),
        held_out=_held_out(outcomes),
    )


def _row(outcome: RetryOutcome, window: timedelta) -> _Row:
    facts = outcome.facts
    posterior = case_posterior(facts, SHIPPED, window)
    grid, stratum = posterior.grid, posterior.stratum
    hour = max(posterior.last_hour, grid.hour_of(outcome.at, facts.timezone))
    return _Row(
        stratum=stratum,
        likelihoods=posterior.weights / SHIPPED.hypothesis_prior(stratum),
        chances=approval_chances(posterior.open_chances(hour), hour),
        features=feature_vector(
            hour_features(grid.start, grid.hour_count // 24)[:, hour],
            case_features(facts, posterior.attempts),
            since_failure=hour - posterior.first_hour,
            since_attempt=hour - posterior.last_hour,
        ),
        is_first=float(posterior.attempts <= 1),
    )


def _held_out(outcomes: Sequence[RetryOutcome]) -> Bools:
    """Which rows are held out. None where all would be: a single case is learned from."""
    held_out = np.array([is_held_out(outcome) for outcome in outcomes])
    return held_out & (not held_out.all())


def is_held_out(outcome: RetryOutcome) -> bool:
    """The same answer for all retries of one case, on any machine and in any night.

    Without a name a case is known by what never changes in it: when it first failed, on which
    card.
    """
    facts = outcome.facts
    first = next((past.card for past in facts.attempts if past.card is not None), None)
    card = first.fingerprint or first.payment_method_id if first else ""
    name = outcome.case or f"{facts.failed_at.timestamp():.0f} {card}"
    return zlib.crc32(name.encode()) % _HELD_OUT_EVERY == 0


def without_repetitions(outcomes: Sequence[RetryOutcome]) -> list[RetryOutcome]:
    """One outcome for each named case and time, the last one given; all that have no name."""
    named = {(outcome.case, outcome.at): outcome for outcome in outcomes if outcome.case}
    return [outcome for outcome in outcomes if not outcome.case] + list(named.values())
