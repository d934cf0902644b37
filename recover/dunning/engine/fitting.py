"""A model fitted to rows: counts by expectation-maximisation, then the logistic correction."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from recover.dunning.engine.belief import shifted
from recover.dunning.engine.features import FAMILIES
from recover.dunning.engine.hypotheses import CAUSES
from recover.dunning.engine.model import CAUSE_INDEX, FUNDING_TILT, SHIPPED, Model
from recover.dunning.engine.moves import STEP, drawn_back, shortened
from recover.dunning.engine.outcomes import Rows
from recover.dunning.engine.paydays import Floats

_ROUNDS = 8
_LOOSENINGS = 4
_FIRMNESS = 4
_LOOSEST = 0.01  # of the prior's precision: ten times its standard deviation
_NEWTON = 3  # steps, each from where the last ones ended
_LEAST: Final = 0.01
"""Of the shipped counts stays whatever is seen: what has no chance could not be learned again."""


def losses(model: Model, rows: Rows) -> Floats:
    """Minus the log likelihood of each row."""
    chance = np.clip(predicted(model, rows), 1e-6, 1 - 1e-6)
    losses: Floats = -np.where(rows.succeeded > 0, np.log(chance), np.log(1 - chance))
    return losses


def predicted(model: Model, rows: Rows) -> Floats:
    before = before_each(model, rows)
    found: Floats = (before * _corrected(model, rows)).sum(axis=1)
    return found


def _corrected(model: Model, rows: Rows) -> Floats:
    return shifted(rows.chances, (rows.features @ model.coefficients)[:, None])


def before_each(model: Model, rows: Rows) -> Floats:
    """What was believed of the stories before each try: (rows, stories), each row sums to 1."""
    weights = np.array([model.weights(*cell) for cell in rows.cells])[rows.cell] * rows.evidence
    found: Floats = weights / weights.sum(axis=1, keepdims=True)
    return found


def fitted(prior: Model, rows: Rows) -> Model:
    """The mode of the beliefs that ``prior`` and these outcomes leave."""
    current = prior
    for _ in range(_ROUNDS):
        current = _counted(prior, current, rows)
    return _corrections(prior, current, rows)


def bounded(prior: Model, previous: Model, free: Model, rows: Rows) -> Model:
    """``free``, no more than one version's step away from ``previous``.

    The correction is fitted anew to what the counts, once drawn back, leave unsaid.
    """
    causes = {
        name: drawn_back(previous.causes[name], counts, STEP["causes"])
        for name, counts in free.causes.items()
    }
    schedules = {
        name: _drawn_back(previous.schedules[name], counts)
        for name, counts in free.schedules.items()
    }
    held = _corrections(prior, replace(free, causes=causes, schedules=schedules), rows)
    step = held.coefficients - previous.coefficients
    for family in FAMILIES:
        step[family] = shortened(step[family], STEP["coefficients"])
    return replace(held, coefficients=previous.coefficients + step)


def _drawn_back(old: Floats, new: Floats) -> Floats:
    """One region's schedules; each cause has calendars of its own."""
    found = new.copy()
    for cause in range(len(CAUSES)):
        mine = cause == CAUSE_INDEX
        found[mine] = drawn_back(old[mine], new[mine], STEP["schedules"])
    return found


def _counted(prior: Model, current: Model, rows: Rows) -> Model:
    """One round of EM: the prior's counts plus what each case adds under the current beliefs.

    A case adds what was believed of it at first plus, try by try, how the belief moved.
    """
    before = before_each(current, rows)
    success = _corrected(current, rows)
    after = before * np.where(rows.succeeded[:, None] > 0, success, 1 - success)
    after /= after.sum(axis=1, keepdims=True)
    added = after - before + rows.first[:, None] * before
    causes = {name: counts.copy() for name, counts in prior.causes.items()}
    schedules = {name: counts.copy() for name, counts in prior.schedules.items()}
    for number, (group, region, funding) in enumerate(rows.cells):
        gained = added[rows.cell == number].sum(axis=0)
        causes[group] += np.bincount(CAUSE_INDEX, gained, len(CAUSES)) / FUNDING_TILT[funding]
        schedules[region] += gained
    return replace(
        current,
        causes={n: np.maximum(c, _LEAST * SHIPPED.causes[n]) for n, c in causes.items()},
        schedules={n: np.maximum(c, _LEAST * SHIPPED.schedules[n]) for n, c in schedules.items()},
    )


def _corrections(prior: Model, current: Model, rows: Rows) -> Model:
    """The mode of a logistic regression on top of the mixture, with Laplace's precision.

    How far the stories may be wrong is learned too: the prior of each family of coefficients is
    loosened where these outcomes ask for more than it allows (MacKay's evidence, with
    `_FIRMNESS` imagined coefficients that behaved as the prior says). The precision kept is the
    prior's own and the outcomes': what was loosened tonight is no knowledge.
    """
    before = before_each(current, rows)
    chance = np.clip((before * rows.chances).sum(axis=1), 1e-4, 1 - 1e-4)
    offset = np.log(chance / (1 - chance))
    found, allowed = prior.coefficients, prior.precision
    for _ in range(_LOOSENINGS):
        found, seen = _mode(prior.coefficients, found, allowed, offset, rows)
        tight = np.sqrt(_tightness(prior, found, allowed + seen))
        allowed = prior.precision * np.outer(tight, tight)
    found, seen = _mode(prior.coefficients, found, allowed, offset, rows)
    return replace(current, coefficients=found, precision=prior.precision + seen)


def _mode(
    start: Floats, found: Floats, precision: Floats, offset: Floats, rows: Rows
) -> tuple[Floats, Floats]:
    """Newton's steps to the (coefficients of the posterior, information in the rows)."""
    x, seen = rows.features, np.zeros_like(precision)
    for _ in range(_NEWTON):
        predicted = 1 / (1 + np.exp(-np.clip(offset + x @ found, -30, 30)))
        slope = x.T @ (rows.succeeded - predicted) - precision @ (found - start)
        seen = (x * (predicted * (1 - predicted))[:, None]).T @ x
        found = found + np.clip(np.linalg.solve(precision + seen, slope), -1, 1)
    return found, seen


def _tightness(prior: Model, found: Floats, hessian: Floats) -> Floats:
    """By what the prior's precision of each coefficient is multiplied: 0 .. 1, per family."""
    spread = np.linalg.inv(hessian) + np.outer(*[found - prior.coefficients] * 2)
    tight = np.ones(len(found))
    for family in FAMILIES:
        asked = float((prior.precision[family, family] * spread[family, family]).sum())
        size = family.stop - family.start
        tight[family] = min(1.0, max(_LOOSEST, (_FIRMNESS + size) / (_FIRMNESS + asked)))
    return tight
