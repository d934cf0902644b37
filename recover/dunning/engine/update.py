"""From outcomes to a new version of a model, or to a refusal.

Little is learned: how often each cause is behind each group of codes, which pay calendars a region
has, and a logistic correction on top. A fifth of the cases is held out from every version. On
those each version can be judged and compared with the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from recover.dunning.assessment import current_rule
from recover.dunning.campaign import DEFAULT
from recover.dunning.declines import DeclineCategory
from recover.dunning.engine.arrays import Floats
from recover.dunning.engine.fitting import bounded_model, fitted_model, log_losses
from recover.dunning.engine.inconsistent_facts import contradictions
from recover.dunning.engine.model import Model
from recover.dunning.engine.model_distance import Move, moves
from recover.dunning.engine.outcomes import (
    RetryOutcome,
    TrainingRows,
    training_rows,
    without_repetitions,
)
from recover.dunning.facts import Facts
from recover.dunning.time_sanity import time_fault

Outcomes = Iterable[RetryOutcome | tuple[Facts, datetime, bool]]
_ENOUGH_HELD_OUT = 30
_STANDARD_ERRORS = 2.0  # by which a new version may look worse and the difference still be noise


@dataclass(frozen=True, slots=True)
class FitResult:
    """``model`` is the new version where ``accepted``, else the previous one."""

    model: Model
    accepted: bool
    reason: str  # a sentence for the founder
    used: int = 0  # outcomes the new version was fitted to
    left_out: int = 0  # that contradict themselves, were of no use or came twice
    held_out: int = 0  # to judge by
    loss_before: float | None = None  # of the previous version on those, in nats per retry
    loss_after: float | None = None  # of the new one, also where it was refused
    largest_move: Move | None = None  # of the fit before any step was limited


def refit(
    prior: Model,
    outcomes: Outcomes,
    previous: Model | None = None,
    window: timedelta = DEFAULT.window,
) -> FitResult:
    """The model that ``prior`` and all outcomes of an account together give.

    The same outcomes give the same model in whatever order and however often they come, and an
    outcome that was corrected corrects the model. ``previous`` is the version in use (None:
    ``prior``): the new one goes a bounded step away from it, and must not predict the held-out
    cases worse.
    """
    previous = previous or prior
    given = [RetryOutcome(*outcome) for outcome in outcomes]
    usable = without_repetitions([outcome for outcome in given if _is_usable(outcome)])
    left_out = len(given) - len(usable)
    if not usable:
        reason = "There was no outcome to learn from."
        return FitResult(previous, accepted=False, reason=reason, left_out=left_out)
    rows = training_rows(usable, window)
    training, held_out = rows.subset(~rows.held_out), rows.subset(rows.held_out)
    return replace(_fit_and_judge(prior, previous, training, held_out), left_out=left_out)


def update_model(model: Model, outcomes: Outcomes, window: timedelta = DEFAULT.window) -> FitResult:
    """``model`` with these outcomes on top of those it was fitted to.

    They must be new to it: an outcome given in two calls counts twice. Who keeps all outcomes had
    better call `refit`.
    """
    return refit(model, outcomes, model, window)


def _fit_and_judge(
    prior: Model, previous: Model, training: TrainingRows, held_out: TrainingRows
) -> FitResult:
    fitted = fitted_model(prior, training)
    model = replace(
        bounded_model(prior, previous, fitted, training),
        seen=prior.seen + len(training),
        parent=previous.version,
    )
    before, after = log_losses(previous, held_out), log_losses(model, held_out)
    largest_move = moves(previous, fitted)[0]
    refusal = _too_far(largest_move) or _predicts_worse(before, after)
    reason = f"Learned from {len(training)} attempts; {len(held_out)} more were kept to judge by."
    if model.same_beliefs(previous):
        model, reason = previous, "The version in use says all that these outcomes say."
    return FitResult(
        model=previous if refusal else model,
        accepted=not refusal,
        reason=refusal or reason,
        used=len(training),
        held_out=len(held_out),
        loss_before=_mean(before),
        loss_after=_mean(after),
        largest_move=largest_move,
    )


def _is_usable(outcome: RetryOutcome) -> bool:
    facts = outcome.facts
    if time_fault(facts, outcome.at) or contradictions(facts, outcome.at):
        return False
    return current_rule(facts).category is DeclineCategory.RETRY_LATER


def _too_far(largest: Move) -> str:
    """Why outcomes that point so far are not believed; "" where they are."""
    if largest.share_of_limit <= 1:
        return ""
    return (
        f"These outcomes would move {largest}, farther than honest ones ever did:"
        " something is wrong with them, so the old version stays."
    )


def _predicts_worse(before: Floats, after: Floats) -> str:
    """Why a version with these losses on the held-out rows is refused; "" where it is not."""
    if len(before) < _ENOUGH_HELD_OUT:
        return ""
    worse = after - before
    if worse.mean() <= _STANDARD_ERRORS * worse.std() / np.sqrt(len(worse)):
        return ""
    return (
        f"The new version predicted {len(worse)} held-out attempts worse than the old one "
        f"(by {worse.mean():.3f} nats each), so the old one stays."
    )


def _mean(losses: Floats) -> float | None:
    return float(losses.mean()) if len(losses) else None
