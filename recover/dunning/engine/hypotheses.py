"""The hypotheses about what is behind a decline. Each is a Markov chain with two hidden states.

The card is open (a payment would go through) or closed. It is closed when the renewal fails. The
hypotheses differ in when a closed card opens (on payday, at midnight, after some days) and in how
long it then stays open. This module says what is possible and how likely it is to begin with; how
likely each hypothesis is for one account is learned (`Model`).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

PARAMETERS: Final[dict[str, Any]] = tomllib.loads(
    resources.files("recover.dunning.engine").joinpath("prior.toml").read_text("utf-8")
)
"""Every number of prior.toml, each with its reason and source beside it there."""
CAUSES: Final = ("short", "chronic", "block", "technical", "limit", "dead")
MONTH_DAYS: Final = (1, 3, 5, 8, 10, 12, 15, 18, 20, 22, 25, 28, 31)  # 31: the last of any month
SEMIMONTHLY_DAYS: Final = ((1, 15), (15, 31), (5, 20), (10, 25))
WEEKDAYS: Final = 5
_TEXTBOOK_SHARE, _OTHER_SHARE = 0.7, 0.1  # of semimonthly pay: on the 1st and 15th, on other pairs
_ANY_DAY_SHARE = 0.04  # of monthly pay, spread evenly over all of `MONTH_DAYS`


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One possible cause with one calendar on which the card opens.

    ``calendar`` is "weekly", "biweekly", "semimonthly" or "monthly" pay, the "midnight", "monday"
    or "month" on which a limit is reset, or "" for no calendar. ``mean_days_to_open`` is the mean
    wait for an opening that no calendar tells of, None where there is none. ``mean_days_open`` is
    None for a card that stays open.
    """

    cause: str
    calendar: str = ""
    weekday: int = 0  # of weekly and biweekly pay; 0 is Monday
    odd_week: bool = False  # of biweekly pay; weeks are counted from the year 1 on
    month_days: tuple[int, ...] = ()  # of semimonthly and monthly pay
    mean_days_to_open: float | None = None
    mean_days_open: float | None = None


def _short_of_money() -> list[Hypothesis]:
    weekdays, weeks = range(WEEKDAYS), (False, True)
    return [
        *(_paid("weekly", weekday=day) for day in weekdays),
        *(_paid("biweekly", weekday=day, odd_week=odd) for day in weekdays for odd in weeks),
        *(_paid("semimonthly", month_days=pair) for pair in SEMIMONTHLY_DAYS),
        *(_paid("monthly", month_days=(day,)) for day in MONTH_DAYS),
        _paid("", mean_days_to_open=PARAMETERS["money"]["other_days"] / 2),
    ]


def _paid(calendar: str, **details: Any) -> Hypothesis:
    """An account that is short of money until it is paid."""
    money = PARAMETERS["money"]
    waits = {"mean_days_to_open": money["other_days"], "mean_days_open": money["stays_days"]}
    return Hypothesis("short", calendar, **(waits | details))


def _all_hypotheses() -> tuple[Hypothesis, ...]:
    means, money = PARAMETERS["lifts_days"], PARAMETERS["money"]
    return (
        *_short_of_money(),
        Hypothesis(
            "chronic",
            mean_days_to_open=money["chronic_days"],
            mean_days_open=money["stays_days"],
        ),
        *(
            Hypothesis(cause, mean_days_to_open=float(mean))
            for cause in ("block", "technical")
            for mean in means[cause]
        ),
        *(Hypothesis("limit", calendar) for calendar in ("midnight", "monday", "month")),
        Hypothesis("limit", mean_days_to_open=14.0),
        Hypothesis("dead"),
    )


HYPOTHESES: Final = _all_hypotheses()


def schedule_shares(region: str) -> list[float]:
    """The prior share of each hypothesis within its cause, in one pay region: sums to 1 a cause."""
    weights = [_weight(each, PARAMETERS["regions"][region]) for each in HYPOTHESES]
    pairs = list(zip(HYPOTHESES, weights, strict=True))
    totals = {cause: sum(w for each, w in pairs if each.cause == cause) for cause in CAUSES}
    return [weight / totals[each.cause] for each, weight in pairs]


def _weight(hypothesis: Hypothesis, region: dict[str, Any]) -> float:
    """Its share within its cause; those of one cause need not sum to 1 yet."""
    cause, mean_days = hypothesis.cause, hypothesis.mean_days_to_open
    if cause in ("block", "technical"):
        shares = {float(mean): share for mean, share in PARAMETERS["lifts_days"][cause].items()}
        return float(shares[mean_days or 0.0])
    if cause == "limit":
        return float(PARAMETERS["limit"][hypothesis.calendar or "any_14_days"])
    return _pay_weight(hypothesis, region) if cause == "short" else 1.0


def _pay_weight(paid: Hypothesis, region: dict[str, Any]) -> float:
    if paid.calendar in ("weekly", "biweekly"):
        by_weekday = region["weekdays"]
        share = region[paid.calendar] * by_weekday[paid.weekday] / sum(by_weekday)
        return float(share if paid.calendar == "weekly" else share / 2)
    if paid.calendar == "semimonthly":
        textbook = paid.month_days == SEMIMONTHLY_DAYS[0]
        return float(region["semimonthly"] * (_TEXTBOOK_SHARE if textbook else _OTHER_SHARE))
    if paid.calendar == "monthly":
        return float(region["monthly"] * _month_day_share(paid.month_days[0], region))
    return float(region["irregular"])


def _month_day_share(day: int, region: dict[str, Any]) -> float:
    """Of the monthly pay, what is paid on this day of the month.

    A day that the region's table does not name stays possible: a share of 0 could never grow.
    """
    named = region["month_days"]
    share = named.get(str(day), 0) / sum(named.values())
    return float(share * (1 - _ANY_DAY_SHARE) + _ANY_DAY_SHARE / len(MONTH_DAYS))
