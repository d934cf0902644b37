"""`plan`: what a case would look like if nothing helped. For people to read; never stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from recover.dunning.assessment import latest_failure
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
from recover.dunning.timing import Timing

MAX_DECISIONS = 200

_ASSUMED_DECLINE = Decline(error_code="card_declined", decline_code="generic_decline")


def plan(facts: Facts, campaign: Campaign, timing: Timing, now: datetime) -> list[Decision]:
    """The decisions to come if every attempt fails and nobody acts, the last one a `Stop`.

    An act happens at the `until` of the `Wait` before it, or now. At most ``MAX_DECISIONS`` are
    looked at; then the list ends without a `Stop`.
    """
    decisions: list[Decision] = []
    for _ in range(MAX_DECISIONS):
        decision = decide(facts, campaign, timing, now)
        if isinstance(decision, Wait) and decisions and isinstance(decisions[-1], Wait):
            decisions.pop()  # it only led to looking again
        decisions.append(decision)
        if isinstance(decision, Stop):
            break
        facts, now = _after(facts, decision, now)
    return decisions


def _after(facts: Facts, decision: Decision, now: datetime) -> tuple[Facts, datetime]:
    """(facts, now) after a decision was carried out."""
    if isinstance(decision, RetryPayment):
        return _with_failed_attempt(facts, decision.trigger, now), now
    if isinstance(decision, SendMessage):
        sent = PastMessage(now, decision.template, decision.step)
        return replace(facts, messages=(*facts.messages, sent)), now
    if isinstance(decision, Wait):
        return _after_waiting(facts, decision.until), decision.until
    return facts, now


def _after_waiting(facts: Facts, until: datetime) -> Facts:
    """A charge in flight fails; so does Stripe's own next retry, if its time has come."""
    settled = tuple(
        replace(p, outcome=Outcome.FAILED, decline=p.decline or _ASSUMED_DECLINE)
        if p.outcome is Outcome.PENDING
        else p
        for p in facts.attempts
    )
    facts = replace(facts, attempts=settled)
    stripe_at = facts.next_stripe_attempt_at
    if stripe_at is None or stripe_at > until:
        return facts
    failed = _with_failed_attempt(facts, Trigger.STRIPE, stripe_at)
    return replace(failed, next_stripe_attempt_at=None)


def _with_failed_attempt(facts: Facts, trigger: Trigger, at: datetime) -> Facts:
    """The facts after one more attempt in vain; one of ours in observe mode was never charged."""
    if trigger is not Trigger.STRIPE and facts.mode is RetryMode.OBSERVE:
        observed = PastAttempt(at, trigger, Outcome.OBSERVED, facts.card)
        return replace(facts, attempts=(*facts.attempts, observed))
    latest = None if trigger is Trigger.CARD_UPDATE else latest_failure(facts)
    decline = (latest.decline if latest else None) or _ASSUMED_DECLINE
    failed = PastAttempt(at, trigger, Outcome.FAILED, facts.card, decline)
    uses = (*facts.card_uses, CardUse(at, 0, succeeded=False))
    return replace(facts, attempts=(*facts.attempts, failed), card_uses=uses)
