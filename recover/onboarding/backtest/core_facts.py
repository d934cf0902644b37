"""The facts the core would have had between two attempts of a past invoice. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from recover.dunning import Card, CardUse, Facts, RetryMode
from recover.onboarding.backtest.renewals import History, card_key

MEMORY = timedelta(days=60)  # no network's window is longer

Uses = Mapping[str, Sequence[CardUse]]


def facts_before(history: History, nth: int, uses: Uses, timezone: str = "UTC") -> Facts:
    """The facts after attempt ``nth`` - 1 failed, for a retry on the card of attempt ``nth``.

    ``nth`` counts from 0 and is at least 1.
    """
    before, card = history.attempts[:nth], history.attempts[nth].card
    return Facts(
        mode=RetryMode.RECOVER,
        failed_at=history.attempts[0].at,
        invoice_status="open",
        amount_remaining_minor=history.invoice.amount_due_minor,
        currency=history.invoice.currency,
        card=card,
        attempts=before,
        card_uses=_uses(uses, card, before[-1].at),
        timezone=timezone,
    )


def declines_between(uses: Uses, card: Card, start: datetime, end: datetime) -> int:
    """How often the card was declined by anyone from ``start`` to before ``end``."""
    on_card = uses.get(card_key(card), ())
    low = bisect_left(on_card, start, key=_at)
    high = bisect_left(on_card, end, key=_at)
    return sum(not use.succeeded for use in on_card[low:high])


def _uses(uses: Uses, card: Card | None, now: datetime) -> tuple[CardUse, ...]:
    if card is None:
        return ()
    on_card = uses.get(card_key(card), ())
    low = bisect_left(on_card, now - MEMORY, key=_at)
    return tuple(on_card[low : bisect_right(on_card, now, key=_at)])


def _at(use: CardUse) -> datetime:
    return use.at
