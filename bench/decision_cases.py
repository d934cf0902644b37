"""Failed payments as the engine may be asked about: many codes, cards, places, days, histories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from recover.dunning import (
    DEFAULT,
    Card,
    CardUse,
    Decline,
    Facts,
    Outcome,
    PastAttempt,
    RetryMode,
    Trigger,
)

Case = tuple[Facts, datetime]

# Only codes that may be retried: others are answered without a plan and would flatter the figure.
_CODES = (
    "insufficient_funds",
    "insufficient_funds",
    "insufficient_funds",
    "generic_decline",
    "generic_decline",
    "do_not_honor",
    "call_issuer",
    "try_again_later",
    "processing_error",
    "issuer_not_available",
    "card_velocity_exceeded",
    "withdrawal_count_limit_exceeded",
    "blocked",
    "a_code_nobody_knows",
)
_PLACES = (
    ("US", "America/New_York"),
    ("US", "America/Chicago"),
    ("US", "America/Los_Angeles"),
    ("CA", "America/Toronto"),
    ("BR", "America/Sao_Paulo"),
    ("GB", "Europe/London"),
    ("ES", "Europe/Madrid"),
    ("DE", "Europe/Berlin"),
    ("IE", "Europe/Dublin"),
    ("JP", "Asia/Tokyo"),
    ("AU", "Australia/Sydney"),
    ("NZ", "Pacific/Auckland"),
    ("", "UTC"),
)
_BRANDS = ("visa", "visa", "mastercard", "mastercard", "amex", "")
_FUNDINGS = ("debit", "debit", "credit", "prepaid", "")
_ADVICE = ("", "", "", "", "02", "24", "26", "28")
_FIRST_DAY, _DAYS = datetime(2026, 1, 5, tzinfo=UTC), 182
_MOST_TRIES = 5


def cases(count: int, seed: int = 1) -> list[Case]:
    """``count`` cases with the moment each is asked about, all different and retryable."""
    dice = Random(seed)
    return [_case(dice, number) for number in range(count)]


def _case(dice: Random, number: int) -> Case:
    country, timezone = dice.choice(_PLACES)
    card = Card(
        f"pm_{number}",
        fingerprint=f"fp_{number}",
        brand=dice.choice(_BRANDS),
        funding=dice.choice(_FUNDINGS),
        country=country,
        last4="4242",
        exp_month=4,
        exp_year=2031,
    )
    failed_at = _FIRST_DAY + timedelta(minutes=dice.randrange(_DAYS * 24 * 60))
    tries = _tries(dice, card, failed_at)
    facts = Facts(
        RetryMode.RECOVER,
        failed_at,
        "open",
        dice.randrange(500, 20_000),
        "usd",
        card=card,
        attempts=tries,
        timezone=timezone,
        card_uses=tuple(CardUse(past.at, 1900, succeeded=False) for past in tries),
        paid_hours=tuple(failed_at - timedelta(days=30 * n) for n in range(dice.randrange(4))),
    )
    return facts, tries[-1].at + timedelta(minutes=dice.randrange(24 * 60))


def _tries(dice: Random, card: Card, failed_at: datetime) -> tuple[PastAttempt, ...]:
    """The renewal and up to four retries of ours, all declined, all within the window."""
    count = dice.randint(1, _MOST_TRIES)
    latest = int(DEFAULT.window / timedelta(minutes=1)) - 3 * 24 * 60
    after = [0, *sorted(dice.randrange(12 * 60, latest) for _ in range(count - 1))]
    code = dice.choice(_CODES)
    return tuple(
        PastAttempt(
            failed_at + timedelta(minutes=minutes),
            Trigger.SCHEDULE if minutes else Trigger.STRIPE,
            Outcome.FAILED,
            card,
            Decline("card_declined", code, network_advice_code=dice.choice(_ADVICE)),
        )
        for minutes in after
    )
