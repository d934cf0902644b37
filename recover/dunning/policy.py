"""`decide`: one step of a case. The order of its questions is the policy.

What Stripe's books say comes before everything we planned; a charge in flight before any other
act; new card data before the schedule; a retry before a mail.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from recover.dunning.budget import STRIPE_GRACE, allowance
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
from recover.dunning.mails import PlannedMail, due_mail, planned_mail
from recover.dunning.plausible import after, strange_time
from recover.dunning.retries import (
    Idle,
    PlannedRetry,
    due_retry,
    new_card_retry,
    pending_wait,
    scheduled,
)
from recover.dunning.timing import Timing
from recover.dunning.truth import ended
from recover.dunning.wording import counted, moment

_PAUSE = timedelta(hours=6)
"""After which facts that are not understood are looked at again."""


def decide(facts: Facts, campaign: Campaign, timing: Timing, now: datetime) -> Decision:
    """What to do now. Total: it answers for any facts and never raises.

    A `Wait` is always until later than ``now``; the other three are to be done at once, after
    which the caller decides again with fresh facts.
    """
    return (
        ended(facts)
        or _unknown_status(facts, now)
        or _strange_time(facts, now)
        # Before the window: a charge under way when it closes may still succeed.
        or pending_wait(facts, now)
        or _window_over(facts, campaign, now)
        or _new_card(facts, campaign, now)
        or _act_or_wait(facts, campaign, timing, now)
    )


def window_ends_at(facts: Facts, campaign: Campaign) -> datetime:
    return facts.failed_at + campaign.window


def _unknown_status(facts: Facts, now: datetime) -> Wait | None:
    if facts.invoice_status == "open":
        return None
    text = f'Stripe calls the invoice "{facts.invoice_status}", which is not understood here.'
    return Wait(after(now, _PAUSE), f"{text} Nothing is charged or sent meanwhile.")


def _strange_time(facts: Facts, now: datetime) -> Wait | None:
    strange = strange_time(facts, now)
    return Wait(after(now, _PAUSE), f"{strange} Nothing is sent meanwhile.") if strange else None


def _window_over(facts: Facts, campaign: Campaign, now: datetime) -> Stop | None:
    if now < window_ends_at(facts, campaign):
        return None
    text = f"{counted(campaign.window.days, 'day').capitalize()} have passed without a payment."
    return Stop(CaseState.EXHAUSTED, text, CloseReason.WINDOW_OVER)


def _new_card(facts: Facts, campaign: Campaign, now: datetime) -> Decision | None:
    found = new_card_retry(facts, now)
    if isinstance(found, Wait):
        return Wait(min(found.until, window_ends_at(facts, campaign)), found.reason)
    return found


def _act_or_wait(facts: Facts, campaign: Campaign, timing: Timing, now: datetime) -> Decision:
    retry = scheduled(facts, campaign, timing, now)
    found = None if isinstance(retry, Idle) else due_retry(facts, campaign, retry, now)
    if isinstance(found, RetryPayment):
        return found
    mail = planned_mail(facts, campaign, now)
    if send := due_mail(facts, mail, now):
        return send
    return _wait(facts, campaign, found or retry, mail, now)


def _wait(
    facts: Facts,
    campaign: Campaign,
    retry: PlannedRetry | Idle | Wait,
    mail: PlannedMail | None,
    now: datetime,
) -> Wait:
    """Until the earliest thing that may change something; the end of the window is always one.

    What is known of the next try is told in any case, also where something else comes first.
    """
    end = window_ends_at(facts, campaign)
    candidates = [Wait(end, f"Until the case ends, {moment(end, facts.timezone)}.")]
    ours = None if isinstance(retry, Idle) else _until_ours(facts, retry, now)
    if ours:
        candidates.append(ours)
    if mail:
        candidates.append(Wait(mail.at, f"Next mail {moment(mail.at, facts.timezone)}."))
    if stripes := _after_stripes(facts, now):
        candidates.append(stripes)
    first = min(candidates, key=lambda wait: wait.until)
    besides = retry.reason if isinstance(retry, Idle) else (ours or first).reason
    return first if besides == first.reason else Wait(first.until, f"{first.reason} {besides}")


def _until_ours(facts: Facts, retry: PlannedRetry | Wait, now: datetime) -> Wait:
    if isinstance(retry, Wait):
        return retry
    text = f"Next try {moment(retry.at, facts.timezone)}: {retry.reason}."
    return Wait(retry.at, f"{text} {allowance(facts, now).reason}")


def _after_stripes(facts: Facts, now: datetime) -> Wait | None:
    at = facts.next_stripe_attempt_at
    if at is None or at + STRIPE_GRACE <= now:
        return None
    return Wait(at + STRIPE_GRACE, f"Stripe tries by itself {moment(at, facts.timezone)}.")
