"""From outcomes to a new model, or a refusal.

What is learned is small: how often each cause is behind each group of codes, which pay calendars
a region has, and a Gaussian logistic correction on top. A new version moves by a bounded step, and
is refused where it predicts held-out cases worse than the old one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from recover.dunning.campaign import DEFAULT
from recover.dunning.declines import DeclineCategory
from recover.dunning.engine.doubts import doubts
from recover.dunning.engine.fitting import fitted, losses
from recover.dunning.engine.model import Model
from recover.dunning.engine.outcomes import Rows, TryOutcome, rows_of
from recover.dunning.facts import Facts
from recover.dunning.situation import current_rule

_ENOUGH_HELD_OUT = 30
_LENIENCE = 2.0  # standard errors by which a new version may look worse and still be noise


@dataclass(frozen=True, slots=True)
class Learned:
    """``model`` is the new version where ``accepted``, else the old one."""

    model: Model
    accepted: bool
    reason: str  # a sentence for the founder


def learned(
    model: Model,
    outcomes: Iterable[TryOutcome | tuple[Facts, datetime, bool]],
    window: timedelta = DEFAULT.window,
) -> Learned:
    """The model after these outcomes, each told once. Contradictory ones are left out."""
    told = [TryOutcome(*outcome) for outcome in outcomes]
    sound = [outcome for outcome in told if _sound(outcome)]
    if not sound:
        return Learned(model, accepted=False, reason="There was no outcome to learn from.")
    rows = rows_of(sound, model, window)
    refusal = _refusal(model, rows)
    if refusal:
        return Learned(model, accepted=False, reason=refusal)
    left_out = len(told) - len(sound)
    reason = f"Learned from {len(sound)} tries; {left_out} of no use were left out."
    return Learned(fitted(model, rows), accepted=True, reason=reason)


def _sound(outcome: TryOutcome) -> bool:
    facts = outcome.facts
    retryable = current_rule(facts).category is DeclineCategory.RETRY_LATER
    return retryable and not doubts(facts, outcome.at)


def _refusal(model: Model, rows: Rows) -> str:
    """Why a model fitted to the other rows is not trusted on the held-out ones; "" if it is."""
    if rows.held_out.sum() < _ENOUGH_HELD_OUT or rows.held_out.all():
        return ""
    candidate = fitted(model, rows.only(~rows.held_out))
    judged = rows.only(rows.held_out)
    worse = losses(candidate, judged) - losses(model, judged)
    doubt = _LENIENCE * worse.std() / np.sqrt(len(worse))
    if worse.mean() <= doubt:
        return ""
    return (
        f"The new version predicted {len(worse)} held-out tries worse than the old one "
        f"(by {worse.mean():.3f} nats each), so the old one stays."
    )
