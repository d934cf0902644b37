"""What can happen to an invoice, a subscription or a charge, whoever asks for it."""

from __future__ import annotations

from sandbox import disputes
from sandbox.books import Source
from sandbox.objects import charges, parts
from sandbox.objects.subscriptions import subscription_id
from sandbox.payments import Attempt, release, settle, take
from sandbox.state import Obj, Store


def finalize(store: Store, invoice: Obj) -> None:
    """Draft -> open: it gets a number, an address, and something to be paid with."""
    customer = store.get(invoice["customer"])
    sequence = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] = sequence + 1
    invoice.update(
        status="open",
        number=f"{customer['invoice_prefix']}-{sequence:04d}",
        effective_at=store.epoch(),
        hosted_invoice_url=f"{store.state.base_url}/i/{invoice['id']}",
        invoice_pdf=f"{store.state.base_url}/i/{invoice['id']}/pdf",
    )
    invoice["status_transitions"]["finalized_at"] = store.epoch()
    store.emit("invoice.finalized", invoice)
    if invoice["amount_remaining"] == 0:
        settle(store, invoice)
        return
    intent = charges.payment_intent(store, invoice)
    store.emit("payment_intent.created", intent)


def announce_failure(store: Store, invoice: Obj, attempt: Attempt, *, counted: bool = True) -> None:
    """After a failed try: the invoice's events, and a subscription that is now past due.

    ``counted``: the try moved ``attempt_count``, which manual tries after the first do not.
    """
    if counted:
        store.emit("invoice.updated", invoice, {"attempt_count": invoice["attempt_count"] - 1})
    store.emit("invoice.payment_failed", invoice)
    if attempt.answer.decline_code == "authentication_required":
        store.emit("invoice.payment_action_required", invoice)
    mark_past_due(store, invoice)


def mark_past_due(store: Store, invoice: Obj) -> None:
    store.set_delinquent(invoice["customer"], delinquent=True)
    sub = store.objects.get(subscription_id(invoice))
    if sub and sub["status"] == "active":
        store.change(sub, "customer.subscription.updated", status="past_due")


def pay_out_of_band(store: Store, invoice: Obj) -> None:
    """The company says that all of it was paid elsewhere: Stripe keeps that as a payment record."""
    record = parts.payment_record(store, invoice["amount_remaining"], invoice["currency"])
    take_off_stripe(store, invoice, record)


def take_off_stripe(store: Store, invoice: Obj, record: Obj) -> None:
    """Attach a payment record: what was paid of the invoice outside Stripe."""
    amount = record["amount_guaranteed"]["value"]
    payment = parts.invoice_payment(store, invoice, amount, "payment_record", record["id"])
    invoice["amount_paid_off_stripe"] += min(amount, invoice["amount_remaining"])
    take(store, invoice, payment, amount, Source.OUT_OF_BAND, record["id"])


def void(store: Store, invoice: Obj) -> None:
    release(store, invoice)
    _close(store, invoice, "void", "voided_at")
    store.emit("invoice.voided", invoice)


def mark_uncollectible(store: Store, invoice: Obj) -> None:
    _close(store, invoice, "uncollectible", "marked_uncollectible_at")
    store.emit("invoice.marked_uncollectible", invoice)


def _close(store: Store, invoice: Obj, status: str, transition: str) -> None:
    previous = {"status": invoice["status"], "auto_advance": invoice["auto_advance"]}
    invoice.update(status=status, next_payment_attempt=None, auto_advance=False)
    invoice["status_transitions"][transition] = store.epoch()
    case = store.state.books.failed.get(invoice["id"])
    if case:
        case.closed = status
    store.emit("invoice.updated", invoice, previous)


def cancel_subscription(store: Store, sub: Obj, reason: str) -> None:
    """Ends at once. ``reason``: cancellation_requested or payment_failed."""
    if sub["status"] == "canceled":
        return
    sub.update(status="canceled", canceled_at=store.epoch(), ended_at=store.epoch())
    sub["cancellation_details"]["reason"] = reason
    store.emit("customer.subscription.deleted", sub)
    latest = store.objects.get(sub["latest_invoice"] or "")
    if latest and latest["status"] == "open":
        # Stripe stops collecting an ended subscription's open invoice by itself.
        previous = {key: latest[key] for key in ("auto_advance", "next_payment_attempt")}
        latest.update(auto_advance=False, next_payment_attempt=None)
        store.emit("invoice.updated", latest, previous)


def refund(store: Store, charge: Obj, amount_minor: int) -> Obj:
    made = charges.refund(store, charge, amount_minor)
    previous = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += amount_minor
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    store.state.books.record_back(charge["id"], store.now(), amount_minor)
    store.emit("refund.created", made)
    store.emit("charge.refunded", charge, previous)
    if charge["refunded"]:
        disputes.settle_warnings(store, charge)
    return made


def fail_refund(store: Store, made: Obj) -> None:
    """The customer's bank sends a refund back, days later: the money is the company's again."""
    charge = store.get(made["charge"])
    charge["amount_refunded"] -= made["amount"]
    charge["refunded"] = False
    store.state.books.record_back(charge["id"], store.now(), -made["amount"])
    made["failure_reason"] = "lost_or_stolen_card"
    store.change(made, "refund.updated", status="failed")
    store.emit("refund.failed", made)


def dispute(store: Store, charge: Obj) -> Obj:
    return disputes.begin(store, charge)
