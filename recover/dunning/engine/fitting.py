"""A model fitted to training rows: its counts by EM, then its logistic correction by Newton's
method. `docs/engine.md` has the formulas, and each symbol's name here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from recover.dunning.engine.arrays import Floats
from recover.dunning.engine.features import FAMILIES
from recover.dunning.engine.hypotheses import CAUSES
from recover.dunning.engine.model import (
    CAUSE_INDEX,
    FUNDING_ODDS,
    SHIPPED,
    Model,
    within_causes,
)
from recover.dunning.engine.model_distance import MAX_STEP, limited_counts, limited_step
from recover.dunning.engine.outcomes import TrainingRows
from recover.dunning.engine.posterior import shift_logits

_EM_ROUNDS = 8
_EVIDENCE_ROUNDS = 4
_NEWTON_STEPS = 3  # in each call, from where the last call ended
_IMAGINED_COEFFICIENTS = 4  # k0: added to each family as if they behaved as the prior says
_MIN_SCALE = 0.01  # of the prior's precision: ten times its standard deviation
_COUNT_FLOOR: Final = 0.01
"""Of the shipped counts stays whatever is seen: a count of 0 could never grow again."""


def log_losses(model: Model, rows: TrainingRows) -> Floats:
    """Minus the log likelihood of each row, in nats: (rows,)."""
    chance = np.clip(success_chances(model, rows), 1e-6, 1 - 1e-6)
    losses: Floats = -np.where(rows.succeeded > 0, np.log(chance), np.log(1 - chance))
    return losses


def success_chances(model: Model, rows: TrainingRows) -> Floats:
    """What the model predicts for each row: (rows,)."""
    before = posteriors_before(model, rows)
    chances: Floats = (before * _corrected_chances(model, rows)).sum(axis=1)
    return chances


def _corrected_chances(model: Model, rows: TrainingRows) -> Floats:
    """By row and hypothesis: (rows, hypotheses)."""
    return shift_logits(rows.chances, (rows.features @ model.coefficients)[:, None])


def posteriors_before(model: Model, rows: TrainingRows) -> Floats:
    """What the model believes before each retry: (rows, hypotheses); each row sums to 1."""
    priors = np.array([model.hypothesis_prior(stratum) for stratum in rows.strata])
    weights = priors[rows.stratum] * rows.likelihoods
    posteriors: Floats = weights / weights.sum(axis=1, keepdims=True)
    return posteriors


def fitted_model(prior: Model, rows: TrainingRows) -> Model:
    """The most probable model given ``prior`` and these outcomes."""
    current = prior
    for _ in range(_EM_ROUNDS):
        current = _em_round(prior, current, rows)
    return _with_fitted_correction(prior, current, rows)


def bounded_model(prior: Model, previous: Model, fitted: Model, rows: TrainingRows) -> Model:
    """``fitted``, no more than one version's step away from ``previous``.

    The correction is fitted again, to what the counts leave unsaid after they were limited.
    """
    causes = {
        group: limited_counts(previous.causes[group], counts, MAX_STEP["causes"])
        for group, counts in fitted.causes.items()
    }
    schedules = {
        region: within_causes(_limited_schedules, previous.schedules[region], counts)
        for region, counts in fitted.schedules.items()
    }
    limited = replace(fitted, causes=causes, schedules=schedules)
    limited = _with_fitted_correction(prior, limited, rows)
    step = limited.coefficients - previous.coefficients
    for family in FAMILIES:
        step[family] = limited_step(step[family], MAX_STEP["coefficients"])
    return replace(limited, coefficients=previous.coefficients + step)


def _limited_schedules(old: Floats, new: Floats) -> Floats:
    return limited_counts(old, new, MAX_STEP["schedules"])


def _em_round(prior: Model, current: Model, rows: TrainingRows) -> Model:
    """One round of EM: the prior's counts and what each case adds under the current model.

    A case adds what was believed of it at first and, retry by retry, how the outcome changed that.
    """
    before = posteriors_before(current, rows)
    success = _corrected_chances(current, rows)
    after = before * np.where(rows.succeeded[:, None] > 0, success, 1 - success)
    after /= after.sum(axis=1, keepdims=True)
    added = after - before + rows.is_first[:, None] * before
    causes = {group: counts.copy() for group, counts in prior.causes.items()}
    schedules = {region: counts.copy() for region, counts in prior.schedules.items()}
    for number, (group, region, funding) in enumerate(rows.strata):
        gained = added[rows.stratum == number].sum(axis=0)
        causes[group] += np.bincount(CAUSE_INDEX, gained, len(CAUSES)) / FUNDING_ODDS[funding]
        schedules[region] += gained
    return replace(
        current,
        causes={g: np.maximum(c, _COUNT_FLOOR * SHIPPED.causes[g]) for g, c in causes.items()},
        schedules={
            r: np.maximum(c, _COUNT_FLOOR * SHIPPED.schedules[r]) for r, c in schedules.items()
        },
    )


def _with_fitted_correction(prior: Model, current: Model, rows: TrainingRows) -> Model:
    """``current`` with the mode of a logistic regression on top of its chances, and with the
    precision of Laplace's approximation at that mode.

    How wrong the hypotheses may be is learned too: the prior of each family of coefficients is
    widened where these outcomes ask for more than it allows (MacKay's evidence). The precision
    that is kept is the prior's own and the information in the outcomes: a prior widened for one
    fit is no knowledge.
    """
    before = posteriors_before(current, rows)
    chance = np.clip((before * rows.chances).sum(axis=1), 1e-4, 1 - 1e-4)
    offset = np.log(chance / (1 - chance))
    coefficients, precision = prior.coefficients, prior.precision
    for _ in range(_EVIDENCE_ROUNDS):
        coefficients, information = _newton(prior, coefficients, precision, offset, rows)
        scale = np.sqrt(_precision_scales(prior, coefficients, precision + information))
        precision = prior.precision * np.outer(scale, scale)
    coefficients, information = _newton(prior, coefficients, precision, offset, rows)
    return replace(current, coefficients=coefficients, precision=prior.precision + information)


def _newton(
    prior: Model, coefficients: Floats, precision: Floats, offset: Floats, rows: TrainingRows
) -> tuple[Floats, Floats]:
    """(coefficients nearer to the posterior's mode, Fisher information I of the rows)."""
    x, information = rows.features, np.zeros_like(precision)
    for _ in range(_NEWTON_STEPS):
        predicted = 1 / (1 + np.exp(-np.clip(offset + x @ coefficients, -30, 30)))
        pull = precision @ (coefficients - prior.coefficients)
        gradient = x.T @ (rows.succeeded - predicted) - pull
        information = (x * (predicted * (1 - predicted))[:, None]).T @ x
        step = np.linalg.solve(precision + information, gradient)
        coefficients = coefficients + np.clip(step, -1, 1)
    return coefficients, information


def _precision_scales(prior: Model, coefficients: Floats, hessian: Floats) -> Floats:
    """τ: by what the prior's precision of each coefficient is multiplied, 0.01 .. 1."""
    moved = coefficients - prior.coefficients
    second_moment = np.linalg.inv(hessian) + np.outer(moved, moved)
    scales = np.ones(len(coefficients))
    for family in FAMILIES:
        spread = prior.precision[family, family] * second_moment[family, family]
        size = family.stop - family.start
        evidence = (_IMAGINED_COEFFICIENTS + size) / (_IMAGINED_COEFFICIENTS + float(spread.sum()))
        scales[family] = min(1.0, max(_MIN_SCALE, evidence))
    return scales
