"""Prices, subscriptions, and the invoices of their renewals."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.shapes import listing, shape
from sandbox.state import Obj, Store


def price(
    store: Store, amount_minor: int, currency: str, *, product_name: str, interval: str = "month"
) -> Obj:
    """The price of this amount, made once per account."""
    for known in store.all("price"):
        same = (known["unit_amount"], known["currency"], known["recurring"]["interval"])
        if same == (amount_minor, currency, interval) and known["nickname"] == product_name:
            return known
    now = store.epoch()
    product = store.put(
        shape("product", id=store.mint("prod", store.id), name=product_name, created=now)
    )
    made = shape(
        "price",
        id=store.mint("price", store.id),
        created=now,
        currency=currency,
        product=product["id"],
        nickname=product_name,
        unit_amount=amount_minor,
        unit_amount_decimal=str(amount_minor),
    )
    made["recurring"]["interval"] = interval
    return store.put(made)


def subscription(
    store: Store,
    customer: Obj,
    of_price: Obj,
    period: tuple[datetime, datetime],
    *,
    collection_method: str = "charge_automatically",
    default_payment_method: str | None = None,
) -> Obj:
    """An active subscription in the middle of ``period``."""
    start, end = (int(moment.timestamp()) for moment in period)
    sub_id = store.mint("sub", customer["id"])
    sub = shape(
        "subscription",
        id=sub_id,
        customer=customer["id"],
        created=start,
        start_date=start,
        billing_cycle_anchor=start,
        currency=of_price["currency"],
        collection_method=collection_method,
        default_payment_method=default_payment_method,
    )
    item = shape(
        "subscription_item",
        id=store.mint("si", sub_id),
        created=start,
        subscription=sub_id,
        current_period_start=start,
        current_period_end=end,
    )
    item |= {"price": of_price, "plan": _plan(of_price)}
    sub["items"] = listing(f"/v1/subscription_items?subscription={sub_id}", [item])
    return store.put(sub)


def _plan(of_price: Obj) -> Obj:
    return shape(
        "plan",
        id=of_price["id"],
        amount=of_price["unit_amount"],
        amount_decimal=of_price["unit_amount_decimal"],
        currency=of_price["currency"],
        product=of_price["product"],
        nickname=of_price["nickname"],
        created=of_price["created"],
        interval=of_price["recurring"]["interval"],
        metadata={},
    )


def invoice(
    store: Store,
    customer: Obj,
    lines: list[Obj],
    *,
    subscription: Obj | None = None,
    billing_reason: str = "manual",
    **fields: Any,
) -> Obj:
    """A draft, not filed yet. ``lines`` from `line`; the amounts are their sum."""
    total = sum(line["amount"] for line in lines)
    invoice_id = store.mint("in", subscription["id"] if subscription else customer["id"])
    made = shape(
        "invoice",
        id=invoice_id,
        created=store.epoch(),
        customer=customer["id"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_address=customer["address"],
        account_country=store.account["country"],
        account_name=store.account["business_profile"]["name"],
        billing_reason=billing_reason,
        period_start=store.epoch(),
        period_end=store.epoch(),
        **dict.fromkeys(
            ("amount_due", "amount_remaining", "subtotal", "subtotal_excluding_tax", "total"), total
        ),
        total_excluding_tax=total,
        **fields,
    )
    for line in lines:
        line["invoice"] = invoice_id
    made["lines"] = listing(f"/v1/invoices/{invoice_id}/lines", lines)
    if subscription:
        made["parent"] = {
            "quote_details": None,
            "subscription_details": {"metadata": {}, "subscription": subscription["id"]},
            "type": "subscription_details",
        }
    return made


def line(
    store: Store,
    amount_minor: int,
    currency: str,
    *,
    description: str,
    period: tuple[int, int],
    item: Obj | None = None,
) -> Obj:
    """One line of an invoice; ``item`` is the subscription item it bills."""
    parent = None
    if item:
        parent = {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": item["subscription"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        }
    return shape(
        "line_item",
        id=store.mint("il", item["id"] if item else description),
        amount=amount_minor,
        subtotal=amount_minor,
        currency=currency,
        description=description,
        period={"start": period[0], "end": period[1]},
        parent=parent,
        pricing={"type": "price_details", "unit_amount_decimal": str(amount_minor)},
        subscription=item["subscription"] if item else None,
    )


def subscription_id(invoice: Obj) -> str:
    """The id of the subscription the invoice renews, or "" for a one-off."""
    parent = invoice["parent"] or {}
    return str((parent.get("subscription_details") or {}).get("subscription", ""))
