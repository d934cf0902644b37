"""A model fitted to rows: counts by expectation-maximisation, then the logistic correction."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from recover.dunning.engine.belief import shifted
from recover.dunning.engine.hypotheses import CAUSES
from recover.dunning.engine.model import CAUSE_INDEX, FUNDING_TILT, Model
from recover.dunning.engine.outcomes import Rows
from recover.dunning.engine.paydays import Floats

MAX_SHIFT: Final = 0.35  # of any group's causes, as total variation, in one version
MAX_COEFFICIENT_STEP: Final = 0.3  # logits
_ROUNDS = 8


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
    known = {cell: model.weights(*cell) for cell in set(rows.cells)}
    weights = np.array([known[cell] for cell in rows.cells]) * rows.evidence
    found: Floats = weights / weights.sum(axis=1, keepdims=True)
    return found


def fitted(model: Model, rows: Rows) -> Model:
    current = model
    for _ in range(_ROUNDS):
        current = _counted(model, current, rows)
    moved = _capped(model, current)
    coefficients, precision = _corrections(moved, rows)
    return replace(
        moved,
        coefficients=coefficients,
        precision=precision,
        seen=model.seen + len(rows.succeeded),
        parent=model.version,
    )


def _counted(model: Model, current: Model, rows: Rows) -> Model:
    """One round of EM: the old counts plus what each case adds under the current beliefs.

    A case adds what was believed of it at first plus, try by try, how the belief moved.
    """
    before = before_each(current, rows)
    success = _corrected(current, rows)
    after = before * np.where(rows.succeeded[:, None] > 0, success, 1 - success)
    after /= after.sum(axis=1, keepdims=True)
    added = after - before + rows.first[:, None] * before
    causes = {name: counts.copy() for name, counts in model.causes.items()}
    schedules = {name: counts.copy() for name, counts in model.schedules.items()}
    for cell in set(rows.cells):
        mine = np.array([other == cell for other in rows.cells])
        gained = added[mine].sum(axis=0)
        per_cause = np.bincount(CAUSE_INDEX, gained, len(CAUSES)) / FUNDING_TILT[cell[2]]
        causes[cell[0]] += per_cause
        schedules[cell[1]] += gained
    return replace(
        current,
        causes={n: np.maximum(c, 0.01 * model.causes[n]) for n, c in causes.items()},
        schedules={n: np.maximum(c, 0.01 * model.schedules[n]) for n, c in schedules.items()},
    )


def _capped(old: Model, new: Model) -> Model:
    """``new``, drawn back towards ``old`` where a group's causes moved too far at once."""
    causes = {}
    for name, counts in new.causes.items():
        was, is_now = old.causes[name] / old.causes[name].sum(), counts / counts.sum()
        moved = 0.5 * float(np.abs(is_now - was).sum())
        share = min(1.0, MAX_SHIFT / moved) if moved else 1.0
        causes[name] = (was + share * (is_now - was)) * counts.sum()
    return replace(new, causes=causes)


def _corrections(model: Model, rows: Rows) -> tuple[Floats, Floats]:
    """Newton's steps to the mode of a logistic regression on top of the mixture: Laplace."""
    before = before_each(model, rows)
    chance = np.clip((before * rows.chances).sum(axis=1), 1e-4, 1 - 1e-4)
    offset = np.log(chance / (1 - chance))
    x, start, found = rows.features, model.coefficients, model.coefficients
    hessian = model.precision
    for _ in range(6):
        predicted = 1 / (1 + np.exp(-(offset + x @ found)))
        slope = x.T @ (rows.succeeded - predicted) - model.precision @ (found - start)
        hessian = model.precision + (x * (predicted * (1 - predicted))[:, None]).T @ x
        found = found + np.linalg.solve(hessian, slope)
    step = np.clip(found - start, -MAX_COEFFICIENT_STEP, MAX_COEFFICIENT_STEP)
    return start + step, hessian
