"""`plan`: what a case would look like if nothing helped. For people to read; never stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from recover.dunning.campaign import Campaign
from recover.dunning.decisions import Decision, RetryPayment, SendMessage, Stop, Wait
from recover.dunning.facts import (
    CardUse,
    Decline,
    Facts,
    Outcome,
    PastAttempt,
    PastMessage,
    RetryMode,
    Trigger,
)
from recover.dunning.policy import decide
from recover.dunning.situation import latest_failure
from recover.dunning.timing import Timing

MAX_DECISIONS = 200

_ASSUMED = Decline(error_code="card_declined", decline_code="generic_decline")


def plan(facts: Facts, campaign: Campaign, timing: Timing, now: datetime) -> list[Decision]:
    """The decisions to come if every try fails and nobody acts, the last one a `Stop`.

    An act happens at the `until` of the `Wait` before it, or now. At most ``MAX_DECISIONS`` are
    looked at; then the list ends without a `Stop`.
    """
    found: list[Decision] = []
    for _ in range(MAX_DECISIONS):
        decision = decide(facts, campaign, timing, now)
        if isinstance(decision, Wait) and found and isinstance(found[-1], Wait):
            found.pop()  # it only led to looking again
        found.append(decision)
        if isinstance(decision, Stop):
            break
        facts, now = _imagine(facts, decision, now)
    return found


def _imagine(facts: Facts, decision: Decision, now: datetime) -> tuple[Facts, datetime]:
    if isinstance(decision, RetryPayment):
        return _failed_try(facts, decision.trigger, now), now
    if isinstance(decision, SendMessage):
        sent = PastMessage(now, decision.template, decision.step)
        return replace(facts, messages=(*facts.messages, sent)), now
    if isinstance(decision, Wait):
        return _meanwhile(facts, decision.until), decision.until
    return facts, now


def _meanwhile(facts: Facts, until: datetime) -> Facts:
    """A charge in flight fails; so does Stripe's own next try, if its time has come."""
    settled = tuple(
        replace(p, outcome=Outcome.FAILED, decline=p.decline or _ASSUMED)
        if p.outcome is Outcome.PENDING
        else p
        for p in facts.attempts
    )
    facts = replace(facts, attempts=settled)
    stripe_at = facts.next_stripe_attempt_at
    if stripe_at is None or stripe_at > until:
        return facts
    return replace(_failed_try(facts, Trigger.STRIPE, stripe_at), next_stripe_attempt_at=None)


def _failed_try(facts: Facts, trigger: Trigger, at: datetime) -> Facts:
    latest = latest_failure(facts)
    fresh = trigger is Trigger.CARD_UPDATE or latest is None
    decline = _ASSUMED if fresh or latest is None else latest.decline
    ours = trigger is not Trigger.STRIPE and facts.mode is RetryMode.OBSERVE
    outcome = Outcome.OBSERVED if ours else Outcome.FAILED
    past = PastAttempt(at, trigger, outcome, facts.card, None if ours else decline or _ASSUMED)
    uses = facts.card_uses if ours else (*facts.card_uses, CardUse(at, 0, succeeded=False))
    return replace(facts, attempts=(*facts.attempts, past), card_uses=uses)
