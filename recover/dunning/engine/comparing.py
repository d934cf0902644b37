"""What two versions of a model believe differently, in words for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

import numpy as np

from recover.dunning.engine.effects import effects
from recover.dunning.engine.hypotheses import CAUSES, LIBRARY, Story
from recover.dunning.engine.model import CAUSE_INDEX, Model
from recover.dunning.wording import ordinal, span

_WORTH_TELLING = 0.01  # a point
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
_PLACES: Final[Mapping[str, str]] = {
    "US": "the US", "CA": "Canada", "AU": "Australia and New Zealand", "GB": "the UK",
    "BR": "Brazil", "JP": "Japan", "other": "other countries",
}  # fmt: skip
_PAID: Final[Mapping[str, str]] = {
    "weekly": "weekly on {day}",
    "biweekly": "every other {day}",
    "semimonthly": "on the {dates}",
    "monthly": "on the {dates}",
    "": "on no regular day",
}
_RESETS: Final[Mapping[str, str]] = {
    "midnight": "reset at midnight",
    "monday": "reset on Monday",
    "month": "reset on the 1st",
    "": "reset on any day",
}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


def differences(old: Model, new: Model, most: int = 12) -> list[str]:
    """At most so many sentences, the biggest difference first; small ones are left out.

    Such as "Of generic declines, 31% are now thought to be dead cards (was 36%)."
    """
    found = [*_causes(old, new), *_calendars(old, new), *effects(old, new)]
    worth = sorted((one for one in found if one[0] >= _WORTH_TELLING), key=lambda one: -one[0])
    return [text for _, text in worth[:most]]


def _causes(old: Model, new: Model) -> Iterator[tuple[float, str]]:
    for group, counts in new.causes.items():
        before, after = old.causes[group] / old.causes[group].sum(), counts / counts.sum()
        for cause, was, now in zip(CAUSES, before, after, strict=True):
            told = f"{now:.0%} are now thought to be {_CAUSES[cause]} (was {was:.0%})."
            yield abs(now - was), f"Of {_GROUPS[group]}, {told}"


def _calendars(old: Model, new: Model) -> Iterator[tuple[float, str]]:
    for region, counts in new.schedules.items():
        place, before = _PLACES[region], old.schedules[region]
        for index, cause in enumerate(CAUSES):
            mine = index == CAUSE_INDEX
            by_text: dict[str, list[float]] = {}
            for at in np.flatnonzero(mine):
                told = by_text.setdefault(_calendar(LIBRARY[at]), [0.0, 0.0])
                told[0] += float(before[at] / before[mine].sum())
                told[1] += float(counts[at] / counts[mine].sum())
            for text, (was, now) in by_text.items():
                whose = f"Of {_CAUSES[cause]} in {place}"
                yield abs(now - was), f"{whose}, {now:.0%} are now thought {text} (was {was:.0%})."


def _calendar(story: Story) -> str:
    """What is said of a story; stories of which the same is said are counted together."""
    if story.cause == "limit":
        return f"to be {_RESETS[story.pay]}"
    if story.cause == "short":
        dates = " and ".join("last day" if day == 31 else ordinal_day(day) for day in story.days)  # noqa: PLR2004
        paid = _PAID[story.pay].format(day=_DAYS[story.weekday], dates=dates)
        return f"to be paid {paid}"
    if story.lifts_days is None:
        return "to last"
    hours = round(24 * story.lifts_days)
    return f"to last about {span(timedelta(hours=hours))}"


def ordinal_day(day: int) -> str:
    return f"{day}{ordinal(day + 20)[-2:]}"
