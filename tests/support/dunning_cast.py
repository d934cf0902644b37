"""The fixed cast of the pure tests: one invoice of one subscriber in Madrid, and its tries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from recover.dunning import (
    Card,
    CardUse,
    Decline,
    Facts,
    Outcome,
    PastAttempt,
    RetryMode,
    Trigger,
)

FAILED_AT = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)  # a Wednesday, 09:00 in Madrid
VISA = Card(
    "pm_visa", fingerprint="fp_visa", brand="visa", last4="4242", exp_month=4, exp_year=2029
)
MASTERCARD = replace(VISA, payment_method_id="pm_mc", fingerprint="fp_mc", brand="mastercard")
OTHER = replace(VISA, payment_method_id="pm_other", fingerprint="fp_other", last4="1881")


def days(count):
    return timedelta(days=count)


def hours(count):
    return timedelta(hours=count)


def declined(code="insufficient_funds", **more):
    return Decline(error_code="card_declined", decline_code=code, **more)


def tried(after=timedelta(0), code="insufficient_funds", card=VISA, trigger=Trigger.STRIPE, **more):
    return PastAttempt(FAILED_AT + after, trigger, Outcome.FAILED, card, declined(code, **more))


def facts(*attempts, card=VISA, **more):
    attempts = attempts or (tried(),)
    told = {
        "mode": RetryMode.RECOVER,
        "failed_at": FAILED_AT,
        "invoice_status": "open",
        "amount_remaining_minor": 1900,
        "currency": "eur",
        "card": card,
        "attempts": attempts,
        "card_uses": uses(*(p.at for p in attempts if p.card == card)),
        "timezone": "Europe/Madrid",
    }
    return Facts(**(told | more))


def uses(*times):
    return tuple(CardUse(at, 1900, succeeded=False) for at in times)
