"""Why this hour, in plain words: the hypothesis that carries most of the chance is told."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from recover.dunning.engine.arrays import Floats
from recover.dunning.engine.hour_grid import last_paydays
from recover.dunning.engine.hypotheses import CAUSES, HYPOTHESES
from recover.dunning.engine.model import CAUSE_MASKS
from recover.dunning.engine.posterior import Posterior
from recover.dunning.wording import counted, ordinal

_OF_CAUSE = np.array(CAUSE_MASKS, np.float64)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_RECENT_DAYS = 4  # so long after a payday, that day included, it is still the reason ...
_ENOUGH = 0.4  # ... if this share of the chance comes from those who were paid then
_CAUSE_CLAUSES = {
    "block": "blocks by the bank's risk rules are mostly lifted within days",
    "technical": "the failure was technical and such failures often pass within hours",
    "chronic": "the account has stayed empty, and only chance money can help",
    "dead": "little speaks for this card, but one more try costs less than it may win",
}
_LIMIT_CLAUSES = {
    "midnight": "the card's daily limit is reset at midnight",
    "monday": "weekly card limits are reset on Monday",
    "month": "monthly card limits are reset on the 1st",
}


def retry_clause(posterior: Posterior, hour: int, *, bank_asked: bool) -> tuple[str, float]:
    """(clause, chance), such as "many salaries are paid around the 1st and are in by now (chance
    about 31%)" and 0.31. ``bank_asked``: the bank's wish to wait decided the hour.
    """
    contributions = posterior.weights * posterior.success_chances(hour)
    chance = float(contributions.sum())
    percent = f"chance about {max(1, round(100 * chance))}%"
    if bank_asked:
        return f"the bank asked to wait that long ({percent})", chance
    return f"{_likeliest_clause(posterior, hour, contributions)} ({percent})", chance


def no_retry_sentence(best_chance: float, attempts: int) -> str:
    """Why no further retry is made after so many failed attempts."""
    after = f"After {counted(attempts, 'try', 'tries')}"
    return f"{after}, the best further one would succeed with a chance of about {best_chance:.1%}."


def _likeliest_clause(posterior: Posterior, hour: int, contributions: Floats) -> str:
    """``contributions``: of each hypothesis to the chance of success."""
    index = int((_OF_CAUSE @ contributions).argmax())
    cause, of_cause = CAUSES[index], _OF_CAUSE[index] * contributions
    if cause == "short":
        return _payday_clause(posterior, hour, of_cause)
    if cause == "limit":
        likeliest = HYPOTHESES[int(of_cause.argmax())]
        whenever = "card limits are reset with the billing cycle"
        return _LIMIT_CLAUSES.get(likeliest.calendar, whenever)
    return _CAUSE_CLAUSES[cause]


def _payday_clause(posterior: Posterior, hour: int, contributions: Floats) -> str:
    """Names the payday that most of those who carry the chance have just had."""
    today = posterior.grid.start + timedelta(days=hour // 24)
    paid = last_paydays(today, _RECENT_DAYS)
    by_days_ago = (paid @ contributions).tolist()
    if max(by_days_ago) < _ENOUGH * contributions.sum():
        return "money often reaches an account that ran short within days"
    days_ago = by_days_ago.index(max(by_days_ago))
    payday = today - timedelta(days=days_ago)
    likeliest = HYPOTHESES[int((paid[days_ago] * contributions).argmax())]
    if likeliest.calendar in ("monthly", "semimonthly"):
        return f"many salaries are paid around the {ordinal(payday.day)} and are in by now"
    weekday = _WEEKDAYS[payday.weekday()]
    return f"most salaries that are paid by the week are in by {weekday} morning"
