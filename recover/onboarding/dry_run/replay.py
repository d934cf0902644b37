"""Replay of one past failed renewal, with Recover deciding. Pure.

Whether a try of ours would have gone through is not known, so none is taken to: our tries fail,
with what the bank really answered last. What the customer and the company really did (another card,
a payment, a void) happens when it happened, and everything is decided again after it.
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

MOST_STEPS = 300
NEAR = timedelta(hours=12)  # a real try this close says what the bank thought at about that time


class Kind(StrEnum):
    FAILED = "failed"  # the first try, which failed
    TRIED = "tried"  # a try of Stripe's, or of the company's own, as it really was
    NEW_CARD = "new_card"  # a real try on other card data
    OUR_TRY = "our_try"  # where we would have tried
    OUR_MAIL = "our_mail"  # where we would have written
    LEFT = "left"  # we would have left it alone from here on
    ENDED = "ended"  # how it really ended


@dataclass(frozen=True, slots=True)
class Event:
    """``note`` adds what is known of an act of ours from what really happened near it."""

    at: datetime
    kind: Kind
    text: str
    note: str = ""

    @property
    def ours(self) -> bool:
        return self.kind in (Kind.OUR_TRY, Kind.OUR_MAIL)


@dataclass(frozen=True, slots=True)
class PastRenewal:
    """What is known of one failed renewal. ``tries``: oldest first; ``ended_at`` None: still open.

    ``uses`` are the card's other authorisations, on any invoice.
    """

    invoice: Invoice
    failed_at: datetime
    tries: tuple[PastAttempt, ...]
    uses: tuple[CardUse, ...]
    paid_hours: tuple[datetime, ...]
    timezone: str
    ended_at: datetime | None
    ending: str  # a sentence
    disputed: bool = False


def replay(
    told: PastRenewal, campaign: Campaign, timing: Timing, mode: RetryMode, now: datetime
) -> list[Event]:
    """Both courses in one list, by time: what really happened, and what we would have done.

    Nothing of ours lies after the real end, the end of the window, or ``now``.
    """
    really = list(_real_events(told))
    ours = list(_our_events(told, campaign, timing, mode, now))
    return sorted([*really, *ours], key=lambda event: (event.at, event.ours))


def _real_events(told: PastRenewal) -> Iterator[Event]:
    first = told.tries[0] if told.tries else None
    yield Event(told.failed_at, Kind.FAILED, f"The renewal failed{_code(first)}.")
    for before, this in zip(told.tries, told.tries[1:], strict=False):
        kind = Kind.NEW_CARD if _other_card(before, this) else Kind.TRIED
        what = "Another card, or new card data, was charged" if kind is Kind.NEW_CARD else "Retried"
        yield Event(this.at, kind, f"{what}: {_answer(this)}.")
    if told.ended_at is not None:
        yield Event(told.ended_at, Kind.ENDED, told.ending)


def _our_events(
    told: PastRenewal, campaign: Campaign, timing: Timing, mode: RetryMode, now: datetime
) -> Iterator[Event]:
    facts, at = _first_facts(told, mode), told.failed_at
    until = min(x for x in (told.ended_at, window_ends_at(facts, campaign), now) if x)
    ahead = [one for one in told.tries[1:] if one.at < until]
    for _ in range(MOST_STEPS):
        while ahead and ahead[0].at <= at:
            facts = _really(facts, ahead.pop(0))
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
        yield _act(told, decision, at)
        facts = _imagined(facts, decision, at)


def _first_facts(told: PastRenewal, mode: RetryMode) -> Facts:
    first = told.tries[0] if told.tries else None
    card = first.card if first else None
    return Facts(
        mode=mode,
        failed_at=told.failed_at,
        invoice_status="open",
        amount_remaining_minor=max(1, told.invoice.amount_due_minor),
        currency=told.invoice.currency,
        card=card,
        attempts=told.tries[:1],
        card_uses=_uses(told, card),
        disputed=told.disputed,
        timezone=told.timezone,
        paid_hours=told.paid_hours,
    )


def _uses(told: PastRenewal, card: Card | None) -> tuple[CardUse, ...]:
    """The card's uses without this invoice's own later tries: those are Stripe's, not ours."""
    if card is None:
        return ()
    own = {one.at for one in told.tries[1:]}
    return tuple(use for use in told.uses if use.at not in own and use.at <= told.failed_at)


def _really(facts: Facts, this: PastAttempt) -> Facts:
    """What a real try tells. On the same card it is not counted as one, unless Stripe retries in
    this mode: its schedule would have been off. But its answer is the bank's, and the newest.
    """
    other = facts.card is None or this.card is None or not this.card.same_credentials(facts.card)
    if other or facts.mode is RetryMode.STRIPE:
        trigger = Trigger.SUBSCRIBER if other else Trigger.STRIPE
        use = CardUse(this.at, facts.amount_remaining_minor, this.outcome is Outcome.SUCCEEDED)
        kept = (use,) if other else (*facts.card_uses, use)
        return replace(
            facts,
            card=this.card or facts.card,
            attempts=(*facts.attempts, replace(this, trigger=trigger)),
            card_uses=kept,
        )
    if not facts.attempts or this.decline is None:
        return facts
    latest = replace(facts.attempts[-1], decline=this.decline)
    return replace(facts, attempts=(*facts.attempts[:-1], latest))


def _imagined(facts: Facts, decision: Decision, at: datetime) -> Facts:
    if isinstance(decision, SendMessage):
        mail = PastMessage(at, decision.template, decision.step)
        return replace(facts, messages=(*facts.messages, mail))
    if isinstance(decision, RetryPayment):
        decline = next((p.decline for p in reversed(facts.attempts) if p.decline), None)
        tried = PastAttempt(at, decision.trigger, Outcome.FAILED, facts.card, decline)
        use = CardUse(at, facts.amount_remaining_minor, succeeded=False)
        return replace(facts, attempts=(*facts.attempts, tried), card_uses=(*facts.card_uses, use))
    return facts


def _act(told: PastRenewal, decision: Decision, at: datetime) -> Event:
    if isinstance(decision, SendMessage):
        return Event(at, Kind.OUR_MAIL, decision.reason, decision.template)
    return Event(at, Kind.OUR_TRY, decision.reason, _real_retry_nearby(told.tries[1:], at))


def _real_retry_nearby(tries: Sequence[PastAttempt], at: datetime) -> str:
    """What a real try near this moment says of it; "" where there was none."""
    near = [one for one in tries if abs(one.at - at) <= NEAR]
    if not near:
        return ""
    closest = min(near, key=lambda one: abs(one.at - at))
    hours = round(abs(closest.at - at) / timedelta(hours=1))
    when = "at about the same time" if hours == 0 else f"within {hours} hours of it"
    return f"A real retry {when} was {_answer(closest)}."


def _other_card(before: PastAttempt, this: PastAttempt) -> bool:
    if before.card is None or this.card is None:
        return False
    return not this.card.same_credentials(before.card)


def _answer(this: PastAttempt) -> str:
    return "paid" if this.outcome is Outcome.SUCCEEDED else f"declined{_code(this)}"


def _code(this: PastAttempt | None) -> str:
    if this is None or this.decline is None:
        return ""
    code = this.decline.decline_code or this.decline.error_code
    return f" ({code})" if code else ""
