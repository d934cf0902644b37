"""The learned correction in words: by what it multiplies the odds of a try."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np

from recover.dunning.engine.features import FEATURES, log_hours, of_hours
from recover.dunning.engine.model import Model
from recover.dunning.engine.paydays import Floats

_EVEN = 0.25  # how much of a chance near one half a logit moves
_LONG_MONTH = date(2026, 3, 1)  # any with 31 days: only the day of the month is read
_AGAINST = {
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


def effects(old: Model, new: Model) -> Iterator[tuple[float, str]]:
    """(size, sentence): the size is what it moves a chance of one half by."""
    for name, text in _AGAINST.items():
        at = FEATURES.index(name)
        yield _odds(text, old.coefficients[at], new.coefficients[at])
    week, day = log_hours(np.array([168.0, 24.0]))
    for name, since in (("log_hours_since_failure", "the first failure"),
                        ("log_hours_since_last_try", "the last try")):  # fmt: skip
        was, now = (float(m.coefficients[FEATURES.index(name)] * (week - day)) for m in (old, new))
        yield _odds(f"a try a week after {since} against one a day after it", was, now)
    was, now = (float(m.coefficients[FEATURES.index("tries_before")] * 3 / 5) for m in (old, new))
    yield _odds("a try after three failed ones more", was, now)
    yield _strongest(_by_hour(old), _by_hour(new), "a try at {:02d}:00 against the average hour", 0)
    yield _strongest(
        _by_day(old), _by_day(new), "a try on day {} of the month against the average day", 1
    )


def _odds(text: str, was: float, now: float) -> tuple[float, str]:
    told = f"The odds of {text} are now {np.exp(now):.2f} to 1 (was {np.exp(was):.2f})."
    return _EVEN * abs(now - was), told


def _strongest(was: Floats, now: Floats, text: str, first: int) -> tuple[float, str]:
    """The one hour or day whose odds changed most."""
    at = int(np.argmax(np.abs(now - was)))
    return _odds(text.format(at + first), float(was[at]), float(now[at]))


def _by_hour(model: Model) -> Floats:
    """In logits, around their mean: (24,)."""
    return _centred(model.coefficients[:4] @ of_hours(_LONG_MONTH, 31)[:4, :24])


def _by_day(model: Model) -> Floats:
    """In logits, around their mean: (31,)."""
    month = slice(FEATURES.index("month_sin"), FEATURES.index("month_edge") + 1)
    return _centred(model.coefficients[month] @ of_hours(_LONG_MONTH, 31)[month, ::24])


def _centred(logits: Floats) -> Floats:
    found: Floats = logits - logits.mean()
    return found
