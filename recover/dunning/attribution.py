"""Who won an invoice back: one named source, or none. Nothing is claimed on a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from recover.dunning.facts import Outcome, PastAttempt, Trigger
from recover.dunning.wording import ordinal


class Source(StrEnum):
    OUR_RETRY = "our_retry"  # our scheduled retry
    CARD_PAGE = "card_page"  # the card was replaced, or the button pressed, on our signed page
    NEW_CARD = "new_card"  # our retry at once after a card changed elsewhere
    FOUNDER = "founder"  # someone at the company pressed retry
    STRIPE_RETRY = "stripe_retry"  # Stripe's own scheduled retry on a card we had no part in
    ELSEWHERE = "elsewhere"  # out of band, the hosted invoice page, any way that is not ours
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Credit:
    source: Source
    reason: str


_BY_TRIGGER = {
    Trigger.SCHEDULE: (Source.OUR_RETRY, "our scheduled retry"),
    Trigger.CARD_UPDATE: (Source.NEW_CARD, "our try at once on a card changed elsewhere"),
    Trigger.SUBSCRIBER: (Source.CARD_PAGE, "the subscriber on our card page"),
    Trigger.FOUNDER: (Source.FOUNDER, "a retry that someone at the company asked for"),
    Trigger.STRIPE: (Source.STRIPE_RETRY, "Stripe's own retry"),
}


def credit(
    attempts: Sequence[PastAttempt],
    winner: PastAttempt | None,
    *,
    paid_out_of_band: bool = False,
    saved_on_our_page: bool = False,
    stripe_was_due: bool = True,
) -> Credit:
    """The source of a paid invoice.

    ``winner`` is the attempt that succeeded, None where none is known. ``saved_on_our_page``: the
    winning card was saved on our signed page, whoever charged it then. ``stripe_was_due``: False
    where Stripe had no retry scheduled at that time, so that a charge of its kind was the customer
    paying on the hosted page or in the portal.
    """
    if paid_out_of_band:
        return Credit(Source.ELSEWHERE, "The invoice was paid outside Stripe.")
    if winner is None:
        return Credit(Source.UNKNOWN, "The invoice is paid; no known try paid it.")
    if saved_on_our_page and winner.trigger is not Trigger.FOUNDER:
        text = f"Paid with the card saved on our page{_nth_attempt(attempts, winner)}."
        return Credit(Source.CARD_PAGE, text)
    if winner.trigger is Trigger.STRIPE and (
        not stripe_was_due or _is_other_card(attempts, winner)
    ):
        text = "Paid with Stripe in a way that was not ours, such as its hosted invoice page."
        return Credit(Source.ELSEWHERE, text)
    source, words = _BY_TRIGGER[winner.trigger]
    return Credit(source, f"Paid by {words}{_nth_attempt(attempts, winner)}.")


def _is_other_card(attempts: Sequence[PastAttempt], winner: PastAttempt) -> bool:
    """True where the winning card is known and none of the failed attempts was made on it."""
    failed = [past.card for past in _attempts_before(attempts, winner)]
    card = winner.card
    return (
        card is not None
        and bool(failed)
        and all(other is not None and not card.same_credentials(other) for other in failed)
    )


def _nth_attempt(attempts: Sequence[PastAttempt], winner: PastAttempt) -> str:
    return f", the {ordinal(1 + len(_attempts_before(attempts, winner)))} try"


def _attempts_before(attempts: Sequence[PastAttempt], winner: PastAttempt) -> list[PastAttempt]:
    never_made = (Outcome.ABANDONED, Outcome.OBSERVED, Outcome.REFUSED)
    return [p for p in attempts if p.at < winner.at and p.outcome not in never_made]
