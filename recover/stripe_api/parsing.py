"""Parses Stripe's JSON into the values of `objects`: pure functions, one per object.

They read plain dicts (an SDK object's ``to_dict()``). What Recover fetches has the pinned version's
shape; events may still have one from before 2025-03-31.basil, which is read too. Fields that are
missing or null become "" or None.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from recover.stripe_api.json_fields import (
    NOTHING,
    Json,
    address,
    child,
    exact,
    id_of,
    items_of,
    lower,
    moment,
    text,
    upper,
)
from recover.stripe_api.money_parsing import invoice_payment, refunded
from recover.stripe_api.objects import (
    CardSetup,
    Charge,
    Customer,
    Invoice,
    PaymentMethod,
    Subscription,
)

# Legacy cards and sources spell brands out; payment methods have one word for each.
BRANDS = {"american express": "amex", "diners club": "diners", "union pay": "unionpay"}
LAST4 = 4  # characters
BANK_ACCOUNT = "us_bank_account"  # what a legacy bank account is called as a payment method


def payment_method(value: object) -> PaymentMethod | None:
    """A payment method, a legacy card, bank account or source. Unexpanded, only its id is known."""
    if not isinstance(value, Mapping):
        return PaymentMethod(id=id_of(value), type="") if id_of(value) else None
    kind = text(value.get("object"))
    if kind in {"card", "bank_account"}:
        return _method(value, "card" if kind == "card" else BANK_ACCOUNT, value)
    kind = text(value.get("type"))
    return _method(value, kind, child(value, kind))


def _method(json: Json, kind: str, details: Json) -> PaymentMethod:
    brand = lower(details.get("brand"))
    return PaymentMethod(
        id=id_of(json),
        type=kind,
        fingerprint=text(details.get("fingerprint")),
        brand=BRANDS.get(brand, brand),
        funding=text(details.get("funding")),
        country=upper(details.get("country")),
        last4=text(details.get("last4"), LAST4),
        exp_month=details.get("exp_month"),
        exp_year=details.get("exp_year"),
        issuer=text(details.get("issuer")),
        customer_id=id_of(json.get("customer")),
    )


def customer(value: object) -> Customer:
    """A customer; where it is deleted or unexpanded, little more than its id."""
    json = value if isinstance(value, Mapping) else {"id": id_of(value)}
    return Customer(
        id=id_of(json),
        email=exact(json.get("email")),
        name=text(json.get("name")),
        locale=text(next(iter(json.get("preferred_locales") or ()), "")),
        country=upper(child(json, "address").get("country")),
        timezone=text(child(json, "metadata").get("timezone")),
        default_method=payment_method(
            child(json, "invoice_settings").get("default_payment_method")
        ),
        default_source=payment_method(json.get("default_source")),
        deleted=bool(json.get("deleted")),
        test_clock_id=id_of(json.get("test_clock")),
    )


def subscription(json: Json) -> Subscription:
    items = items_of(json.get("items"))
    # Before basil, the period belonged to the subscription and not to its items.
    ends = [end for one in (*items, json) if (end := one.get("current_period_end"))]
    return Subscription(
        id=id_of(json),
        status=text(json.get("status")),
        customer=customer(json.get("customer")),
        cancel_at_period_end=bool(json.get("cancel_at_period_end")),
        cancel_at=moment(json.get("cancel_at")),
        cancellation_reason=text(child(json, "cancellation_details").get("reason")),
        current_period_end=moment(min(ends, default=None)),
        default_method=payment_method(json.get("default_payment_method")),
        default_source=payment_method(json.get("default_source")),
        collection_method=text(json.get("collection_method")) or "charge_automatically",
        pause_collection=bool(json.get("pause_collection")),
        pause_reason=text(child(json, "status_details", "paused", "subscription").get("type")),
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
    return text(next((word for word in words if word), ""))


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
        status=text(json.get("status")),
        customer_id=id_of(json.get("customer")),
        subscription_id=subscription_id_of(json),
        billing_reason=text(json.get("billing_reason")),
        collection_method=text(json.get("collection_method")) or "charge_automatically",
        currency=lower(json.get("currency")),
        amount_due_minor=json.get("amount_due") or 0,
        amount_remaining_minor=json.get("amount_remaining") or 0,
        attempted=bool(json.get("attempted")),
        attempt_count=json.get("attempt_count") or 0,
        next_payment_attempt_at=moment(json.get("next_payment_attempt")),
        created_at=datetime.fromtimestamp(json.get("created") or 0, UTC),
        paid_at=moment(child(json, "status_transitions").get("paid_at")),
        number=text(json.get("number")),
        hosted_invoice_url=address(json.get("hosted_invoice_url")),
        payment_intent_ids=_intent_ids(json),
        payment_intent_status=text(default_intent(json).get("status")),
        paid_out_of_band=_paid_out_of_band(json),
        description=text(lines[0].get("description") if lines else json.get("description")),
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
        status=text(json.get("status")),
        amount_minor=json.get("amount") or 0,
        currency=lower(json.get("currency")),
        created_at=datetime.fromtimestamp(json.get("created") or 0, UTC),
        method=_charged_method(json),
        failure_code=text(json.get("failure_code")),
        # On a charge that went through, the reason only says how risky Radar found it.
        decline_code=text(outcome.get("reason")) if failed else "",
        advice_code=text(outcome.get("advice_code")),
        network_decline_code=text(outcome.get("network_decline_code")),
        network_advice_code=text(outcome.get("network_advice_code")),
        outcome_type=text(outcome.get("type")),
        network_status=text(outcome.get("network_status")),
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
        status=text(json.get("status")),
        client_secret=address(json.get("client_secret")),
        payment_method_id=id_of(json.get("payment_method")),
        customer_id=id_of(json.get("customer")),
        error_message=text(child(json, "last_setup_error").get("message")),
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
        status=setup.status or SESSION_STATUS.get(text(json.get("status")), ""),
        payment_method_id=setup.payment_method_id,
        customer_id=id_of(json.get("customer")) or setup.customer_id,
        error_message=setup.error_message,
        url=address(json.get("url")),
        session_id=id_of(json),
    )
