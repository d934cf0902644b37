"""Each past retry as a choice: how long it waited, and how long our timing would have. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from recover.dunning import (
    Campaign,
    DeclineCategory,
    Facts,
    Outcome,
    PastAttempt,
    Timing,
    current_rule,
    planned_retry,
)
from recover.onboarding.backtest.core_facts import Uses, facts_before
from recover.onboarding.backtest.renewals import History, on_same_card

LAST_DAY, LATER = 10, 11
"""Waits of up to ten days have a bucket for each day; longer ones share one."""

LAST_RETRY = 4
"""The fourth retry and all after it are one context: each of them alone is rare."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One retry on unchanged card data after a decline."""

    customer_id: str
    group: str  # what the decline called for: the pace of a retry, or the category of a hard one
    nth: int  # which retry it was: 1, 2, ... `LAST_RETRY`
    theirs: int  # day bucket of the wait since the decline, as it was made
    ours: int | None  # as our timing would have waited; None: it would not have retried
    succeeded: bool


def choices(
    histories: Iterable[History], uses: Uses, campaign: Campaign, timing: Timing, timezone: str
) -> list[Choice]:
    return [
        one for history in histories for one in _choices(history, uses, campaign, timing, timezone)
    ]


def bucket(wait: timedelta) -> int:
    """The nearest whole day, since a wait "of a day" is never exactly one: 36 hours are 2."""
    days = int(wait / timedelta(days=1) + 0.5)
    return days if days <= LAST_DAY else LATER


def bucket_name(number: int) -> str:
    if number == 0:
        return "same day"
    if number == LATER:
        return f"over {LAST_DAY} days"
    return "1 day" if number == 1 else f"{number} days"


def _choices(
    history: History, uses: Uses, campaign: Campaign, timing: Timing, timezone: str
) -> Iterator[Choice]:
    for nth, before, this in on_same_card(history):
        facts = facts_before(history, nth, uses, timezone)
        yield Choice(
            customer_id=history.invoice.customer_id,
            group=_group(facts),
            nth=min(nth, LAST_RETRY),
            theirs=bucket(this.at - before.at),
            ours=_ours(facts, before, campaign, timing),
            succeeded=this.outcome is Outcome.SUCCEEDED,
        )


def _group(facts: Facts) -> str:
    rule = current_rule(facts)
    retried = rule.category is DeclineCategory.RETRY_LATER
    return str(rule.pace if retried else rule.category)


def _ours(facts: Facts, before: PastAttempt, campaign: Campaign, timing: Timing) -> int | None:
    planned = planned_retry(facts, campaign, timing, before.at)
    return bucket(planned.at - before.at) if planned else None
