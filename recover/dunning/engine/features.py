"""What the engine reads from a case: its stratum, and the features of the learned correction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate, chain, pairwise
from math import log10
from operator import mul
from typing import Final, NamedTuple

import numpy as np

from recover.dunning.assessment import RuledAttempt
from recover.dunning.declines import DeclineRule, Pace
from recover.dunning.engine.arrays import Floats
from recover.dunning.engine.hour_grid import MAX_DAYS, pays_on
from recover.dunning.engine.hypotheses import HYPOTHESES, PARAMETERS, Hypothesis
from recover.dunning.facts import Card, Facts, Outcome

GROUPS: Final[tuple[str, ...]] = tuple(PARAMETERS["causes"])
REGIONS: Final[tuple[str, ...]] = tuple(PARAMETERS["regions"])
FUNDINGS: Final[tuple[str, ...]] = tuple(PARAMETERS["funding"])
_FAMILIES: Final = (
    ("hour_sin", "hour_cos", "hour_sin_2", "hour_cos_2"),
    ("tuesday", "wednesday", "thursday", "friday", "weekend"),
    ("month_sin", "month_cos", "month_edge"),
    ("log_hours_since_failure", "log_hours_since_last_attempt", "attempts_before"),
    ("credit", "prepaid", "mastercard", "amex", "abroad", "log_amount"),
)
FEATURES: Final = tuple(chain.from_iterable(_FAMILIES))
"""The inputs x of the learned correction, all roughly within -2 .. 2."""
FAMILIES: Final = tuple(
    slice(*ends) for ends in pairwise(accumulate(map(len, _FAMILIES), initial=0))
)
"""Features of one kind: hour, weekday, day of month, waiting, card and amount."""
_HOUR_FEATURES = FAMILIES[2].stop
"""The first families depend on the hour alone, and not on the case."""
_REGION_OF_COUNTRY: dict[str, str] = {"NZ": "AU"} | {region: region for region in REGIONS}
_GROUP_OF_REASON = {"limit": "limit", "technical": "technical", "insufficient_funds": "funds"}
_BANK = frozenset({"do_not_honor", "call_issuer", "no_action_taken", "refer_to_customer"})
_GENERIC = frozenset({"generic_decline", "card_declined", "partner_generic_decline"})
_BLOCKED = frozenset({"blocked", "low_probability_of_authorization"})
_VAGUE_GROUPS = frozenset({"technical", "again", "unknown", "generic"})
_FACTOR_PAID_THEN, _FACTOR_NOT_PAID_THEN = 1.25, 0.9
_SALARY_LASTS = 3  # days, the payday among them, on which a payment speaks for that payday


class Stratum(NamedTuple):
    """The cases that start from the same prior: (code group, pay region, funding)."""

    group: str
    region: str
    funding: str


def stratum_of(card: Card | None, rules: Iterable[DeclineRule]) -> Stratum:
    """``rules``: what each failed attempt calls for, oldest first."""
    return Stratum(_case_group(rules), pay_region(card), _funding(card))


def _code_group(rule: DeclineRule) -> str:
    """The row of the prior's causes that speaks of this decline."""
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


def _case_group(rules: Iterable[DeclineRule]) -> str:
    """The group of the latest answer that says something: issuers do not always repeat theirs."""
    groups = [_code_group(rule) for rule in rules]
    specific = [name for name in groups if name not in _VAGUE_GROUPS]
    judged = [name for name in groups if name != "technical"]
    return (specific or judged or groups or ["unknown"])[-1]


def pay_region(card: Card | None) -> str:
    """The pay region of the card's country; "other" where it is not known."""
    return _REGION_OF_COUNTRY.get(card.country if card else "", "other")


def _funding(card: Card | None) -> str:
    funding = card.funding if card else ""
    return funding if funding in FUNDINGS else "debit"


def failures_on_card(card: Card | None, ruled: Iterable[RuledAttempt]) -> list[RuledAttempt]:
    """The failed attempts on the card data that would be charged now, oldest first."""
    return [
        (past, rule)
        for past, rule in ruled
        if past.outcome not in (Outcome.REQUIRES_ACTION, Outcome.REFUSED)
        and (card is None or past.card is None or card.same_credentials(past.card))
    ]


@lru_cache(maxsize=1024)
def hour_features(start: date, days: int) -> Floats:
    """The features of each local hour from ``start`` on: (12, 24 * days)."""
    by_day = np.array([_day_features(start + timedelta(n)) for n in range(days)]).T
    turns = np.arange(24) * (2 * np.pi / 24)
    by_hour = np.vstack([np.sin(turns), np.cos(turns), np.sin(2 * turns), np.cos(2 * turns)])
    return np.vstack([np.tile(by_hour, days), np.repeat(by_day, 24, axis=1)])


def _day_features(day: date) -> list[float]:
    weekday, turn = day.weekday(), 2 * np.pi * (day.day - 1) / 30.4
    weekdays = [float(weekday == n) for n in (1, 2, 3, 4)] + [float(weekday >= 5)]  # noqa: PLR2004
    edge = float(day.day <= 3 or day.day >= 28)  # noqa: PLR2004  salaries around the month's end
    return [*weekdays, float(np.sin(turn)), float(np.cos(turn)), edge]


def case_features(facts: Facts, attempts: int) -> list[float]:
    """The seven features that do not change with the hour of the next attempt.

    ``attempts``: how many failed on this card data, the renewal among them.
    """
    card = facts.card
    brand, kind = (card.brand, card.funding) if card else ("", "")
    amount = log10(max(facts.amount_remaining_minor, 1)) - 3.5
    abroad = pay_region(card) != "US"
    flags = (kind == "credit", kind == "prepaid", brand == "mastercard", brand == "amex", abroad)
    return [min(attempts, 10) / 5, *map(float, flags), min(max(amount, -2.0), 2.0)]


class CaseCorrection(NamedTuple):
    """The part of the correction that depends on the case, in logits."""

    since_failure: float  # times `log_hours` since the first failure
    since_attempt: float  # times `log_hours` since the last attempt
    constant: float


def hour_correction(coefficients: Floats, features: Floats) -> Floats:
    """The part of the correction that depends on the hour alone, in logits: (hours,)."""
    logits: Floats = coefficients[:_HOUR_FEATURES] @ features
    return logits


def case_correction(coefficients: Floats, facts: Facts, attempts: int) -> CaseCorrection:
    since_failure, since_attempt, *own = coefficients[_HOUR_FEATURES:].tolist()
    constant = sum(map(mul, own, case_features(facts, attempts)))
    return CaseCorrection(since_failure, since_attempt, constant)


def feature_vector(
    of_hour: Floats, of_case: list[float], *, since_failure: float, since_attempt: float
) -> Floats:
    """x: all features of one attempt, in the order of `FEATURES`. The two waits are in hours."""
    logs = log_hours(np.array([since_failure, since_attempt]))
    return np.concatenate([of_hour, logs, of_case])


def log_hours(hours: Floats) -> Floats:
    """The hours on a scale that is 0 at one day, about 1 at three weeks and -1 at an hour."""
    scaled: Floats = np.log(np.maximum(hours, 1.0) / 24) / 3
    return scaled


LOG_HOURS: Final = log_hours(np.arange(24.0 * (31 + MAX_DAYS)))
"""`log_hours` of every number of full hours that a grid can hold."""


@lru_cache(maxsize=4096)
def payment_factors(day: date) -> Floats:
    """u: how much a payment that went through on ``day`` speaks for each hypothesis."""
    near = [day - timedelta(n) for n in range(_SALARY_LASTS)]
    return np.array([_payment_factor(each, near) for each in HYPOTHESES])


def _payment_factor(hypothesis: Hypothesis, near: list[date]) -> float:
    if hypothesis.cause != "short" or not hypothesis.calendar:
        return 1.0
    paid_then = any(pays_on(hypothesis, day) for day in near)
    return _FACTOR_PAID_THEN if paid_then else _FACTOR_NOT_PAID_THEN
