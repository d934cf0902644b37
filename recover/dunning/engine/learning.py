"""From outcomes to a new model, or a refusal.

What is learned is small: how often each cause is behind each group of codes, which pay calendars
a region has, and a Gaussian logistic correction on top. A fifth of the cases is never learned
from, in no version: on those every version can be judged and compared with the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from recover.dunning.campaign import DEFAULT
from recover.dunning.declines import DeclineCategory
from recover.dunning.engine.doubts import doubts
from recover.dunning.engine.fitting import bounded, fitted, losses
from recover.dunning.engine.model import Model
from recover.dunning.engine.moves import Move, moves
from recover.dunning.engine.outcomes import Rows, TryOutcome, rows_of, told_once
from recover.dunning.engine.paydays import Floats
from recover.dunning.facts import Facts
from recover.dunning.plausible import time_fault
from recover.dunning.situation import current_rule

Told = Iterable[TryOutcome | tuple[Facts, datetime, bool]]
_ENOUGH_HELD_OUT = 30
_LENIENCE = 2.0  # standard errors by which a new version may look worse and still be noise


@dataclass(frozen=True, slots=True)
class Learned:
    """``model`` is the new version where ``accepted``, else the previous one."""

    model: Model
    accepted: bool
    reason: str  # a sentence for the founder
    used: int = 0  # outcomes the new version was fitted to
    left_out: int = 0  # that contradict themselves, were of no use or told twice
    held_out: int = 0  # to judge by
    loss_before: float | None = None  # of the previous version on those, in nats per try
    loss_after: float | None = None  # of the new one, also where it was refused
    largest: Move | None = None  # what the outcomes would move farthest if nothing held it back


def refit(
    prior: Model, outcomes: Told, previous: Model | None = None, window: timedelta = DEFAULT.window
) -> Learned:
    """What ``prior`` and all outcomes of an account together say.

    The same outcomes give the same beliefs in whatever night and however often they are told, and
    a row put right puts the model right. ``previous`` is the version in use (None: ``prior``): the
    new one goes a bounded step away from it, and must not predict the held-out cases worse.
    """
    previous = previous or prior
    told = [TryOutcome(*outcome) for outcome in outcomes]
    sound = told_once([outcome for outcome in told if _sound(outcome)])
    left_out = len(told) - len(sound)
    if not sound:
        reason = "There was no outcome to learn from."
        return Learned(previous, accepted=False, reason=reason, left_out=left_out)
    rows = rows_of(sound, window)
    found = _judged(prior, previous, rows.only(~rows.held_out), rows.only(rows.held_out))
    return replace(found, left_out=left_out)


def learned(model: Model, outcomes: Told, window: timedelta = DEFAULT.window) -> Learned:
    """``model`` with these outcomes on top of what it has learned already.

    They must be new to it: an outcome told in two calls counts twice. Who keeps all outcomes had
    better call `refit`.
    """
    return refit(model, outcomes, model, window)


def _judged(prior: Model, previous: Model, taught: Rows, judged: Rows) -> Learned:
    free = fitted(prior, taught)
    model = replace(
        bounded(prior, previous, free, taught),
        seen=prior.seen + len(taught),
        parent=previous.version,
    )
    before, after = losses(previous, judged), losses(model, judged)
    largest = moves(previous, free)[0]
    refusal = _too_far(largest) or _worse(before, after)
    reason = f"Learned from {len(taught)} tries; {len(judged)} more were kept to judge by."
    if model.same_beliefs(previous):
        model, reason = previous, "The version in use says all that these outcomes say."
    return Learned(
        model=previous if refusal else model,
        accepted=not refusal,
        reason=refusal or reason,
        used=len(taught),
        held_out=len(judged),
        loss_before=_mean(before),
        loss_after=_mean(after),
        largest=largest,
    )


def _sound(outcome: TryOutcome) -> bool:
    facts = outcome.facts
    if time_fault(facts, outcome.at) or doubts(facts, outcome.at):
        return False
    return current_rule(facts).category is DeclineCategory.RETRY_LATER


def _too_far(largest: Move) -> str:
    """Why outcomes that point so far are not believed; "" where they are."""
    if largest.of_bound <= 1:
        return ""
    return (
        f"These outcomes would move {largest}, farther than honest ones ever did:"
        " something is wrong with them, so the old version stays."
    )


def _worse(before: Floats, after: Floats) -> str:
    """Why a version that fits the held-out cases like this is not trusted; "" if it is."""
    if len(before) < _ENOUGH_HELD_OUT:
        return ""
    worse = after - before
    if worse.mean() <= _LENIENCE * worse.std() / np.sqrt(len(worse)):
        return ""
    return (
        f"The new version predicted {len(worse)} held-out tries worse than the old one "
        f"(by {worse.mean():.3f} nats each), so the old one stays."
    )


def _mean(losses: Floats) -> float | None:
    return float(losses.mean()) if len(losses) else None
