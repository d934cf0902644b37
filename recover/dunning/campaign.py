"""A campaign: which mails go out when, for which kind of decline, and when to give up.

When a *retry* happens is not the campaign's business but the timing's (`timing.py`).
Campaigns are versioned: an open case keeps the version it began with.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from recover.dunning.declines import DeclineCategory


@dataclass(frozen=True, slots=True)
class Step:
    """One mail of a campaign. ``key`` is unique in its campaign and never reused."""

    key: str
    template: str  # a folder of emails/templates
    after: timedelta  # since the first failure
    categories: frozenset[DeclineCategory]  # sent only while the latest decline is one of these


@dataclass(frozen=True, slots=True)
class Campaign:
    key: str
    version: int
    steps: tuple[Step, ...]
    window: timedelta  # since the first failure; then the case is exhausted
    max_retries: int  # our own scheduled tries on one invoice
    min_gap: timedelta  # between any two tries on one card, ours or Stripe's
    message_gap: timedelta  # between any two mails to one customer
    messages_per_week: int  # to one customer, over all their invoices
    send_from_hour: int  # local; mails wait for the next opening
    send_until_hour: int
