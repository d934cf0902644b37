"""What may be behind a decline: a fixed library of stories, each a chain of two hidden states.

In every story the card is *closed* at the failure. It opens with a chance per hour that the
calendar may raise (payday, midnight) and may close again (the money is spent). Stories differ in
when; which of them are likely is the model's business (`model.py`), not this file's.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

PRIOR: Final[dict[str, Any]] = tomllib.loads(
    resources.files("recover.dunning.engine").joinpath("prior.toml").read_text("utf-8")
)
CAUSES: Final = ("short", "chronic", "block", "technical", "limit", "dead")
MONTH_DAYS: Final = (1, 3, 5, 8, 10, 12, 15, 18, 20, 22, 25, 28, 31)  # 31: the last of any month
HALF_MONTHS: Final = ((1, 15), (15, 31), (5, 20), (10, 25))
WEEKDAYS: Final = 5


@dataclass(frozen=True, slots=True)
class Story:
    """One hypothesis. Money arrives on the days of ``pay``; ``lifts_days`` is a mean in days."""

    cause: str
    pay: str = ""  # "", weekly, biweekly, semimonthly, monthly, midnight, monday, month
    weekday: int = 0
    odd_week: bool = False
    days: tuple[int, ...] = ()
    lifts_days: float | None = None  # besides paydays; None: never
    stays_days: float | None = None  # how long it stays open; None: for good


def _short() -> list[Story]:
    money = PRIOR["money"]
    other, stays = money["other_days"], money["stays_days"]
    found = [Story("short", "weekly", day, False, (), other, stays) for day in range(WEEKDAYS)]
    for day in range(WEEKDAYS):
        found += [Story("short", "biweekly", day, odd, (), other, stays) for odd in (False, True)]
    found += [Story("short", "semimonthly", 0, False, d, other, stays) for d in HALF_MONTHS]
    found += [Story("short", "monthly", 0, False, (d,), other, stays) for d in MONTH_DAYS]
    found += [Story("short", "", 0, False, (), other / 2, stays)]
    return found


def _library() -> tuple[Story, ...]:
    lifts, stays = PRIOR["lifts_days"], PRIOR["money"]["stays_days"]
    found = _short()
    found.append(Story("chronic", lifts_days=PRIOR["money"]["chronic_days"], stays_days=stays))
    for cause in ("block", "technical"):
        found += [Story(cause, lifts_days=float(mean)) for mean in lifts[cause]]
    found += [Story("limit", pay) for pay in ("midnight", "monday", "month")]
    found.append(Story("limit", lifts_days=14.0))
    found.append(Story("dead"))
    return tuple(found)


LIBRARY: Final = _library()


def shares(region: str) -> list[float]:
    """The prior share of each story within its cause, for one pay region. Sums to 1 per cause."""
    weights = [_share(story, PRIOR["regions"][region]) for story in LIBRARY]
    totals = {
        cause: sum(w for w, s in zip(weights, LIBRARY, strict=True) if s.cause == cause)
        for cause in CAUSES
    }
    return [w / totals[s.cause] for w, s in zip(weights, LIBRARY, strict=True)]


def _share(story: Story, region: dict[str, Any]) -> float:
    if story.cause in ("block", "technical"):
        by_mean = {float(mean): share for mean, share in PRIOR["lifts_days"][story.cause].items()}
        return float(by_mean[story.lifts_days or 0.0])
    if story.cause == "limit":
        return float(PRIOR["limit"][story.pay or "any_14_days"])
    return _pay_share(story, region) if story.cause == "short" else 1.0


def _pay_share(story: Story, region: dict[str, Any]) -> float:
    if story.pay in ("weekly", "biweekly"):
        by_day = region["weekdays"]
        share = region[story.pay] * by_day[story.weekday] / sum(by_day)
        return float(share if story.pay == "weekly" else share / 2)
    if story.pay == "semimonthly":
        common = story.days == HALF_MONTHS[0]  # the 1st and the 15th is the textbook case
        return float(region["semimonthly"] * (0.7 if common else 0.1))
    if story.pay == "monthly":
        by_date = region["month_days"]
        # A day the table does not name stays possible: what has no chance cannot be learned.
        return float(
            region["monthly"]
            * (
                by_date.get(str(story.days[0]), 0) / sum(by_date.values()) * 0.96
                + 0.04 / len(MONTH_DAYS)
            )
        )
    return float(region["irregular"])
