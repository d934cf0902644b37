"""Payments of an invoice beside its default one, and money that came in outside Stripe."""

from __future__ import annotations

from sandbox.shapes import shape
from sandbox.state import Obj, Store


def invoice_payment(
    store: Store, invoice: Obj, amount_minor: int, kind: str, behind: str, *, default: bool = False
) -> Obj:
    """An open payment of an invoice; ``behind`` is the id of what pays it, of this ``kind``."""
    payment = store.put(
        shape(
            "invoice_payment",
            id=store.mint("inpay", invoice["id"]),
            invoice=invoice["id"],
            amount_requested=amount_minor,
            currency=invoice["currency"],
            created=store.epoch(),
            livemode=False,
            is_default=default,
            status="open",
            payment={"type": kind, kind: behind},
        )
    )
    store.link(payment, behind)
    return payment


def payment_record(store: Store, amount_minor: int, currency: str) -> Obj:
    """What a company reports of a payment that another processor made, or nobody did."""
    amount = {"currency": currency, "value": amount_minor}
    nothing = {"currency": currency, "value": 0}
    made = shape("payment_record", id=store.mint("pr", store.id), created=store.epoch())
    for name in (name for name in made if name.startswith("amount")):
        made[name] = dict(amount if name in ("amount", "amount_requested") else nothing)
    made["amount_guaranteed"] = dict(amount)
    return store.put(made)


def part_intent(
    store: Store, customer_id: str, amount_minor: int, currency: str, method_id: str | None
) -> Obj:
    """A payment intent that no invoice made, such as one for a part of what an invoice asks."""
    intent_id = store.mint("pi", customer_id)
    return store.put(
        shape(
            "payment_intent",
            id=intent_id,
            client_secret=f"{intent_id}_secret_{store.state.chance.token(25, 'secret', intent_id)}",
            amount=amount_minor,
            currency=currency,
            customer=customer_id,
            created=store.epoch(),
            payment_method=method_id,
            status="requires_confirmation" if method_id else "requires_payment_method",
        )
    )
