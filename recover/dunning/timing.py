"""When to retry. A timing proposes; what forbids a retry is decided by `scheduled_retry`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from recover.dunning.assessment import attempts_made, current_rule, latest_failure, rule_of
from recover.dunning.campaign import Campaign
from recover.dunning.declines import DeclineCategory, DeclineRule, Pace
from recover.dunning.facts import Facts, Outcome, PastAttempt
from recover.dunning.local_time import days_later, out_of_the_night
from recover.dunning.time_sanity import time_fault

_WHY = {
    Pace.SOON: "the failure was technical and such failures often pass within hours",
    Pace.DAY: "many of these declines clear within days",
    Pace.PAYDAY: "insufficient funds often clear after payday",
}


@dataclass(frozen=True, slots=True)
class Retry:
    """One proposed retry. ``reason`` is a clause, such as "the bank asked to wait until then"."""

    at: datetime  # aware UTC; not after `now` means that it is due
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a timing would do and how it came to it; kept with the attempt that follows from it."""

    retry: Retry | None
    reason: str  # for `retry` its clause, else a sentence why there is none
    chance: float | None = None  # that this one retry succeeds; None where no model was asked
    plan: tuple[datetime, ...] = ()  # the whole set of retries, ascending
    plan_chance: float | None = None  # that the set recovers the invoice
    propensity: float = 1.0  # with which exactly this time was chosen
    choices: int = 1  # among how many allowed moments
    warnings: tuple[str, ...] = ()  # sentences for the founder
    model: str = ""  # the version of the model behind it; "" without one


class TimingKind(StrEnum):
    """Who chooses the moments of an account's retries, by its setting."""

    ENGINE = "engine"
    FIXED = "fixed"  # the same days for everyone


class Timing(Protocol):
    """Chooses the moment of the next retry. Pure: the same facts give the same answer."""

    def propose(self, facts: Facts, campaign: Campaign, now: datetime) -> Proposal:
        """The next retry worth making, or why no further one is."""
        ...


@dataclass(frozen=True, slots=True)
class FixedTiming:
    """The same days for everyone, at the hour of the first failure, but not in the night.

    A slot is spent by any attempt at or after it, whoever made it; so several slots missed while
    nothing ran give one retry, not a burst.
    """

    days: tuple[int, ...] = (1, 3, 7, 13, 20)  # after the first failure
    soon: tuple[timedelta, ...] = (timedelta(hours=2), timedelta(hours=24))  # technical failures

    def propose(self, facts: Facts, campaign: Campaign, now: datetime) -> Proposal:
        if fault := time_fault(facts, now):
            return Proposal(None, fault, warnings=(fault,))
        retry = self._next_slot(facts, campaign, now)
        return Proposal(retry, retry.reason if retry else "The fixed days are over.")

    def next_retry(self, facts: Facts, campaign: Campaign, now: datetime) -> Retry | None:
        return self.propose(facts, campaign, now).retry

    def _next_slot(self, facts: Facts, campaign: Campaign, now: datetime) -> Retry | None:
        rule = current_rule(facts)
        if rule.category is not DeclineCategory.RETRY_LATER or rule.pace is Pace.NONE:
            return None
        made = attempts_made(facts)
        last_at = max((past.at for past in made), default=facts.failed_at)
        slot = min((at for at in self._slots(facts, rule) if at > last_at), default=None)
        if slot is None:
            return None
        not_before = _not_before(facts, rule)
        at = out_of_the_night(max(slot, not_before or slot, now), facts.timezone)
        if at >= facts.failed_at + campaign.window:
            return None
        bank_asked = not_before is not None and not_before >= slot
        return Retry(at, "the bank asked to wait that long" if bank_asked else _WHY[rule.pace])

    def _slots(self, facts: Facts, rule: DeclineRule) -> Iterator[datetime]:
        for days in self.days:
            at = days_later(facts.failed_at, days, facts.timezone)
            yield out_of_the_night(at, facts.timezone)
        if rule.pace is Pace.SOON:
            since = _technical_since(facts)
            yield from (out_of_the_night(since + wait, facts.timezone) for wait in self.soon)


def _not_before(facts: Facts, rule: DeclineRule) -> datetime | None:
    latest = latest_failure(facts)
    return latest.at + rule.not_before if latest and rule.not_before else None


def _technical_since(facts: Facts) -> datetime:
    """The first of the technical failures that the history ends with."""
    since = facts.failed_at
    for past in reversed(attempts_made(facts)):
        if not _failed_technically(past):
            break
        since = past.at
    return since


def _failed_technically(past: PastAttempt) -> bool:
    return past.outcome is Outcome.FAILED and rule_of(past).pace is Pace.SOON
