"""`decide`: one step of a case. The order of its questions is the policy.

What Stripe's books say comes before everything we planned; a charge in flight before any other
act; new card data before the schedule; a retry before a mail.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from recover.dunning.campaign import Campaign
from recover.dunning.decisions import (
    CaseState,
    CloseReason,
    Decision,
    RetryPayment,
    Stop,
    Wait,
)
from recover.dunning.facts import Facts
from recover.dunning.message_schedule import PlannedMail, due_mail, planned_mail
from recover.dunning.retry_budget import STRIPE_GRACE, allowance
from recover.dunning.retry_schedule import (
    NoRetry,
    PlannedRetry,
    due_retry,
    new_card_retry,
    scheduled_retry,
    wait_for_pending_charge,
)
from recover.dunning.stop_conditions import stop_by_stripe
from recover.dunning.time_sanity import saturating_add, time_fault
from recover.dunning.timing import Timing
from recover.dunning.wording import counted, moment

_PAUSE = timedelta(hours=6)
"""After which facts that are not understood are looked at again."""


def decide(facts: Facts, campaign: Campaign, timing: Timing, now: datetime) -> Decision:
    """What to do now. It answers for any facts and never raises.

    A `Wait` is always until later than ``now``; the other three are to be done at once, after
    which the caller decides again with fresh facts.
    """
    return (
        stop_by_stripe(facts)
        or _wait_on_unknown_status(facts, now)
        or _wait_on_time_fault(facts, now)
        # Before the window: a charge under way when it closes may still succeed.
        or wait_for_pending_charge(facts, now)
        or _stop_after_window(facts, campaign, now)
        or _retry_on_new_card(facts, campaign, now)
        or _act_or_wait(facts, campaign, timing, now)
    )


def window_ends_at(facts: Facts, campaign: Campaign) -> datetime:
    return facts.failed_at + campaign.window


def _wait_on_unknown_status(facts: Facts, now: datetime) -> Wait | None:
    if facts.invoice_status == "open":
        return None
    text = f'Stripe calls the invoice "{facts.invoice_status}", which is not understood here.'
    until = saturating_add(now, _PAUSE)
    return Wait(until, f"{text} Nothing is charged or sent meanwhile.")


def _wait_on_time_fault(facts: Facts, now: datetime) -> Wait | None:
    fault = time_fault(facts, now)
    if not fault:
        return None
    return Wait(saturating_add(now, _PAUSE), f"{fault} Nothing is sent meanwhile.")


def _stop_after_window(facts: Facts, campaign: Campaign, now: datetime) -> Stop | None:
    if now < window_ends_at(facts, campaign):
        return None
    text = f"{counted(campaign.window.days, 'day').capitalize()} have passed without a payment."
    return Stop(CaseState.EXHAUSTED, text, CloseReason.WINDOW_OVER)


def _retry_on_new_card(
    facts: Facts, campaign: Campaign, now: datetime
) -> RetryPayment | Wait | None:
    retry = new_card_retry(facts, campaign, now)
    if isinstance(retry, Wait):
        return Wait(min(retry.until, window_ends_at(facts, campaign)), retry.reason)
    return retry


def _act_or_wait(facts: Facts, campaign: Campaign, timing: Timing, now: datetime) -> Decision:
    retry = scheduled_retry(facts, campaign, timing, now)
    due = None if isinstance(retry, NoRetry) else due_retry(facts, campaign, retry, now)
    if isinstance(due, RetryPayment):
        return due
    mail = planned_mail(facts, campaign, now)
    if send := due_mail(facts, mail, now):
        return send
    return _wait_for_next_event(facts, campaign, due or retry, mail, now)


def _wait_for_next_event(
    facts: Facts,
    campaign: Campaign,
    retry: PlannedRetry | NoRetry | Wait,
    mail: PlannedMail | None,
    now: datetime,
) -> Wait:
    """Until the first thing that may change something; the end of the window is always one.

    What is known of our next retry is told in any case, also where something else comes first.
    """
    end = window_ends_at(facts, campaign)
    waits = [Wait(end, f"Until the case ends, {moment(end, facts.timezone)}.")]
    ours = None if isinstance(retry, NoRetry) else _wait_for_our_retry(facts, retry, now)
    if ours:
        waits.append(ours)
    if mail:
        waits.append(Wait(mail.at, f"Next mail {moment(mail.at, facts.timezone)}."))
    if stripes := _wait_for_stripes_retry(facts, now):
        waits.append(stripes)
    first = min(waits, key=lambda wait: wait.until)
    about_ours = retry.reason if isinstance(retry, NoRetry) else (ours or first).reason
    if about_ours == first.reason:
        return first
    return Wait(first.until, f"{first.reason} {about_ours}")


def _wait_for_our_retry(facts: Facts, retry: PlannedRetry | Wait, now: datetime) -> Wait:
    if isinstance(retry, Wait):
        return retry
    text = f"Next try {moment(retry.at, facts.timezone)}: {retry.reason}."
    return Wait(retry.at, f"{text} {allowance(facts, now).reason}")


def _wait_for_stripes_retry(facts: Facts, now: datetime) -> Wait | None:
    at = facts.next_stripe_attempt_at
    if at is None or at + STRIPE_GRACE <= now:
        return None
    return Wait(at + STRIPE_GRACE, f"Stripe tries by itself {moment(at, facts.timezone)}.")
