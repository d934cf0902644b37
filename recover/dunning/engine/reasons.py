"""Why this hour, in plain words: the story that carries most of the chance is told."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from recover.dunning.engine.belief import Belief
from recover.dunning.engine.hypotheses import CAUSES, LIBRARY
from recover.dunning.engine.paydays import Floats, paid_days_ago
from recover.dunning.wording import counted, ordinal

_OF_CAUSE = np.array([[story.cause == cause for story in LIBRARY] for cause in CAUSES], np.float64)
_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_RECENT = 4  # days after a payday on which it is still the reason ...
_ENOUGH = 0.4  # ... if this share of the chance comes from those who were paid then
_PASSES = {
    "block": "blocks by the bank's risk rules are mostly lifted within days",
    "technical": "the failure was technical and such failures often pass within hours",
    "chronic": "the account has stayed empty, and only chance money can help",
    "dead": "little speaks for this card, but one more try costs less than it may win",
}
_LIMITS = {
    "midnight": "the card's daily limit is reset at midnight",
    "monday": "weekly card limits are reset on Monday",
    "month": "monthly card limits are reset on the 1st",
}


def clause(belief: Belief, hour: int, *, floored: bool) -> tuple[str, float]:
    """Such as "many salaries are paid around the 1st and are in by now (chance about 31%)", and
    the chance itself.
    """
    carried = belief.weights * belief.by_story(hour)
    chance = float(carried.sum())
    percent = f"chance about {max(1, round(100 * chance))}%"
    told = "the bank asked to wait that long" if floored else _story(belief, hour, carried)
    return f"{told} ({percent})", chance


def nothing(chance: float, tries: int) -> str:
    """Why no further try is made."""
    after = f"After {counted(tries, 'try', 'tries')}"
    return f"{after}, the best further one would succeed with a chance of about {chance:.1%}."


def _story(belief: Belief, hour: int, carried: Floats) -> str:
    most = int((_OF_CAUSE @ carried).argmax())
    cause, of_cause = CAUSES[most], _OF_CAUSE[most] * carried
    if cause == "short":
        return _payday(belief, hour, of_cause)
    if cause == "limit":
        best = LIBRARY[int(of_cause.argmax())]
        return _LIMITS.get(best.pay, "card limits are reset with the billing cycle")
    return _PASSES[cause]


def _payday(belief: Belief, hour: int, carried: Floats) -> str:
    """Name the payday that most of the stories which carry the hour have just had."""
    today = belief.grid.start + timedelta(days=hour // 24)
    paid = paid_days_ago(today, _RECENT)
    by_age = (paid @ carried).tolist()
    if max(by_age) < _ENOUGH * carried.sum():
        return "money often reaches an account that ran short within days"
    age = by_age.index(max(by_age))
    payday = today - timedelta(days=age)
    best = LIBRARY[int((paid[age] * carried).argmax())]
    if best.pay in ("monthly", "semimonthly"):
        return f"many salaries are paid around the {ordinal(payday.day)} and are in by now"
    return f"most salaries that are paid by the week are in by {_NAMES[payday.weekday()]} morning"
