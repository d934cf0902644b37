"""What the engine looks at: names for the case, numbers for the hour."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from math import log10
from operator import mul
from typing import Final

import numpy as np

from recover.dunning.declines import DeclineRule, Pace
from recover.dunning.engine.hypotheses import LIBRARY, PRIOR
from recover.dunning.engine.paydays import MAX_DAYS, Floats, pays_on
from recover.dunning.facts import Card, Facts, Outcome
from recover.dunning.situation import RuledAttempt

GROUPS: Final[tuple[str, ...]] = tuple(PRIOR["causes"])
REGIONS: Final[tuple[str, ...]] = tuple(PRIOR["regions"])
FUNDINGS: Final[tuple[str, ...]] = tuple(PRIOR["funding"])
FEATURES: Final = (
    "hour_sin", "hour_cos", "hour_sin_2", "hour_cos_2",
    "tuesday", "wednesday", "thursday", "friday", "weekend",
    "month_sin", "month_cos", "month_edge",
    "log_hours_since_failure", "log_hours_since_last_try", "tries_before",
    "credit", "prepaid", "mastercard", "amex", "abroad", "log_amount",
)  # fmt: skip
"""The learned correction's inputs, all roughly within -2 .. 2. The first 12 belong to the hour."""
_OF_THE_HOUR = 12
FAMILIES: Final = (slice(0, 4), slice(4, 9), slice(9, 12), slice(12, 15), slice(15, 21))
"""Features of one kind: hour, weekday, day of month, waiting, card and amount."""
_REGION_OF: dict[str, str] = {"NZ": "AU"} | {region: region for region in REGIONS}
_GROUP_OF_REASON = {"limit": "limit", "technical": "technical", "insufficient_funds": "funds"}
_BANK = frozenset({"do_not_honor", "call_issuer", "no_action_taken", "refer_to_customer"})
_GENERIC = frozenset({"generic_decline", "card_declined", "partner_generic_decline"})
_VAGUE = frozenset({"technical", "again", "unknown", "generic"})
_BLOCKED = frozenset({"blocked", "low_probability_of_authorization"})


def group_of(rule: DeclineRule) -> str:
    """Which row of the prior's causes speaks of this decline."""
    if rule.pace is Pace.PAYDAY:
        return "funds"
    if rule.pace is Pace.SOON:
        return "technical"
    if rule.code == "try_again_later":
        return "again"
    for codes, name in ((_BANK, "bank"), (_GENERIC, "generic"), (_BLOCKED, "blocked")):
        if rule.code in codes:
            return name
    return _GROUP_OF_REASON.get(rule.subscriber_reason, "unknown")


def group(rules: Iterable[DeclineRule]) -> str:
    """The case's group: the latest telling answer; issuers do not always repeat themselves."""
    groups = [group_of(rule) for rule in rules]
    telling = [name for name in groups if name not in _VAGUE]
    plain = [name for name in groups if name != "technical"]
    return (telling or plain or groups or ["unknown"])[-1]


def region(card: Card | None) -> str:
    """The pay region of the card's country; "other" where it is not known."""
    return _REGION_OF.get(card.country if card else "", "other")


def funding(card: Card | None) -> str:
    known = card.funding if card else ""
    return known if known in FUNDINGS else "debit"


def failures_on_card(card: Card | None, ruled: Iterable[RuledAttempt]) -> list[RuledAttempt]:
    """Failed tries on the card data that would be charged now, oldest first."""
    return [
        (past, rule)
        for past, rule in ruled
        if past.outcome is not Outcome.REQUIRES_ACTION
        and (card is None or past.card is None or card.same_credentials(past.card))
    ]


@lru_cache(maxsize=1024)
def of_hours(start: date, days: int) -> Floats:
    """The features of each local hour: shape (12, days * 24)."""
    by_day = np.array([_of_day(start + timedelta(n)) for n in range(days)]).T
    turns = np.arange(24) * (2 * np.pi / 24)
    by_hour = np.vstack([np.sin(turns), np.cos(turns), np.sin(2 * turns), np.cos(2 * turns)])
    return np.vstack([np.tile(by_hour, days), np.repeat(by_day, 24, axis=1)])


def _of_day(day: date) -> list[float]:
    weekday, turn = day.weekday(), 2 * np.pi * (day.day - 1) / 30.4
    weekdays = [float(weekday == n) for n in (1, 2, 3, 4)] + [float(weekday >= 5)]  # noqa: PLR2004
    edge = float(day.day <= 3 or day.day >= 28)  # noqa: PLR2004  salaries around the month's end
    return [*weekdays, float(np.sin(turn)), float(np.cos(turn)), edge]


def of_case(facts: Facts, tries: int) -> list[float]:
    """The seven features that do not change with the hour of the next try."""
    card = facts.card
    brand, kind = (card.brand, card.funding) if card else ("", "")
    amount = log10(max(facts.amount_remaining_minor, 1)) - 3.5
    abroad = region(card) != "US"
    flags = (kind == "credit", kind == "prepaid", brand == "mastercard", brand == "amex", abroad)
    return [min(tries, 10) / 5, *map(float, flags), min(max(amount, -2.0), 2.0)]


def of_the_hour(coefficients: Floats, hour_part: Floats) -> Floats:
    """The learned correction's part that hangs on the hour alone, in logits: (hours,)."""
    found: Floats = coefficients[:_OF_THE_HOUR] @ hour_part
    return found


def waits_and_case(coefficients: Floats, facts: Facts, tries: int) -> tuple[float, float, float]:
    """The rest of it: what the logarithms of the hours since the first failure and since the last
    try are multiplied by, and what the case itself adds.
    """
    since, last, *own = coefficients[_OF_THE_HOUR:].tolist()
    return since, last, sum(map(mul, own, of_case(facts, tries)))


def row(hour_part: Floats, case_part: list[float], since: float, last: float) -> Floats:
    """All features of one try, in the order of `FEATURES`."""
    logs = log_hours(np.array([since, last]))
    return np.concatenate([hour_part, logs, case_part])


def log_hours(hours: Floats) -> Floats:
    """0 at one day, about 1 at three weeks, -1 at an hour."""
    scaled: Floats = np.log(np.maximum(hours, 1.0) / 24) / 3
    return scaled


LOG_HOURS: Final = log_hours(np.arange(24.0 * (31 + MAX_DAYS)))
"""The same for every number of full hours within a grid."""


@lru_cache(maxsize=4096)
def paid_on(day: date) -> Floats:
    """How much a payment that went through on ``day`` speaks for each story: (stories,)."""
    near = [day - timedelta(n) for n in range(3)]
    return np.array([_speaks(index, near) for index in range(len(LIBRARY))])


def _speaks(index: int, near: list[date]) -> float:
    story = LIBRARY[index]
    if story.cause != "short" or not story.pay:
        return 1.0
    return 1.25 if any(pays_on(story, day) for day in near) else 0.9
