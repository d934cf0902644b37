"""Bayes' rule for one case: how likely each hypothesis is after the attempts that failed.

What is said of a case is a weight for each hypothesis and, within it, the chance that the card is
open. A failed attempt speaks against every hypothesis by which it should have succeeded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final

import numpy as np

from recover.dunning.assessment import Assessment, assess
from recover.dunning.declines import DeclineRule, Pace
from recover.dunning.engine.arrays import Bools, Floats, Ints
from recover.dunning.engine.features import (
    LOG_HOURS,
    Stratum,
    case_correction,
    failures_on_card,
    hour_correction,
    hour_features,
    payment_factors,
    stratum_of,
)
from recover.dunning.engine.hour_grid import Grid, month_grid
from recover.dunning.engine.hypotheses import HYPOTHESES, PARAMETERS
from recover.dunning.engine.model import Model
from recover.dunning.facts import Facts, PastAttempt
from recover.dunning.local_time import local

APPROVE_CLOSED: Final = float(PARAMETERS["answer"]["approve_closed"])
"""ε: the chance that an issuer approves though the card is closed."""
_APPROVE_OPEN_BY_HOUR: Final[list[float]] = [
    PARAMETERS["answer"]["approve_open"] * (PARAMETERS["answer"]["night"] if 1 <= hour < 4 else 1.0)  # noqa: PLR2004
    for hour in range(24)
]
_APPROVE_OPEN: Final = np.array(_APPROVE_OPEN_BY_HOUR)
_TECHNICAL: Final = np.array([each.cause == "technical" for each in HYPOTHESES])
_FORECAST_FLOOR: Final = 0.2
"""κ: an issuer's forecast may be wrong. This much weight stays with a hypothesis that it speaks
against, where one that agrees for certain gets 1 more.
"""
_RECENT_PAYMENTS = 6
"""Of the renewals that went through, the newest that are looked at."""

_hypothesis_prior = lru_cache(maxsize=512)(Model.hypothesis_prior)


@lru_cache(maxsize=256)
def _hour_correction(model: Model, grid: Grid) -> Floats:
    """The part of the learned correction that depends on the hour alone: (hours,)."""
    return hour_correction(model.coefficients, hour_features(grid.start, grid.hour_count // 24))


@dataclass(slots=True, eq=False)
class Posterior:
    """What is believed of one case after its last failed attempt. Arrays are (hypotheses,)."""

    facts: Facts
    model: Model
    stratum: Stratum
    grid: Grid
    weights: Floats  # w: the probability of each hypothesis; sums to 1
    constant: Floats  # z of the grid's closed form
    first_hour: int  # of the first failed attempt on this card data
    last_hour: int  # of the last one
    attempts: int = 0  # failed ones on this card data, the renewal itself among them

    def open_chances(self, hour: int) -> Floats:
        """b: that the card is open in this hour, if no other attempt is made before."""
        return self.grid.open_chances(self.constant, hour)

    def success_chance(self, hour: int) -> float:
        """That one attempt in this hour succeeds."""
        return float(self.weights @ self.success_chances(hour))

    def success_chances(self, hour: int) -> Floats:
        """The same by hypothesis, with the learned correction."""
        chances = approval_chances(self.open_chances(hour), hour)
        if not self.has_correction:
            return chances
        return shift_logits(chances, self.correction(np.array([hour]))[0])

    @property
    def has_correction(self) -> bool:
        """False where the model has learned no correction yet."""
        return self.model.has_correction

    def correction(self, hours: Ints) -> Floats:
        """η: the learned correction in logits in these hours, none before the last attempt."""
        case = case_correction(self.model.coefficients, self.facts, self.attempts)
        logits: Floats = _hour_correction(self.model, self.grid)[hours] + case.constant
        logits += case.since_failure * LOG_HOURS[hours - self.first_hour]
        logits += case.since_attempt * LOG_HOURS[hours - self.last_hour]
        return logits


def approval_chances(open_chances: Floats, hour: int) -> Floats:
    """p: that an attempt in this hour is approved, where the card is open with these chances."""
    chances: Floats = open_chances * (_APPROVE_OPEN_BY_HOUR[hour % 24] - APPROVE_CLOSED)
    chances += APPROVE_CLOSED
    return chances


def approve_open(hours: Ints) -> Floats:
    """α: the chance that an issuer approves a payment on an open card in these hours."""
    rates: Floats = _APPROVE_OPEN[hours % 24]
    return rates


def shift_logits(chances: Floats, logits: Floats | float) -> Floats:
    """The chances after ``logits`` were added to their log odds."""
    odds_ratio = np.exp(logits)
    shifted: Floats = chances * odds_ratio / (1 - chances + chances * odds_ratio)
    return shifted


def case_posterior(
    facts: Facts, model: Model, window: timedelta, assessment: Assessment | None = None
) -> Posterior:
    """The posterior after all failed attempts on the card data that would be charged now.

    ``window``: of the campaign. ``assessment``: of these facts, where it was made already.
    """
    failures = failures_on_card(facts.card, (assessment or assess(facts)).ruled)
    first_at = min((past.at for past, _ in failures), default=facts.failed_at)
    there = local(first_at, facts.timezone)
    grid = month_grid(there.date(), window)
    first_hour = grid.hour_of_local(there)
    stratum = stratum_of(facts.card, (rule for _, rule in failures))
    weights = _hypothesis_prior(model, stratum)
    for paid_at in facts.paid_hours[-_RECENT_PAYMENTS:]:
        weights = weights * payment_factors(local(paid_at, facts.timezone).date())
    closed_then = -grid.inflow[first_hour]  # z where b = 0 in the first hour
    posterior = Posterior(
        facts, model, stratum, grid, weights, closed_then, first_hour, last_hour=first_hour
    )
    for past, rule in failures:
        _update_on_failure(posterior, past, rule)
    posterior.weights = posterior.weights / np.add.reduce(posterior.weights)
    return posterior


def _update_on_failure(posterior: Posterior, past: PastAttempt, rule: DeclineRule) -> None:
    """Take in one failed attempt and what the issuer said with it. The first one defines z."""
    grid, timezone = posterior.grid, posterior.facts.timezone
    hour = max(posterior.last_hour, grid.hour_of(past.at, timezone))
    if posterior.attempts:
        # In an outage no issuer looked at the account: then only the hypotheses about technical
        # trouble are judged, unless the whole case is about one.
        judged_all = rule.pace is not Pace.SOON or posterior.stratum.group == "technical"
        _apply_bayes(posterior, hour, None if judged_all else _TECHNICAL)
    posterior.last_hour, posterior.attempts = hour, posterior.attempts + 1
    if rule.not_before and past.decline and past.decline.network_advice_code:
        _apply_forecast(posterior, grid.hour_of(past.at + rule.not_before, timezone))


def _apply_bayes(posterior: Posterior, hour: int, judged: Bools | None) -> None:
    """Bayes' rule for a failure in this hour; only for the ``judged`` hypotheses, None for all."""
    carry, inflow = posterior.grid.carry[hour], posterior.grid.inflow[hour]
    open_by_carry = posterior.constant + inflow  # b / C before the attempt
    failing = 1 - approval_chances(carry * open_by_carry, hour)
    open_after = (1 - _APPROVE_OPEN_BY_HOUR[hour % 24]) * open_by_carry / failing
    if judged is not None:
        failing = np.where(judged, failing, 1.0)
        open_after = np.where(judged, open_after, open_by_carry)
    posterior.weights = posterior.weights * failing
    posterior.constant = open_after - inflow


def _apply_forecast(posterior: Posterior, hour: int) -> None:
    """The issuer expects a payment to work from this hour on: who agrees gains weight."""
    posterior.weights = posterior.weights * (_FORECAST_FLOOR + posterior.open_chances(hour))
