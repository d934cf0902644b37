"""The learned correction in words: by what it multiplies the odds of an attempt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np

from recover.dunning.engine.arrays import Floats
from recover.dunning.engine.features import FEATURES, hour_features, log_hours
from recover.dunning.engine.model import Model

_SLOPE_AT_HALF = 0.25  # by how much one logit moves a chance near one half
_LONG_MONTH = date(2026, 3, 1)  # any with 31 days: only the day of the month is read
_COMPARISONS = {
    "tuesday": "a try on Tuesday against one on Monday",
    "wednesday": "a try on Wednesday against one on Monday",
    "thursday": "a try on Thursday against one on Monday",
    "friday": "a try on Friday against one on Monday",
    "weekend": "a try at the weekend against one on Monday",
    "credit": "a credit card against a debit card",
    "prepaid": "a prepaid card against a debit card",
    "mastercard": "a Mastercard against a Visa card",
    "amex": "an American Express card against a Visa card",
    "abroad": "a card from outside the US against one from there",
    "log_amount": "an amount ten times as large",
}
_WAITS = {
    "log_hours_since_failure": "a try a week after the first failure against one a day after it",
    "log_hours_since_last_attempt": "a try a week after the last try against one a day after it",
}


def correction_effects(old: Model, new: Model) -> Iterator[tuple[float, str]]:
    """(size, sentence) of each: the size is by how much it moves a chance of one half."""
    for feature, text in _COMPARISONS.items():
        yield _odds(text, _coefficient(old, feature), _coefficient(new, feature))
    week, day = log_hours(np.array([168.0, 24.0]))
    for feature, text in _WAITS.items():
        was, now = (float(_coefficient(model, feature) * (week - day)) for model in (old, new))
        yield _odds(text, was, now)
    was, now = (float(_coefficient(model, "attempts_before") * 3 / 5) for model in (old, new))
    yield _odds("a try after three failed ones more", was, now)
    yield _strongest(_by_hour(old), _by_hour(new), "a try at {:02d}:00 against the average hour", 0)
    yield _strongest(
        _by_day(old), _by_day(new), "a try on day {} of the month against the average day", 1
    )


def _coefficient(model: Model, feature: str) -> float:
    coefficient: float = model.coefficients[FEATURES.index(feature)]
    return coefficient


def _odds(text: str, was: float, now: float) -> tuple[float, str]:
    """``was`` and ``now`` in logits."""
    sentence = f"The odds of {text} are now {np.exp(now):.2f} to 1 (was {np.exp(was):.2f})."
    return _SLOPE_AT_HALF * abs(now - was), sentence


def _strongest(was: Floats, now: Floats, text: str, first: int) -> tuple[float, str]:
    """The one hour or day whose odds changed most; ``first``: the number of the first one."""
    at = int(np.argmax(np.abs(now - was)))
    return _odds(text.format(at + first), float(was[at]), float(now[at]))


def _by_hour(model: Model) -> Floats:
    """In logits, around their mean: (24,)."""
    return _centred(model.coefficients[:4] @ hour_features(_LONG_MONTH, 31)[:4, :24])


def _by_day(model: Model) -> Floats:
    """In logits, around their mean: (31,)."""
    month = slice(FEATURES.index("month_sin"), FEATURES.index("month_edge") + 1)
    return _centred(model.coefficients[month] @ hour_features(_LONG_MONTH, 31)[month, ::24])


def _centred(logits: Floats) -> Floats:
    centred: Floats = logits - logits.mean()
    return centred
