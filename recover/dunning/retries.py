"""Whether and when to charge: what the timing proposes, within what the referee allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from recover.dunning.budget import allowance, gap_ends_at, stripe_clears_at
from recover.dunning.campaign import Campaign
from recover.dunning.decisions import RetryPayment, Wait
from recover.dunning.declines import DeclineCategory
from recover.dunning.facts import Facts, Outcome, PastAttempt, RetryMode, Trigger
from recover.dunning.hours import out_of_the_night
from recover.dunning.outages import may_be_canary, next_canary_at, over_since
from recover.dunning.plausible import strange_time
from recover.dunning.situation import (
    barring_rule,
    current_rule,
    is_new_card,
    latest_failure,
    made,
    rule_of,
)
from recover.dunning.timing import Proposal, Retry, Timing
from recover.dunning.wording import card_name, moment, ordinal, span

MAX_CARDS_PER_DAY = 4
"""Card updates tried at once on one invoice in 24 hours; more look like somebody testing cards."""


@dataclass(frozen=True, slots=True)
class PlannedRetry:
    at: datetime  # not after `now` means now
    reason: str  # a clause
    proposal: Proposal  # what it rests on


@dataclass(frozen=True, slots=True)
class Idle:
    """No scheduled try is made as things stand."""

    reason: str  # a sentence


def pending_wait(facts: Facts, now: datetime) -> Wait | None:
    """A charge whose answer is not in: nothing else may happen before it is."""
    pending = next((p for p in facts.attempts if p.outcome is Outcome.PENDING), None)
    if pending is None:
        return None
    # Card answers take seconds, bank debits days: look again after about as long as it took so far.
    pause = min(max(now - pending.at, timedelta(minutes=5)), timedelta(hours=6))
    since = moment(pending.at, facts.timezone)
    return Wait(now + pause, f"The charge begun {since} has no answer yet.")


def new_card_retry(facts: Facts, now: datetime) -> RetryPayment | Wait | None:
    """A try at once on card data that this invoice was never tried on; None without such."""
    card = facts.card
    if card is None or not is_new_card(facts) or strange_time(facts, now):
        return None
    budget, name = allowance(facts, now), card_name(card)
    free_at = max(budget.next_at, _cards_free_at(facts, now))
    if free_at > now:
        free = moment(free_at, facts.timezone)
        return Wait(free_at, f"There is a new {name}, but it may not be tried before {free}.")
    at = moment(now, facts.timezone)
    text = f"{at}: the {name} is new since the last try, so it is tried at once. {budget.reason}"
    return RetryPayment(Trigger.CARD_UPDATE, text)


def _cards_free_at(facts: Facts, now: datetime) -> datetime:
    times = [p.at for p in made(facts) if p.trigger is Trigger.CARD_UPDATE]
    day = timedelta(hours=24)
    return now if len(times) < MAX_CARDS_PER_DAY else times[-MAX_CARDS_PER_DAY] + day


def barred(facts: Facts, campaign: Campaign) -> str | None:
    """Why no scheduled try is made whatever the timing proposes; None where one may be."""
    rule = current_rule(facts)
    if facts.mode is RetryMode.STRIPE:
        return "Retries are left to Stripe."
    if facts.card is None:
        return "There is no payment method to charge."
    if rule.category is not DeclineCategory.RETRY_LATER or barring_rule(facts):
        return f"{rule.text} No retry is made before the customer acts."
    if facts.card.country == "IN":
        return "Cards issued in India are not retried without their holder."
    if _our_tries(facts) >= campaign.max_retries:
        return f"All {campaign.max_retries} scheduled tries are used."
    return None


def _our_tries(facts: Facts) -> int:
    return sum(past.trigger is Trigger.SCHEDULE for past in made(facts))


def scheduled(
    facts: Facts, campaign: Campaign, timing: Timing, now: datetime
) -> PlannedRetry | Idle:
    """The next scheduled try within every limit but Stripe's own next one, or why there is none.

    An outage comes before the timing: one card finds out when it is over, then all are tried.
    """
    if idle := barred(facts, campaign) or strange_time(facts, now):
        return Idle(idle)
    if known := _bank_is_back(facts, campaign, now) or _canary(facts, campaign, now):
        return known
    proposal = timing.propose(facts, campaign, now)
    if proposal.retry is None:
        return Idle(proposal.reason)
    at, earliest = proposal.retry.at, _earliest(facts, campaign, now)
    if at < earliest:
        at = out_of_the_night(earliest, facts.timezone)
    hold = next_canary_at(facts, now)
    if hold and at < hold:
        reason = "the bank's systems are down, and another card was turned away meanwhile"
        return PlannedRetry(out_of_the_night(hold, facts.timezone), reason, proposal)
    return PlannedRetry(at, proposal.retry.reason, proposal)


def _bank_is_back(facts: Facts, campaign: Campaign, now: datetime) -> PlannedRetry | None:
    """The try at once, ahead of the timing, where the outage that this one failed in is over."""
    since = over_since(facts)
    if since is None:
        return None
    back = moment(since, facts.timezone)
    reason = f"the bank's systems were down at the last try and have answered again since {back}"
    return _untimed(facts, campaign, now, now, reason)


def _canary(facts: Facts, campaign: Campaign, now: datetime) -> PlannedRetry | None:
    """The try that finds out whether an outage still lasts, if this card is the first to make it.

    At the same moment it is planned for every card; those that come later find it put off.
    """
    at = next_canary_at(facts, now)
    if at is None or not may_be_canary(facts):
        return None
    reason = "the bank's systems are down, and one card in two hours finds out if they still are"
    return _untimed(facts, campaign, at, now, reason)


def _untimed(
    facts: Facts, campaign: Campaign, at: datetime, now: datetime, reason: str
) -> PlannedRetry:
    """A try that no timing asked for, within the limits all the same."""
    at = out_of_the_night(max(at, _earliest(facts, campaign, now)), facts.timezone)
    return PlannedRetry(at, reason, Proposal(Retry(at, reason), reason))


def planned_retry(
    facts: Facts, campaign: Campaign, timing: Timing, now: datetime
) -> PlannedRetry | None:
    """The try of `scheduled`; None without any."""
    found = scheduled(facts, campaign, timing, now)
    return found if isinstance(found, PlannedRetry) else None


def _earliest(facts: Facts, campaign: Campaign, now: datetime) -> datetime:
    """Caps, the gap after the last try, and the network's not-before; not before ``now``."""
    latest = latest_failure(facts)
    wish = rule_of(latest).not_before if latest else None
    floor = latest.at + wish if latest and wish else now
    return max(allowance(facts, now).next_at, gap_ends_at(facts, campaign) or now, floor, now)


def due_retry(
    facts: Facts, campaign: Campaign, planned: PlannedRetry, now: datetime
) -> RetryPayment | Wait | None:
    """The planned try if it is due, or a wait until Stripe's own, which is near, has passed."""
    if planned.at > now:
        return None
    if clear_at := stripe_clears_at(facts, campaign, now):
        stripes = moment(clear_at, facts.timezone)
        return Wait(clear_at, f"Stripe is about to try by itself; ours waits until {stripes}.")
    return RetryPayment(Trigger.SCHEDULE, _reason(facts, planned, now), planned.proposal)


def _reason(facts: Facts, planned: PlannedRetry, now: datetime) -> str:
    tries = [past for past in made(facts) if past.at <= now]
    nth = ordinal(len(tries) + 1) if tries else "next"
    after = f", {_since(tries[-1], now)} after the last" if tries else ""
    head = f"{moment(now, facts.timezone)}: {nth} try{after}; {planned.reason}."
    return f"{head} {allowance(facts, now).reason}"


def _since(past: PastAttempt, now: datetime) -> str:
    return span(now - past.at)
