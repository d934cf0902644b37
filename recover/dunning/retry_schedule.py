"""Whether and when to retry: what the timing proposes, within what the referee allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from recover.dunning.assessment import (
    attempts_made,
    barring_rule,
    current_rule,
    is_leaving,
    is_new_card,
    latest_failure,
    refusals_in_a_row,
    rule_of,
)
from recover.dunning.campaign import Campaign, Leavers
from recover.dunning.decisions import RetryPayment, Wait
from recover.dunning.declines import DeclineCategory
from recover.dunning.facts import Facts, Outcome, RetryMode, Trigger
from recover.dunning.local_time import out_of_the_night
from recover.dunning.outages import may_be_canary, next_canary_at, over_since
from recover.dunning.retry_budget import allowance, gap_ends_at, stripe_clears_at
from recover.dunning.time_sanity import time_fault
from recover.dunning.timing import Proposal, Retry, Timing
from recover.dunning.wording import card_name, counted, moment, ordinal, span

MAX_CARDS_PER_DAY = 4
"""Card updates tried at once on one invoice in 24 hours; more look like somebody testing cards."""

MAX_REFUSALS = 3
"""So often in a row a payment is asked for that Stripe refuses, where no card can mend it."""


@dataclass(frozen=True, slots=True)
class PlannedRetry:
    at: datetime  # not after `now` means now
    reason: str  # a clause
    proposal: Proposal  # what it rests on


@dataclass(frozen=True, slots=True)
class NoRetry:
    """No scheduled retry is made as things stand."""

    reason: str  # a sentence


def wait_for_pending_charge(facts: Facts, now: datetime) -> Wait | None:
    """While a charge has no answer yet, nothing else may happen."""
    pending = next((past for past in facts.attempts if past.outcome is Outcome.PENDING), None)
    if pending is None:
        return None
    # Card answers take seconds, bank debits days: look again after about as long as it took so far.
    pause = min(max(now - pending.at, timedelta(minutes=5)), timedelta(hours=6))
    since = moment(pending.at, facts.timezone)
    return Wait(now + pause, f"The charge begun {since} has no answer yet.")


def new_card_retry(facts: Facts, campaign: Campaign, now: datetime) -> RetryPayment | Wait | None:
    """A retry at once on card data that this invoice was never tried on; None without such.

    None also where the card's holder did not mean it for this invoice.
    """
    card = facts.card
    if card is None or not is_new_card(facts) or time_fault(facts, now):
        return None
    if facts.card_saved_for_others or why_not_unattended(facts, campaign):
        return None
    budget, name = allowance(facts, now), card_name(card)
    free_at = max(budget.next_at, _card_updates_clear_at(facts, now))
    if free_at > now:
        free = moment(free_at, facts.timezone)
        return Wait(free_at, f"There is a new {name}, but it may not be tried before {free}.")
    at = moment(now, facts.timezone)
    text = f"{at}: the {name} is new since the last try, so it is tried at once. {budget.reason}"
    return RetryPayment(Trigger.CARD_UPDATE, text)


def _card_updates_clear_at(facts: Facts, now: datetime) -> datetime:
    """When fewer than `MAX_CARDS_PER_DAY` card updates were tried in the 24 hours before."""
    times = [past.at for past in attempts_made(facts) if past.trigger is Trigger.CARD_UPDATE]
    day = timedelta(hours=24)
    return now if len(times) < MAX_CARDS_PER_DAY else times[-MAX_CARDS_PER_DAY] + day


def why_no_retry(facts: Facts, campaign: Campaign) -> str:
    """Why no scheduled retry is made whatever the timing proposes; "" where one may be."""
    if facts.mode is RetryMode.STRIPE:
        return "Retries are left to Stripe."
    if reason := why_not_unattended(facts, campaign):
        return reason
    return _why_not_this_card(facts) or _why_not_again(facts, campaign)


def _why_not_this_card(facts: Facts) -> str:
    rule = current_rule(facts)
    if facts.card is None:
        return "There is no payment method to charge."
    if rule.category is not DeclineCategory.RETRY_LATER or barring_rule(facts):
        return f"{rule.text} No retry is made before the customer acts."
    if facts.card.country == "IN":
        return "Cards issued in India are not retried without their holder."
    return ""


def why_not_unattended(facts: Facts, campaign: Campaign) -> str:
    """Why nobody but the subscriber may have this invoice charged; "" where we may."""
    if facts.left_out_by_subscriber:
        return (
            "The subscriber saw this invoice and chose not to pay it: it is charged when they ask."
        )
    if is_leaving(facts) and campaign.leavers is not Leavers.AS_USUAL:
        return "The customer is leaving; your settings say that who leaves is not charged again."
    return ""


def _why_not_again(facts: Facts, campaign: Campaign) -> str:
    if _scheduled_retries_made(facts) >= campaign.max_retries:
        return f"All {campaign.max_retries} scheduled retries are used."
    refused = refusals_in_a_row(facts)
    if len(refused) < MAX_REFUSALS:
        return ""
    code = refused[-1].decline.error_code if refused[-1].decline else ""
    said = f" ({code})" if code else ""
    times = counted(len(refused), "time")
    return f"Stripe refused this payment {times}{said} without asking the bank: look at it there."


def _scheduled_retries_made(facts: Facts) -> int:
    return sum(past.trigger is Trigger.SCHEDULE for past in attempts_made(facts))


def scheduled_retry(
    facts: Facts, campaign: Campaign, timing: Timing, now: datetime
) -> PlannedRetry | NoRetry:
    """The next scheduled retry within every limit but Stripe's own next one, or why there is none.

    An outage comes before the timing: one card finds out when it is over, then all are tried.
    """
    if reason := why_no_retry(facts, campaign) or time_fault(facts, now):
        return NoRetry(reason)
    outage = _retry_after_outage(facts, campaign, now) or _canary_retry(facts, campaign, now)
    return outage or _timed_retry(facts, campaign, timing, now)


def _timed_retry(
    facts: Facts, campaign: Campaign, timing: Timing, now: datetime
) -> PlannedRetry | NoRetry:
    """What the timing proposes, not before the limits nor while an outage lasts."""
    proposal = timing.propose(facts, campaign, now)
    if proposal.retry is None:
        return NoRetry(proposal.reason)
    at, earliest = proposal.retry.at, _earliest_allowed(facts, campaign, now)
    if at < earliest:
        at = out_of_the_night(earliest, facts.timezone)
    canary_at = next_canary_at(facts, now)
    if canary_at and at < canary_at:
        reason = "the bank's systems are down, and another card was turned away meanwhile"
        return PlannedRetry(out_of_the_night(canary_at, facts.timezone), reason, proposal)
    return PlannedRetry(at, proposal.retry.reason, proposal)


def _retry_after_outage(facts: Facts, campaign: Campaign, now: datetime) -> PlannedRetry | None:
    """The retry at once, ahead of the timing, where the last one failed in an outage now over."""
    since = over_since(facts)
    if since is None:
        return None
    back = moment(since, facts.timezone)
    reason = f"the bank's systems were down at the last try and have answered again since {back}"
    return _retry_ahead_of_timing(facts, campaign, now, now, reason)


def _canary_retry(facts: Facts, campaign: Campaign, now: datetime) -> PlannedRetry | None:
    """The retry that finds out whether an outage still lasts, if this card is the first to make it.

    It is planned for every card at the same moment; the first puts those of the others off.
    """
    at = next_canary_at(facts, now)
    if at is None or not may_be_canary(facts):
        return None
    reason = "the bank's systems are down, and one card in two hours finds out if they still are"
    return _retry_ahead_of_timing(facts, campaign, at, now, reason)


def _retry_ahead_of_timing(
    facts: Facts, campaign: Campaign, at: datetime, now: datetime, reason: str
) -> PlannedRetry:
    """A retry that no timing proposed, within the limits all the same."""
    at = out_of_the_night(max(at, _earliest_allowed(facts, campaign, now)), facts.timezone)
    return PlannedRetry(at, reason, Proposal(Retry(at, reason), reason))


def planned_retry(
    facts: Facts, campaign: Campaign, timing: Timing, now: datetime
) -> PlannedRetry | None:
    """The retry of `scheduled_retry`; None where there is none."""
    retry = scheduled_retry(facts, campaign, timing, now)
    return retry if isinstance(retry, PlannedRetry) else None


def _earliest_allowed(facts: Facts, campaign: Campaign, now: datetime) -> datetime:
    """By the caps, the gap after the last attempt and the network's wish; not before ``now``."""
    latest = latest_failure(facts)
    wish = rule_of(latest).not_before if latest else None
    wished = latest.at + wish if latest and wish else now
    return max(allowance(facts, now).next_at, gap_ends_at(facts, campaign) or now, wished, now)


def due_retry(
    facts: Facts, campaign: Campaign, planned: PlannedRetry, now: datetime
) -> RetryPayment | Wait | None:
    """The planned retry if it is due, or a wait until Stripe's own, which is near, has passed."""
    if planned.at > now:
        return None
    if clear_at := stripe_clears_at(facts, campaign, now):
        stripes = moment(clear_at, facts.timezone)
        return Wait(clear_at, f"Stripe is about to try by itself; ours waits until {stripes}.")
    return RetryPayment(Trigger.SCHEDULE, _due_reason(facts, planned, now), planned.proposal)


def _due_reason(facts: Facts, planned: PlannedRetry, now: datetime) -> str:
    past_times = [past.at for past in attempts_made(facts) if past.at <= now]
    nth = ordinal(len(past_times) + 1) if past_times else "next"
    after = f", {span(now - past_times[-1])} after the last" if past_times else ""
    head = f"{moment(now, facts.timezone)}: {nth} try{after}; {planned.reason}."
    return f"{head} {allowance(facts, now).reason}"
