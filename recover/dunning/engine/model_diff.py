"""What two versions of a model believe differently, in words for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

import numpy as np

from recover.dunning.engine.arrays import Bools, Floats
from recover.dunning.engine.effect_wording import correction_effects
from recover.dunning.engine.hypotheses import CAUSES, HYPOTHESES, Hypothesis
from recover.dunning.engine.model import CAUSE_MASKS, Model
from recover.dunning.wording import ordinal, span

Difference = tuple[float, str]
"""(size, sentence): by how much a share, or a chance of one half, differs."""
_WORTH_TELLING = 0.01  # a percentage point
_GROUPS: Final[Mapping[str, str]] = {
    "funds": '"insufficient funds" declines',
    "generic": "generic declines",
    "bank": '"do not honor" and similar declines',
    "again": '"try again later" declines',
    "technical": "technical failures",
    "limit": "declines over a limit",
    "blocked": "payments blocked by Stripe",
    "unknown": "declines with an unknown code",
}
_CAUSES: Final[Mapping[str, str]] = {
    "short": "accounts short of money for now",
    "chronic": "accounts short of money for good",
    "block": "blocks that lift",
    "technical": "technical trouble",
    "limit": "limits that are reset",
    "dead": "dead cards",
}
_REGIONS: Final[Mapping[str, str]] = {
    "US": "the US",
    "CA": "Canada",
    "AU": "Australia and New Zealand",
    "GB": "the UK",
    "BR": "Brazil",
    "JP": "Japan",
    "other": "other countries",
}
_PAID: Final[Mapping[str, str]] = {
    "weekly": "weekly on {weekday}",
    "biweekly": "every other {weekday}",
    "semimonthly": "on the {month_days}",
    "monthly": "on the {month_days}",
    "": "on no regular day",
}
_RESETS: Final[Mapping[str, str]] = {
    "midnight": "reset at midnight",
    "monday": "reset on Monday",
    "month": "reset on the 1st",
    "": "reset on any day",
}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_LAST_OF_MONTH = 31


def differences(old: Model, new: Model, most: int = 12) -> list[str]:
    """At most so many sentences, the biggest difference first; small ones are left out.

    Such as "Of generic declines, 31% are now thought to be dead cards (was 36%)."
    """
    found = [*_of_causes(old, new), *_of_calendars(old, new), *correction_effects(old, new)]
    worth_telling = [each for each in found if each[0] >= _WORTH_TELLING]
    worth_telling.sort(key=lambda each: -each[0])
    return [sentence for _, sentence in worth_telling[:most]]


def _of_causes(old: Model, new: Model) -> Iterator[Difference]:
    for group, counts in new.causes.items():
        before, after = old.causes[group] / old.causes[group].sum(), counts / counts.sum()
        for cause, was, now in zip(CAUSES, before, after, strict=True):
            thought = f"{now:.0%} are now thought to be {_CAUSES[cause]} (was {was:.0%})."
            yield abs(now - was), f"Of {_GROUPS[group]}, {thought}"


def _of_calendars(old: Model, new: Model) -> Iterator[Difference]:
    for region, counts in new.schedules.items():
        for cause, mask in zip(CAUSES, CAUSE_MASKS, strict=True):
            before = _shares_by_text(old.schedules[region], mask)
            after = _shares_by_text(counts, mask)
            whose = f"Of {_CAUSES[cause]} in {_REGIONS[region]}"
            for text, was in before.items():
                now = after[text]
                thought = f"{now:.0%} are now thought {text} (was {was:.0%})."
                yield abs(now - was), f"{whose}, {thought}"


def _shares_by_text(counts: Floats, mask: Bools) -> dict[str, float]:
    """The shares of the hypotheses of one cause; of which the same is said, added up."""
    shares: dict[str, float] = defaultdict(float)
    for index in np.flatnonzero(mask):
        shares[_calendar_text(HYPOTHESES[index])] += float(counts[index] / counts[mask].sum())
    return shares


def _calendar_text(hypothesis: Hypothesis) -> str:
    """What is said of a hypothesis within its cause, such as "to be paid weekly on Friday"."""
    if hypothesis.cause == "limit":
        return f"to be {_RESETS[hypothesis.calendar]}"
    if hypothesis.cause == "short":
        weekday = _WEEKDAYS[hypothesis.weekday]
        month_days = " and ".join(map(_month_day, hypothesis.month_days))
        paid = _PAID[hypothesis.calendar].format(weekday=weekday, month_days=month_days)
        return f"to be paid {paid}"
    if hypothesis.mean_days_to_open is None:
        return "to last"
    hours = round(24 * hypothesis.mean_days_to_open)
    return f"to last about {span(timedelta(hours=hours))}"


def _month_day(day: int) -> str:
    """Such as "1st", "15th" or "last day"."""
    return "last day" if day == _LAST_OF_MONTH else f"{day}{ordinal(day + 20)[-2:]}"
