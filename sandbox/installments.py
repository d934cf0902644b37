"""Several payments of one invoice: payment intents and records beside its default payment."""

from __future__ import annotations

from sandbox import lifecycle
from sandbox.books import Source
from sandbox.issuers import Authorisation
from sandbox.objects import charges, parts
from sandbox.objects.subscriptions import subscription_id
from sandbox.payments import take
from sandbox.state import Obj, Store


class PartRefused(Exception):
    """Stripe would not attach this payment; the text says why."""


def attach(store: Store, invoice: Obj, payment: Obj) -> None:
    """Let a payment intent or record pay the invoice, or a part of it, now or once it succeeds."""
    if invoice["status"] not in ("open", "uncollectible"):
        raise PartRefused("Payments may only be attached to an open invoice.")
    record = payment["object"] == "payment_record"
    amount = payment["amount_guaranteed"]["value"] if record else payment["amount"]
    _require_whole(store, invoice, amount)
    if record:
        lifecycle.take_off_stripe(store, invoice, payment)
        return
    made = parts.invoice_payment(store, invoice, amount, "payment_intent", payment["id"])
    store.link(payment, invoice["id"])
    if payment["status"] == "succeeded":
        take(store, invoice, made, amount, Source.PART, payment["latest_charge"])


def _require_whole(store: Store, invoice: Obj, amount_minor: int) -> None:
    """Stripe documents: no parts for a subscription's invoice that is charged automatically."""
    automatic = invoice["collection_method"] == "charge_automatically"
    part = amount_minor < invoice["amount_remaining"]
    if subscription_id(invoice) and automatic and part and not store.state.partial_payments:
        raise PartRefused(
            "Partial payments are not supported for subscription invoices with "
            "`collection_method=charge_automatically`."
        )


def stands_alone(store: Store, intent: Obj) -> bool:
    """No invoice made this intent; it may be attached to one all the same."""
    return not any(one["is_default"] for one in store.owned("invoice_payment", intent["id"]))


def confirm(store: Store, intent: Obj) -> bool:
    """Charge an intent that stands alone; what it is attached to is paid by it. False: declined."""
    method = store.get(intent["payment_method"])
    request = Authorisation(
        at=store.now(), amount_minor=intent["amount"], currency=intent["currency"]
    )
    answer = store.state.issuers.authorise(store.truth(method["id"]), request)
    made = charges.charge(store, {"customer": intent["customer"]}, intent, method, answer)
    intent["latest_charge"] = made["id"]
    if not answer.approved:
        error = charges.payment_error(answer, made["id"], dict(method))
        intent.update(
            status="requires_payment_method", payment_method=None, last_payment_error=error
        )
        store.emit("charge.failed", made)
        store.emit("payment_intent.payment_failed", intent)
        return False
    intent.update(status="succeeded", amount_received=intent["amount"])
    store.emit("charge.succeeded", made)
    store.emit("payment_intent.succeeded", intent)
    for payment in store.owned("invoice_payment", intent["id"]):
        invoice = store.get(payment["invoice"])
        take(store, invoice, payment, intent["amount"], Source.PART, made["id"])
    return True
