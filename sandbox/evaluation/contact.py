"""What ends a case without a retry: a mail, an updated card, or a subscriber who leaves.

A world's self-cures are left out: they are those of people whom nobody writes to. None of it
depends on the policy, so that whatever differs between two policies is their timing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sandbox.cards import CardTruth
from sandbox.issuers import Issuers
from sandbox.latent import Cause
from sandbox.people import DECAY, FIXES, click_delay

MAIL_DAYS = (0, 3, 7, 12)
UNSUBSCRIBES = 0.003  # per mail [J]
CANCELS = 0.008  # per mail [J]


@dataclass(frozen=True, slots=True)
class Contact:
    """At most one of ``saved_at`` and ``cancelled_at`` is set: the earlier one ends the case."""

    saved_at: datetime | None  # paid by the subscriber, or on a card the updater delivered
    cancelled_at: datetime | None
    mails_at: tuple[datetime, ...]  # as far as the subscriber has not asked for no more

    @property
    def ends_at(self) -> datetime | None:
        return self.saved_at or self.cancelled_at


def contact(issuers: Issuers, card: CardTruth, failed_at: datetime, *name: object) -> Contact:
    """``card`` in its trouble, which began at ``failed_at``; the draws are named by ``name``."""
    rng = issuers.chance.rng("contact", *name)
    numbers = issuers.world.subscribers
    saves = list(_updater(issuers, card, failed_at, rng))
    cancels = list(_after_days(failed_at, numbers.cancel_per_day, rng))
    mails = []
    for number, days in enumerate(MAIL_DAYS):
        at = failed_at + timedelta(days=days)
        mails.append(at)
        saves += _fix(card, at, number, rng)
        if rng.random() < CANCELS:
            cancels.append(at + click_delay(rng.random(), rng.random()))
        if rng.random() < UNSUBSCRIBES:
            break
    saved, cancelled = min(saves, default=None), min(cancels, default=None)
    if saved and cancelled:
        saved, cancelled = (saved, None) if saved <= cancelled else (None, cancelled)
    return Contact(saved, cancelled, tuple(mails))


def _after_days(start: datetime, per_day: float, rng: random.Random) -> Iterator[datetime]:
    if per_day:
        yield start + timedelta(days=rng.expovariate(per_day))


def _fix(card: CardTruth, at: datetime, number: int, rng: random.Random) -> Iterator[datetime]:
    """When the mail's reader replaces the card, if they do."""
    there = at.astimezone(ZoneInfo(card.timezone))
    cause = card.episode.cause if card.episode else Cause.TECHNICAL
    chance = FIXES[cause] * DECAY**number
    chance *= 0.85 if there.weekday() >= 5 else 1.0
    chance *= 1.1 if 9 <= there.hour < 20 else 1.0
    acts, curve, spread = rng.random() < chance, rng.random(), rng.random()
    if acts:
        yield _awake(at + click_delay(curve, spread), ZoneInfo(card.timezone))


def _awake(at: datetime, zone: ZoneInfo) -> datetime:
    """``at``, or the morning after: nobody replaces a card at four in the night."""
    there = at.astimezone(zone)
    if 7 <= there.hour < 23:
        return at
    day = there.date() + timedelta(days=there.hour >= 23)
    return datetime.combine(day, time(8), zone).astimezone(UTC)


def _updater(
    issuers: Issuers, card: CardTruth, failed_at: datetime, rng: random.Random
) -> Iterator[datetime]:
    numbers = issuers.world.recovery
    # The share is over all dead cards, so among cards of issuers that take part it is higher.
    share = numbers.updater_after_failure / max(0.01, issuers.world.issuers.updater_us)
    arrives, days = rng.random() < share, rng.expovariate(1 / numbers.updater_days)
    dead = card.episode is not None and card.episode.cause is Cause.DEAD_CARD
    if dead and arrives and issuers.updates(card):
        yield failed_at + timedelta(days=days)
