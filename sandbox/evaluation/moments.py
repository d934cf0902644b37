"""A retry at a moment as a row of numbers: what Stripe shows, the calendar, and the waiting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from recover.dunning.facts import Facts
from recover.dunning.local_time import local

NOMINAL = [0, 1, 2, 3, 4]  # columns without an order
_HOUR = 3600.0


class Codes:
    """Numbers for words, in the order of their first appearance; -1 for those not seen in time."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __getitem__(self, word: str) -> int:
        return self._numbers.setdefault(word, min(len(self._numbers), 250))


def features(facts: Facts, times: Sequence[datetime], codes: Codes) -> np.ndarray[Any, Any]:
    """(times, 16) floats. ``times`` are after the last failure."""
    hours = np.array([(at - facts.failed_at).total_seconds() for at in times]) / _HOUR
    found = np.empty((len(times), 16))
    found[:, :9] = _of_case(facts, codes)
    found[:, 9] = hours
    found[:, 10] = hours - (facts.attempts[-1].at - facts.failed_at).total_seconds() / _HOUR
    found[:, 11:] = _calendar(facts, times[0], hours - hours[0])
    return found


def _of_case(facts: Facts, codes: Codes) -> list[float]:
    card, last = facts.card, facts.attempts[-1].decline
    first = facts.attempts[0].decline
    return [
        codes[f"code {last.decline_code if last else ''}"],
        codes[f"first {first.decline_code if first else ''}"],
        codes[card.funding if card else ""],
        codes[card.brand if card else ""],
        codes[card.country if card else ""],
        float(last.network_advice_code or 0) if last else 0.0,
        float(first.network_advice_code or 0) if first else 0.0,
        float(len(facts.attempts)),
        float(np.log(facts.amount_remaining_minor + 1)),
    ]


def _calendar(facts: Facts, start: datetime, ahead: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(times, 5): local hour, weekday, day of month, days to its end, hour of the week."""
    there = np.datetime64(local(start, facts.timezone).replace(tzinfo=None))
    moments = there + (ahead * _HOUR).astype("timedelta64[s]")
    days = moments.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    hour = (moments - days).astype("timedelta64[s]").astype(float) / _HOUR
    weekday = (days.astype(int) + 3) % 7
    month_day = (days - months.astype("datetime64[D]")).astype(int) + 1
    to_end = ((months + 1).astype("datetime64[D]") - days).astype(int)
    return np.stack([hour, weekday, month_day, to_end, 24 * weekday + hour], axis=1)
