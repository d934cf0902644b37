"""Replay of one past failed renewal, with Recover deciding. Pure.

Whether a retry of ours would have succeeded is unknown, so each is assumed to fail, with the bank's
last real answer. What the customer and the company really did (another card, a payment, a void)
happens when it happened, and everything after it is decided anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from recover.dunning import (
    Campaign,
    Card,
    CardUse,
    Decision,
    Facts,
    Outcome,
    PastAttempt,
    PastMessage,
    RetryMode,
    RetryPayment,
    SendMessage,
    Stop,
    Timing,
    Trigger,
    Wait,
    decide,
    window_ends_at,
)
from recover.dunning.retry_schedule import why_no_retry
from recover.stripe_api.objects import Invoice

MAX_STEPS = 300
NEAR = timedelta(hours=12)  # a real attempt this close hints at the bank's answer then


class Kind(StrEnum):
    FAILED = "failed"  # the first attempt, which failed
    REAL_RETRY = "tried"  # a retry by Stripe or the company, as it really was
    NEW_CARD = "new_card"  # a real attempt on other card data
    OUR_RETRY = "our_try"  # where we would have retried
    OUR_MAIL = "our_mail"  # where we would have written
    LEFT = "left"  # from here on we would have done nothing
    ENDED = "ended"  # how it really ended


@dataclass(frozen=True, slots=True)
class Event:
    """``note``: what a real event nearby suggests about an act of ours."""

    at: datetime
    kind: Kind
    text: str
    note: str = ""

    @property
    def ours(self) -> bool:
        return self.kind in (Kind.OUR_RETRY, Kind.OUR_MAIL)


@dataclass(frozen=True, slots=True)
class PastRenewal:
    """What is known of one failed renewal.

    ``attempts``: oldest first; ``card_uses``: the card's other authorisations, on any invoice;
    ``ended_at`` None: still open.
    """

    invoice: Invoice
    failed_at: datetime
    attempts: tuple[PastAttempt, ...]
    card_uses: tuple[CardUse, ...]
    paid_hours: tuple[datetime, ...]
    timezone: str
    ended_at: datetime | None
    ending: str  # a sentence
    disputed: bool = False


def replay(
    renewal: PastRenewal, campaign: Campaign, timing: Timing, mode: RetryMode, now: datetime
) -> list[Event]:
    """What really happened and what we would have done, in one list by time.

    Nothing of ours lies after the real end, the end of the window, or ``now``.
    """
    real = list(_real_events(renewal))
    ours = list(_our_events(renewal, campaign, timing, mode, now))
    return sorted([*real, *ours], key=lambda event: (event.at, event.ours))


def _real_events(renewal: PastRenewal) -> Iterator[Event]:
    first = renewal.attempts[0] if renewal.attempts else None
    yield Event(renewal.failed_at, Kind.FAILED, f"The renewal failed{_decline_code_text(first)}.")
    for before, this in zip(renewal.attempts, renewal.attempts[1:], strict=False):
        kind = Kind.NEW_CARD if _is_other_card(before, this) else Kind.REAL_RETRY
        what = "Another card, or new card data, was charged" if kind is Kind.NEW_CARD else "Retried"
        yield Event(this.at, kind, f"{what}: {_answer_text(this)}.")
    if renewal.ended_at is not None:
        yield Event(renewal.ended_at, Kind.ENDED, renewal.ending)


def _our_events(
    renewal: PastRenewal, campaign: Campaign, timing: Timing, mode: RetryMode, now: datetime
) -> Iterator[Event]:
    facts, at = _first_facts(renewal, mode), renewal.failed_at
    until = min(x for x in (renewal.ended_at, window_ends_at(facts, campaign), now) if x)
    ahead = [one for one in renewal.attempts[1:] if one.at < until]
    for _ in range(MAX_STEPS):
        while ahead and ahead[0].at <= at:
            facts = _after_real_attempt(facts, ahead.pop(0))
        decision = decide(facts, campaign, timing, at)
        if isinstance(decision, Stop):
            yield Event(at, Kind.LEFT, decision.reason)
            return
        if isinstance(decision, Wait):
            at = min([decision.until, *(one.at for one in ahead[:1])])
            if at >= until:
                if reason := why_no_retry(facts, campaign):
                    yield Event(min(at, until), Kind.LEFT, reason)
                return
            continue
        yield _our_event(renewal, decision, at)
        facts = _after_our_act(facts, decision, at)


def _first_facts(renewal: PastRenewal, mode: RetryMode) -> Facts:
    first = renewal.attempts[0] if renewal.attempts else None
    card = first.card if first else None
    return Facts(
        mode=mode,
        failed_at=renewal.failed_at,
        invoice_status="open",
        amount_remaining_minor=max(1, renewal.invoice.amount_due_minor),
        currency=renewal.invoice.currency,
        card=card,
        attempts=renewal.attempts[:1],
        card_uses=_earlier_card_uses(renewal, card),
        disputed=renewal.disputed,
        timezone=renewal.timezone,
        paid_hours=renewal.paid_hours,
    )


def _earlier_card_uses(renewal: PastRenewal, card: Card | None) -> tuple[CardUse, ...]:
    """The card's uses up to the first failure, without this invoice's later attempts."""
    if card is None:
        return ()
    own = {one.at for one in renewal.attempts[1:]}
    return tuple(
        use for use in renewal.card_uses if use.at not in own and use.at <= renewal.failed_at
    )


def _after_real_attempt(facts: Facts, this: PastAttempt) -> Facts:
    """The facts after a real attempt.

    An attempt on the same card is not counted, unless Stripe retries in this mode: with us retrying
    Stripe's schedule would have been off. But its answer replaces the bank's last one.
    """
    other = facts.card is None or this.card is None or not this.card.same_credentials(facts.card)
    if other or facts.mode is RetryMode.STRIPE:
        trigger = Trigger.SUBSCRIBER if other else Trigger.STRIPE
        use = CardUse(this.at, facts.amount_remaining_minor, this.outcome is Outcome.SUCCEEDED)
        counted = (use,) if other else (*facts.card_uses, use)
        return replace(
            facts,
            card=this.card or facts.card,
            attempts=(*facts.attempts, replace(this, trigger=trigger)),
            card_uses=counted,
        )
    if not facts.attempts or this.decline is None:
        return facts
    latest = replace(facts.attempts[-1], decline=this.decline)
    return replace(facts, attempts=(*facts.attempts[:-1], latest))


def _after_our_act(facts: Facts, decision: Decision, at: datetime) -> Facts:
    if isinstance(decision, SendMessage):
        mail = PastMessage(at, decision.template, decision.step)
        return replace(facts, messages=(*facts.messages, mail))
    if isinstance(decision, RetryPayment):
        decline = next((p.decline for p in reversed(facts.attempts) if p.decline), None)
        our_retry = PastAttempt(at, decision.trigger, Outcome.FAILED, facts.card, decline)
        use = CardUse(at, facts.amount_remaining_minor, succeeded=False)
        return replace(
            facts, attempts=(*facts.attempts, our_retry), card_uses=(*facts.card_uses, use)
        )
    return facts


def _our_event(renewal: PastRenewal, decision: Decision, at: datetime) -> Event:
    if isinstance(decision, SendMessage):
        return Event(at, Kind.OUR_MAIL, decision.reason, decision.template)
    return Event(at, Kind.OUR_RETRY, decision.reason, _real_retry_nearby(renewal.attempts[1:], at))


def _real_retry_nearby(attempts: Sequence[PastAttempt], at: datetime) -> str:
    """A sentence on the real attempt nearest to this moment; "" if none is near."""
    near = [one for one in attempts if abs(one.at - at) <= NEAR]
    if not near:
        return ""
    closest = min(near, key=lambda one: abs(one.at - at))
    hours = round(abs(closest.at - at) / timedelta(hours=1))
    when = "at about the same time" if hours == 0 else f"within {hours} hours of it"
    return f"A real retry {when} was {_answer_text(closest)}."


def _is_other_card(before: PastAttempt, this: PastAttempt) -> bool:
    if before.card is None or this.card is None:
        return False
    return not this.card.same_credentials(before.card)


def _answer_text(this: PastAttempt) -> str:
    return "paid" if this.outcome is Outcome.SUCCEEDED else f"declined{_decline_code_text(this)}"


def _decline_code_text(this: PastAttempt | None) -> str:
    if this is None or this.decline is None:
        return ""
    code = this.decline.decline_code or this.decline.error_code
    return f" ({code})" if code else ""
