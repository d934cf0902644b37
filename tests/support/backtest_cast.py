"""Pasts by hand: renewals of one company, and the charges made for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from recover.stripe_api.objects import Charge, Invoice, PaymentMethod

BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
READ = datetime(2026, 9, 1, tzinfo=UTC)
SINCE = datetime(2026, 2, 1, tzinfo=UTC)
VISA = PaymentMethod(
    "pm_visa",
    "card",
    fingerprint="fp_visa",
    brand="visa",
    country="US",
    last4="4242",
    exp_month=4,
    exp_year=2030,
)


def card(number: int, brand: str = "visa") -> PaymentMethod:
    """A card of its own for each number."""
    return PaymentMethod(
        f"pm_{number}",
        "card",
        fingerprint=f"fp_{number}",
        brand=brand,
        country="US",
        last4=f"{number % 10000:04}",
        exp_month=4,
        exp_year=2030,
    )


def invoice(number: int = 1, **more) -> Invoice:
    told = {
        "id": f"in_{number}",
        "status": "open",
        "customer_id": f"cus_{number}",
        "subscription_id": f"sub_{number}",
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "currency": "usd",
        "amount_due_minor": 2900,
        "amount_remaining_minor": 2900,
        "attempted": True,
        "attempt_count": 1,
        "next_payment_attempt_at": None,
        "created_at": BEGAN,
        "payment_intent_ids": (f"pi_{number}",),
    }
    return Invoice(**(told | more))


def charge(
    days: float = 0, code: str = "insufficient_funds", number: int = 1, method=VISA, **more
) -> Charge:
    """A try some days after the renewal; without a code it succeeded."""
    at = BEGAN + timedelta(days=days)
    told = {
        "id": f"ch_{number}_{method.id if method else 'none'}_{days}",
        "payment_intent_id": f"pi_{number}",
        "status": "failed" if code else "succeeded",
        "amount_minor": 2900,
        "currency": "usd",
        "created_at": at,
        "method": method,
        "failure_code": "card_declined" if code else "",
        "decline_code": code,
        "network_status": "declined_by_network" if code else "approved_by_network",
        "customer_id": f"cus_{number}",
    }
    return Charge(**(told | more))
