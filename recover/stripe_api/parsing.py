"""Parses Stripe's JSON into the values of `objects`: pure functions, one per object.

They read plain dicts (an SDK object's ``to_dict()``). What Recover fetches has the pinned version's
shape; events may still have one from before 2025-03-31.basil, which is read too. Fields that are
missing or null become "" or None.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from recover.stripe_api.json_fields import NOTHING, Json, child, id_of, items_of, moment
from recover.stripe_api.money_parsing import invoice_payment, refunded
from recover.stripe_api.objects import (
    CardSetup,
    Charge,
    Customer,
    Invoice,
    PaymentMethod,
    StripeAccountInfo,
    Subscription,
    WebhookEndpoint,
)

# Legacy cards and sources spell brands out; payment methods have one word for each.
BRANDS = {"american express": "amex", "diners club": "diners", "union pay": "unionpay"}
BANK_ACCOUNT = "us_bank_account"  # what a legacy bank account is called as a payment method


def payment_method(value: object) -> PaymentMethod | None:
    """A payment method, a legacy card, bank account or source. Unexpanded, only its id is known."""
    if not isinstance(value, Mapping):
        return PaymentMethod(id=id_of(value), type="") if id_of(value) else None
    kind = value.get("object")
    if kind in {"card", "bank_account"}:
        return _method(value, "card" if kind == "card" else BANK_ACCOUNT, value)
    kind = value.get("type") or ""
    return _method(value, kind, child(value, kind))


def _method(json: Json, kind: str, details: Json) -> PaymentMethod:
    brand = str(details.get("brand") or "").lower()
    return PaymentMethod(
        id=id_of(json),
        type=kind,
        fingerprint=details.get("fingerprint") or "",
        brand=BRANDS.get(brand, brand),
        funding=details.get("funding") or "",
        country=(details.get("country") or "").upper(),
        last4=details.get("last4") or "",
        exp_month=details.get("exp_month"),
        exp_year=details.get("exp_year"),
        issuer=details.get("issuer") or "",
        customer_id=id_of(json.get("customer")),
    )


def customer(value: object) -> Customer:
    """A customer; where it is deleted or unexpanded, little more than its id."""
    json = value if isinstance(value, Mapping) else {"id": id_of(value)}
    return Customer(
        id=id_of(json),
        email=json.get("email") or "",
        name=json.get("name") or "",
        locale=next(iter(json.get("preferred_locales") or ()), ""),
        country=(child(json, "address").get("country") or "").upper(),
        timezone=child(json, "metadata").get("timezone") or "",
        default_method=payment_method(
            child(json, "invoice_settings").get("default_payment_method")
        ),
        default_source=payment_method(json.get("default_source")),
        deleted=bool(json.get("deleted")),
    )


def subscription(json: Json) -> Subscription:
    items = items_of(json.get("items"))
    # Before basil, the period belonged to the subscription and not to its items.
    ends = [end for one in (*items, json) if (end := one.get("current_period_end"))]
    return Subscription(
        id=id_of(json),
        status=json.get("status") or "",
        customer=customer(json.get("customer")),
        cancel_at_period_end=bool(json.get("cancel_at_period_end")),
        cancel_at=moment(json.get("cancel_at")),
        cancellation_reason=child(json, "cancellation_details").get("reason") or "",
        current_period_end=moment(min(ends, default=None)),
        default_method=payment_method(json.get("default_payment_method")),
        default_source=payment_method(json.get("default_source")),
        collection_method=json.get("collection_method") or "charge_automatically",
        pause_collection=bool(json.get("pause_collection")),
        pause_reason=child(json, "status_details", "paused", "subscription").get("type") or "",
        amount_minor=_amount_of(items),
        product_name=_product_name(json, items),
        latest_invoice_id=id_of(json.get("latest_invoice")),
    )


def _amount_of(items: list[Json]) -> int | None:
    """What the items cost in one period, before taxes and discounts; None where use decides."""
    if not items:
        return None
    amounts = [_item_amount(item) for item in items]
    return None if None in amounts else sum(filter(None, amounts))


def _item_amount(item: Json) -> int | None:
    unit_amount = child(item, "price").get("unit_amount")
    if unit_amount is None or child(item, "price", "recurring").get("usage_type") == "metered":
        return None
    return int(unit_amount) * int(item.get("quantity") or 0)


def _product_name(json: Json, items: list[Json]) -> str:
    """Description, then product, then price: as Stripe chooses the name for customers."""
    price = child(items[0], "price") if items else NOTHING
    words = (json.get("description"), child(price, "product").get("name"), price.get("nickname"))
    return next((word for word in words if word), "")


def subscription_id_of(json: Json) -> str:
    """The subscription an invoice is for; before basil it stood at the top level."""
    details = child(json, "parent", "subscription_details")
    return id_of(details.get("subscription")) or id_of(json.get("subscription"))


def default_intent(json: Json) -> Json:
    """The PaymentIntent of an invoice's default payment; empty where it was not expanded."""
    payments = _payments(json)
    if payments:
        return child(payments[0], "payment", "payment_intent")
    return child(json, "payment_intent")


def _payments(json: Json) -> list[Json]:
    payments = items_of(json.get("payments"))
    return sorted(payments, key=lambda payment: not payment.get("is_default"))


def invoice(json: Json) -> Invoice:
    lines = items_of(json.get("lines"))
    return Invoice(
        id=id_of(json),
        status=json.get("status") or "",
        customer_id=id_of(json.get("customer")),
        subscription_id=subscription_id_of(json),
        billing_reason=json.get("billing_reason") or "",
        collection_method=json.get("collection_method") or "charge_automatically",
        currency=(json.get("currency") or "").lower(),
        amount_due_minor=json.get("amount_due") or 0,
        amount_remaining_minor=json.get("amount_remaining") or 0,
        attempted=bool(json.get("attempted")),
        attempt_count=json.get("attempt_count") or 0,
        next_payment_attempt_at=moment(json.get("next_payment_attempt")),
        created_at=datetime.fromtimestamp(json.get("created") or 0, UTC),
        paid_at=moment(child(json, "status_transitions").get("paid_at")),
        number=json.get("number") or "",
        hosted_invoice_url=json.get("hosted_invoice_url") or "",
        payment_intent_ids=_intent_ids(json),
        payment_intent_status=default_intent(json).get("status") or "",
        paid_out_of_band=_paid_out_of_band(json),
        description=(lines[0].get("description") if lines else json.get("description")) or "",
        amount_paid_minor=json.get("amount_paid") or 0,
        credited_minor=json.get("pre_payment_credit_notes_amount") or 0,
        payments=tuple(map(invoice_payment, _payments(json))),
        more_payments=bool(child(json, "payments").get("has_more")),
        ended_at=_ended_at(json),
        default_method=payment_method(json.get("default_payment_method")),
        default_source=payment_method(json.get("default_source")),
    )


def _ended_at(json: Json) -> datetime | None:
    moments = child(json, "status_transitions")
    return moment(moments.get("voided_at") or moments.get("marked_uncollectible_at"))


def _intent_ids(json: Json) -> tuple[str, ...]:
    found = [child(payment, "payment").get("payment_intent") for payment in _payments(json)]
    return tuple(filter(None, map(id_of, found or [json.get("payment_intent")])))


def _paid_out_of_band(json: Json) -> bool:
    """Paid, money was due, and no payment through Stripe stands behind it.

    False where that cannot be known: `payments` not asked for, or more of them than one page.
    """
    if json.get("status") != "paid" or not json.get("amount_due"):
        return False
    if isinstance(json.get("paid_out_of_band"), bool):  # before basil
        return bool(json["paid_out_of_band"])
    if not isinstance(json.get("payments"), Mapping) or child(json, "payments").get("has_more"):
        return False
    return not any(_through_stripe(payment) for payment in _payments(json))


def _through_stripe(payment: Json) -> bool:
    """A paid payment made by Stripe; a payment record only notes one made elsewhere."""
    kind = child(payment, "payment").get("type")
    return payment.get("status") == "paid" and kind in {"payment_intent", "charge"}


def charge(json: Json) -> Charge:
    outcome = child(json, "outcome")
    failed = json.get("status") == "failed"
    return Charge(
        id=id_of(json),
        payment_intent_id=id_of(json.get("payment_intent")),
        status=json.get("status") or "",
        amount_minor=json.get("amount") or 0,
        currency=(json.get("currency") or "").lower(),
        created_at=datetime.fromtimestamp(json.get("created") or 0, UTC),
        method=_charged_method(json),
        failure_code=json.get("failure_code") or "",
        # On a charge that went through, the reason only says how risky Radar found it.
        decline_code=(outcome.get("reason") or "") if failed else "",
        advice_code=outcome.get("advice_code") or "",
        network_decline_code=outcome.get("network_decline_code") or "",
        network_advice_code=outcome.get("network_advice_code") or "",
        outcome_type=outcome.get("type") or "",
        network_status=outcome.get("network_status") or "",
        amount_refunded_minor=refunded(json),
        disputed=bool(json.get("disputed")),
        customer_id=id_of(json.get("customer")),
    )


def _charged_method(json: Json) -> PaymentMethod | None:
    """The card as it was when it was charged, which the payment method may no longer be."""
    method_id, details = id_of(json.get("payment_method")), child(json, "payment_method_details")
    if not method_id and not details:
        return None
    return payment_method({**details, "id": method_id, "customer": json.get("customer")})


def setup_intent(json: Json) -> CardSetup:
    return CardSetup(
        id=id_of(json),
        status=json.get("status") or "",
        client_secret=json.get("client_secret") or "",
        payment_method_id=id_of(json.get("payment_method")),
        customer_id=id_of(json.get("customer")),
        error_message=child(json, "last_setup_error").get("message") or "",
    )


# Where a session's SetupIntent is not made yet, the session's own status says as much.
SESSION_STATUS = {
    "open": "requires_payment_method",
    "complete": "succeeded",
    "expired": "canceled",
}


def checkout_session(json: Json) -> CardSetup:
    """A session in setup mode, read with its `setup_intent` expanded."""
    setup = setup_intent(child(json, "setup_intent"))
    return CardSetup(
        id=setup.id or id_of(json.get("setup_intent")),
        status=setup.status or SESSION_STATUS.get(json.get("status") or "", ""),
        payment_method_id=setup.payment_method_id,
        customer_id=id_of(json.get("customer")) or setup.customer_id,
        error_message=setup.error_message,
        url=json.get("url") or "",
        session_id=id_of(json),
    )


def account_info(json: Json, *, livemode: bool) -> StripeAccountInfo:
    """``livemode`` belongs to the key that asked: an account has both modes."""
    dashboard = child(json, "settings", "dashboard")
    profile = child(json, "business_profile")
    return StripeAccountInfo(
        id=id_of(json),
        name=profile.get("name") or dashboard.get("display_name") or "",
        country=json.get("country") or "",
        default_currency=json.get("default_currency") or "",
        timezone=dashboard.get("timezone") or "UTC",
        support_email=profile.get("support_email") or json.get("email") or "",
        livemode=livemode,
    )


def webhook_endpoint(json: Json) -> WebhookEndpoint:
    return WebhookEndpoint(
        id=id_of(json),
        url=json.get("url") or "",
        status=json.get("status") or "",
        events=tuple(json.get("enabled_events") or ()),
        api_version=json.get("api_version") or "",
    )
