"""Charging an invoice, and everything Stripe changes and announces because of it."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.answers import Answer
from sandbox.books import Source, Try
from sandbox.issuers import Authorisation
from sandbox.objects import charges
from sandbox.objects.subscriptions import subscription_id
from sandbox.state import Obj, Store, moment

NEXT_ACTION = {
    "type": "use_stripe_sdk",
    "use_stripe_sdk": {"type": "three_d_secure_redirect", "source": "", "stripe_js": ""},
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one try; ``charge`` is None where the cardholder must authenticate first."""

    status: str  # succeeded, declined, requires_action
    answer: Answer
    intent: Obj
    charge: Obj | None = None


def charged_method(store: Store, invoice: Obj) -> Obj | None:
    """What Stripe charges for this invoice, in Stripe's order."""
    sub = store.objects.get(subscription_id(invoice), {})
    customer = store.get(invoice["customer"])
    places = (
        invoice["default_payment_method"],
        sub.get("default_payment_method"),
        sub.get("default_source"),
        customer.get("invoice_settings", {}).get(
            "default_payment_method"
        ),  # a deleted one has none
        customer.get("default_source"),
    )
    return next((store.get(place) for place in places if place), None)


def attempt(
    store: Store,
    invoice: Obj,
    method: Obj,
    source: Source,
    *,
    off_session: bool = True,
    authenticated: bool = False,
) -> Attempt:
    """One authorisation for what remains of an open invoice, with all its consequences.

    Made on session, a card that wants 3-D Secure leads to no authorisation but to
    ``requires_action``.
    """
    intent = charges.default_intent(store, invoice)
    if intent is None:
        raise ValueError("a draft cannot be charged")
    truth = store.truth(method["id"])
    request = Authorisation(
        at=store.now(),
        amount_minor=intent["amount"],
        currency=intent["currency"],
        invoice_id=invoice["id"],
        invoice_created_at=moment(invoice["created"]),
        authenticated=authenticated,
    )
    answer = store.state.issuers.authorise(truth, request)
    if answer.decline_code == "authentication_required" and not off_session:
        return _challenge(store, invoice, intent, method, answer)
    charge = charges.charge(store, invoice, intent, method, answer)
    intent["latest_charge"] = charge["id"]
    _record(store, invoice, charge, answer, source, off_session=off_session)
    invoice["attempted"] = True
    if answer.approved:
        _succeed(store, invoice, intent, charge, source)
        return Attempt("succeeded", answer, intent, charge)
    _fail(store, intent, charge, answer)
    return Attempt("declined", answer, intent, charge)


def _record(
    store: Store,
    invoice: Obj,
    charge: Obj,
    answer: Answer,
    source: Source,
    *,
    off_session: bool,
) -> None:
    card = charge["payment_method_details"]["card"]
    sub = store.objects.get(subscription_id(invoice), {})
    store.state.books.tries.append(
        Try(
            at=store.now(),
            account=store.id,
            invoice=invoice["id"],
            charge=charge["id"],
            fingerprint=card["fingerprint"],
            brand=card["brand"],
            amount_minor=charge["amount"],
            currency=charge["currency"],
            source=source,
            off_session=off_session,
            approved=answer.approved,
            decline_code=answer.decline_code,
            hard=answer.hard,
            reached_network=answer.network_status != "not_sent_to_network",
            after_cancel=sub.get("status") == "canceled",
        )
    )


def _challenge(store: Store, invoice: Obj, intent: Obj, method: Obj, answer: Answer) -> Attempt:
    intent.update(
        status="requires_action", next_action=dict(NEXT_ACTION), payment_method=method["id"]
    )
    store.emit("payment_intent.requires_action", intent)
    store.emit("invoice.payment_action_required", invoice)
    return Attempt("requires_action", answer, intent)


def _succeed(store: Store, invoice: Obj, intent: Obj, charge: Obj, source: Source) -> None:
    intent.update(
        status="succeeded",
        amount_received=intent["amount"],
        payment_method=charge["payment_method"],
        last_payment_error=None,
        next_action=None,
    )
    store.emit("charge.succeeded", charge)
    store.emit("payment_intent.succeeded", intent)
    [payment] = store.owned("invoice_payment", intent["id"])
    take(store, invoice, payment, intent["amount"], source, charge["id"])


def take(
    store: Store, invoice: Obj, payment: Obj, amount_minor: int, source: Source, behind: str
) -> None:
    """Money came in for the invoice: ``payment`` is paid, ``behind`` it a charge or a record.

    What is more than remains goes to the customer's balance, as Stripe has it.
    """
    taken = min(amount_minor, invoice["amount_remaining"])
    payment.update(status="paid", amount_paid=taken)
    payment["status_transitions"]["paid_at"] = store.epoch()
    before = {key: invoice[key] for key in ("amount_paid", "amount_remaining")}
    invoice["amount_paid"] += taken
    invoice["amount_remaining"] -= taken
    invoice["amount_overpaid"] += amount_minor - taken
    customer = store.get(invoice["customer"])
    if amount_minor > taken and "deleted" not in customer:
        customer["balance"] -= amount_minor - taken
    store.state.books.record_paid(invoice["id"], store.now(), taken, source, behind)
    if invoice["amount_remaining"] == 0:
        settle(store, invoice)
    else:
        follow(store, invoice)
        store.emit("invoice.updated", invoice, before)
    store.emit("invoice_payment.paid", payment)


def follow(store: Store, invoice: Obj) -> None:
    """The default payment's amount follows what remains."""
    intent = charges.default_intent(store, invoice)
    if intent is not None and intent["status"] not in ("succeeded", "canceled"):
        intent["amount"] = invoice["amount_remaining"]
        for payment in store.owned("invoice_payment", intent["id"]):
            payment["amount_requested"] = invoice["amount_remaining"]


def settle(store: Store, invoice: Obj) -> None:
    """Nothing remains to be paid, by money or by credit notes: say so everywhere."""
    release(store, invoice)
    invoice.update(status="paid", attempted=True, next_payment_attempt=None)
    invoice["status_transitions"]["paid_at"] = store.epoch()
    store.state.books.record_settled(invoice["id"], store.now())
    store.emit("invoice.paid", invoice)
    store.emit("invoice.payment_succeeded", invoice)
    store.set_delinquent(invoice["customer"], delinquent=False)
    sub = store.objects.get(subscription_id(invoice))
    waiting = sub and sub["status"] in ("past_due", "unpaid")
    if sub and waiting and sub["latest_invoice"] == invoice["id"]:
        store.change(sub, "customer.subscription.updated", status="active")


def _fail(store: Store, intent: Obj, charge: Obj, answer: Answer) -> None:
    method = store.get(charge["payment_method"])
    wants_customer = answer.decline_code == "authentication_required"
    intent.update(
        status="requires_action" if wants_customer else "requires_payment_method",
        # Stripe forgets a declined method; one that only lacks authentication is kept.
        payment_method=method["id"] if wants_customer else None,
        next_action=dict(NEXT_ACTION) if wants_customer else None,
        last_payment_error=charges.payment_error(answer, charge["id"], dict(method)),
    )
    store.emit("charge.failed", charge)
    store.emit("payment_intent.payment_failed", intent)
    if wants_customer:
        store.emit("payment_intent.requires_action", intent)


def release(store: Store, invoice: Obj) -> None:
    """The invoice is not collected any more: cancel the payments of it that are still open."""
    for payment in store.owned("invoice_payment", invoice["id"]):
        if payment["status"] != "open":
            continue
        payment["status"] = "canceled"
        payment["status_transitions"]["canceled_at"] = store.epoch()
        intent = store.get(payment["payment"]["payment_intent"])
        intent.update(status="canceled", canceled_at=store.epoch(), next_action=None)
        intent["cancellation_reason"] = "void_invoice"
        store.emit("payment_intent.canceled", intent)
