"""Objects of Stripe's in which any text may be as odd as texts get, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

CREATED = 1_795_000_000

CARD = {
    "id": "pm_1",
    "object": "payment_method",
    "type": "card",
    "customer": "cus_1",
    "card": {
        "brand": "visa",
        "funding": "credit",
        "country": "US",
        "last4": "4242",
        "fingerprint": "fp_1",
        "issuer": "Bank of Ada",
        "exp_month": 8,
        "exp_year": 2030,
    },
}
CUSTOMER = {
    "id": "cus_1",
    "object": "customer",
    "email": "ada@example.test",
    "name": "Ada Example",
    "preferred_locales": ["en"],
    "address": {"country": "US"},
    "metadata": {"timezone": "Europe/Berlin"},
    "invoice_settings": {"default_payment_method": CARD},
    "default_source": {**CARD["card"], "id": "card_1", "object": "card", "customer": "cus_1"},
}
INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "requires_payment_method",
    "client_secret": "pi_1_secret_1",
    "latest_charge": "ch_1",
    "last_payment_error": {
        "charge": "ch_1",
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "advice_code": "try_again_later",
        "network_decline_code": "51",
        "network_advice_code": "02",
        "message": "Your card has insufficient funds.",
    },
}
INVOICE = {
    "id": "in_1",
    "object": "invoice",
    "status": "open",
    "customer": "cus_1",
    "billing_reason": "subscription_cycle",
    "collection_method": "charge_automatically",
    "currency": "usd",
    "amount_due": 1999,
    "amount_remaining": 1999,
    "attempted": True,
    "attempt_count": 1,
    "created": CREATED,
    "number": "ACME-0001",
    "hosted_invoice_url": "https://invoice.stripe.com/i/1",
    "parent": {"subscription_details": {"subscription": "sub_1"}},
    "payments": {
        "data": [
            {
                "is_default": True,
                "status": "open",
                "payment": {"type": "payment_intent", "payment_intent": INTENT},
            }
        ]
    },
    "lines": {"data": [{"description": "1 x Pro"}]},
    "default_payment_method": CARD,
}
SUBSCRIPTION = {
    "id": "sub_1",
    "object": "subscription",
    "status": "past_due",
    "customer": CUSTOMER,
    "collection_method": "charge_automatically",
    "cancellation_details": {"reason": "payment_failed"},
    "status_details": {"paused": {"subscription": {"type": "pause_requested"}}},
    "description": "Pro",
    "latest_invoice": "in_1",
    "items": {
        "data": [
            {
                "current_period_end": CREATED + 86_400,
                "quantity": 1,
                "price": {
                    "unit_amount": 1999,
                    "nickname": "Monthly",
                    "product": {"name": "Pro"},
                },
            }
        ]
    },
}
CHARGE = {
    "id": "ch_1",
    "object": "charge",
    "status": "failed",
    "customer": "cus_1",
    "payment_intent": "pi_1",
    "payment_method": "pm_1",
    "payment_method_details": CARD,
    "amount": 1999,
    "currency": "usd",
    "created": CREATED,
    "failure_code": "card_declined",
    "outcome": {
        "reason": "insufficient_funds",
        "type": "issuer_declined",
        "network_status": "declined_by_network",
        "advice_code": "try_again_later",
        "network_decline_code": "51",
        "network_advice_code": "02",
    },
}
SETUP = {
    "id": "seti_1",
    "status": "requires_payment_method",
    "client_secret": "seti_1_secret_1",
    "payment_method": "pm_1",
    "customer": "cus_1",
    "last_setup_error": {"message": "Declined."},
}
SESSION = {"id": "cs_1", "status": "open", "url": "https://checkout.stripe.com/1"}
ACCOUNT = {
    "id": "acct_1",
    "country": "US",
    "default_currency": "usd",
    "email": "ada@example.test",
    "business_profile": {"name": "Acme", "support_email": "help@acme.test"},
    "settings": {"dashboard": {"display_name": "Acme", "timezone": "Europe/Berlin"}},
}
ENDPOINT = {
    "id": "we_1",
    "url": "https://recover.test/webhooks/stripe/1",
    "status": "enabled",
    "enabled_events": ["invoice.paid"],
    "api_version": "2026-10-28.endive",
}
EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "invoice.payment_failed",
    "account": "acct_1",
    "api_version": "2026-10-28.endive",
    "created": CREATED,
    "data": {"object": {"id": "in_1", "object": "invoice", "customer": "cus_1"}},
}

# Any character there is, halves of surrogate pairs too; and those that grow with their case.
_characters = st.text(st.characters(), max_size=20)
_long = st.builds(lambda words, times: words * times, _characters, st.integers(1, 80))
_growing = st.sampled_from(["\0", "\ud800", "ß" * 255, "İ" * 255, "a" * 512, "\U0001f600" * 300])
TEXTS = st.one_of(_characters, _long, _growing)


@st.composite
def with_odd_texts(draw: st.DrawFn, sound: Any, keep: tuple[str, ...] = ()) -> Any:
    """``sound``, of whose texts some are drawn anew; those at the names in ``keep`` are not."""
    if isinstance(sound, dict):
        return {
            name: value if name in keep else draw(with_odd_texts(value, keep))
            for name, value in sound.items()
        }
    if isinstance(sound, list):
        return [draw(with_odd_texts(one, keep)) for one in sound]
    if isinstance(sound, str) and draw(st.booleans()):
        return draw(TEXTS)
    return sound
