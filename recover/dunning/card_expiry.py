"""Pre-dunning: whether, and when, to write about a card that is going to expire.

Networks replace many cards by themselves, so the mail waits until shortly before the renewal that
would fail: late enough for the card updater, early enough for the subscriber.
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

from recover.dunning.facts import Card

NOTICE = timedelta(days=10)  # before the renewal
TOO_LATE = timedelta(days=1)  # then the renewal itself will tell


def expires_at(card: Card) -> datetime | None:
    """The end of the card's last month, UTC; None for what does not expire."""
    if not card.exp_month or not card.exp_year or not 1 <= card.exp_month <= 12:  # noqa: PLR2004 - months
        return None
    last_day = calendar.monthrange(card.exp_year, card.exp_month)[1]
    return datetime(card.exp_year, card.exp_month, last_day, tzinfo=UTC) + timedelta(days=1)


def notice_due(card: Card | None, renews_at: datetime | None, now: datetime) -> bool:
    """True where the card expires before its next renewal and that renewal is near."""
    if card is None or renews_at is None:
        return False
    expires = expires_at(card)
    if expires is None or expires > renews_at:
        return False
    return renews_at - NOTICE <= now <= renews_at - TOO_LATE
