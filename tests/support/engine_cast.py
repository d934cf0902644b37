"""Many cases of one American debit card, and what becomes of their retries."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

from dunning_cast import FAILED_AT, VISA, facts, hours, tried

from recover.dunning import DEFAULT
from recover.dunning.engine import Model, RetryOutcome
from recover.dunning.engine.fitting import log_losses
from recover.dunning.engine.hypotheses import CAUSES
from recover.dunning.engine.outcomes import training_rows

NEW_YORK = "America/New_York"
CARD = replace(VISA, country="US", funding="debit")
PRIOR = Model.prior()


def case(number, code="generic_decline"):
    """One of many cases, each failed at its own hour."""
    told = facts(tried(code=code, card=CARD), card=CARD, timezone=NEW_YORK)
    moved = FAILED_AT + hours(7 * number)
    first = replace(told.attempts[0], at=moved)
    return replace(told, failed_at=moved, attempts=(first,), card_uses=())


def outcomes(count, succeeds, first=0):
    """``count`` first retries on random days; ``succeeds(after, dice)`` is the world."""
    dice, found = Random(first), []
    for number in range(first, first + count):
        told, after = case(number), timedelta(hours=dice.uniform(13, 400))
        at = told.failed_at + after
        found.append(RetryOutcome(told, at, succeeds(after, dice)))
    return found


def never(after, dice):
    return False


def often(after, dice):
    return dice.random() < 0.8


def loss(model, told):
    return float(log_losses(model, training_rows(told, DEFAULT.window)).mean())


def share(model, group, cause):
    counts = model.causes[group]
    return float(counts[CAUSES.index(cause)] / counts.sum())
