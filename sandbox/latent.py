"""Why a card is declined, and when that passes: the truth no policy may look at.

Every cause is reduced to spells in which a charge could go through. For an empty account they come
from paydays and chance top-ups, for a risk block from its lifting, and for a dead card there are
none.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sandbox.world import Funds, World

_FOREVER = datetime.max.replace(tzinfo=UTC)
_HORIZON_DAYS = 75


class Cause(StrEnum):
    INSUFFICIENT_FUNDS = "insufficient_funds"
    RISK = "risk"
    TECHNICAL = "technical"
    DEAD_CARD = "dead_card"
    AUTHENTICATION = "authentication"
    LIMIT = "limit"


Spell = tuple[datetime, datetime]
# What issuers say, by what is really the matter. Noise is the point: most declines are generic.
CODES: Mapping[Cause, Mapping[str, float]] = {
    Cause.INSUFFICIENT_FUNDS: {
        "insufficient_funds": 74,
        "generic_decline": 16,
        "do_not_honor": 10,
    },
    Cause.RISK: {
        "generic_decline": 46,
        "do_not_honor": 28,
        "call_issuer": 6,
        "transaction_not_allowed": 8,
        "try_again_later": 5,
        "highest_risk_level": 4,
        "restricted_card": 3,
    },
    Cause.TECHNICAL: {
        "processing_error": 40,
        "issuer_not_available": 35,
        "try_again_later": 15,
        "reenter_transaction": 10,
    },
    Cause.DEAD_CARD: {
        "expired_card": 25,
        "generic_decline": 25,
        "invalid_account": 16,
        "lost_card": 12,
        "stolen_card": 6,
        "pickup_card": 6,
        "incorrect_number": 5,
        "revocation_of_authorization": 3,
        "card_not_supported": 2,
    },
    Cause.AUTHENTICATION: {"authentication_required": 100},
    Cause.LIMIT: {
        "card_velocity_exceeded": 60,
        "withdrawal_count_limit_exceeded": 25,
        "generic_decline": 15,
    },
}


@dataclass(slots=True)
class Episode:
    """One stretch of trouble with one card."""

    cause: Cause
    code: str  # Stripe's decline code the issuer keeps answering with
    started_at: datetime
    spells: tuple[Spell, ...] = ()

    def open_at(self, moment: datetime) -> bool:
        return any(start <= moment < end for start, end in self.spells)

    def next_open(self, moment: datetime) -> datetime | None:
        """When it could go through, from ``moment`` on; None for never."""
        ends = (max(start, moment) for start, end in self.spells if end > moment)
        return min(ends, default=None)


def pick(weights: Mapping[str, float], unit: float) -> str:
    """The key at ``unit`` (in [0, 1)) of the weights laid end to end."""
    mark = unit * sum(weights.values())
    for key, weight in weights.items():
        mark -= weight
        if mark < 0:
            return key
    return list(weights)[-1]


def begin(
    cause: Cause,
    code: str,
    at: datetime,
    *,
    rng: random.Random,
    world: World,
    country: str,
    funding: str,
    timezone: str,
) -> Episode:
    episode, recovery = Episode(cause, code, at), world.recovery
    if cause is Cause.INSUFFICIENT_FUNDS:
        credit = funding == "credit"
        short = recovery.chronically_short_credit if credit else recovery.chronically_short_debit
        if rng.random() >= short:
            episode.spells = tuple(_funded(at, rng, world.funds, country, ZoneInfo(timezone)))
    elif cause is Cause.RISK and rng.random() < recovery.risk_clears:
        lifts = at + timedelta(days=rng.expovariate(1 / recovery.risk_clears_days))
        episode.spells = ((lifts, _FOREVER),)
    elif cause is Cause.TECHNICAL:
        hours = recovery.technical_median_hours * rng.lognormvariate(0, 1.2)
        episode.spells = ((at + timedelta(hours=min(hours, 500)), _FOREVER),)
    elif cause is Cause.LIMIT:
        episode.spells = ((_limit_resets(at, rng, ZoneInfo(timezone)), _FOREVER),)
    return episode


def _limit_resets(at: datetime, rng: random.Random, zone: ZoneInfo) -> datetime:
    today = at.astimezone(zone).date()
    kind = rng.choices(["day", "week", "cycle"], [50, 30, 20])[0]
    if kind == "day":
        days = 1
    elif kind == "week":
        days = 7 - today.weekday()
    else:
        days = rng.randint(3, 28)
    return datetime.combine(today + timedelta(days), time(), zone).astimezone(UTC)


def _funded(
    at: datetime, rng: random.Random, funds: Funds, country: str, zone: ZoneInfo
) -> Iterator[Spell]:
    """Spells with money in the account: after paydays, and after chance top-ups."""
    hours = funds.deposit_hours
    for day in _paydays(at.astimezone(zone).date(), rng, funds, country):
        hour = int(rng.choices(list(hours), list(hours.values()))[0])
        start = datetime.combine(day, time(hour), zone).astimezone(UTC)
        lasts = timedelta(days=rng.expovariate(1 / funds.lasts_days))
        swallowed = rng.random() < funds.swallowed
        if start > at and not swallowed:
            yield start, start + lasts
    topped = at
    while topped < at + timedelta(days=_HORIZON_DAYS):
        topped += timedelta(days=rng.expovariate(1 / funds.top_up_every_days))
        yield topped, topped + timedelta(days=rng.expovariate(1 / funds.top_up_lasts_days))


def _paydays(today: date, rng: random.Random, funds: Funds, country: str) -> Iterator[date]:
    shares = funds.us_pay if country == "US" else funds.other_pay
    kind = rng.choices(list(shares), list(shares.values()))[0]
    odd_weeks = rng.randrange(2)
    month_day = rng.choice(funds.month_days)
    for ahead in range(_HORIZON_DAYS):
        day = today + timedelta(ahead)
        payday = day.weekday() == funds.pay_weekday
        falls = {
            "weekly": payday,
            "biweekly": payday and day.isocalendar().week % 2 == odd_weeks,
            "semimonthly": day.day in funds.twice_a_month,
            "monthly": day.day == month_day,
            "never": False,
        }[kind]
        if falls:
            yield _working_day(day)


def _working_day(day: date) -> date:
    """The same day, or the nearest one before it on which banks settle."""
    while day.weekday() >= 5 or (day.month, day.day) in {(1, 1), (12, 25)}:
        day -= timedelta(1)
    return day
