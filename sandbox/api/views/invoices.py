"""Invoices and their payments."""

from __future__ import annotations

from sandbox import lifecycle
from sandbox.api.call import Call, route
from sandbox.api.errors import ApiError, missing, refused
from sandbox.books import Source
from sandbox.objects import subscriptions
from sandbox.objects.subscriptions import subscription_id
from sandbox.payments import Attempt, attempt, charged_method
from sandbox.state import Obj

MINIMUM_MINOR = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50, "huf": 17_500, "sek": 300, "mxn": 1000}
_EDITABLE = "auto_advance description metadata"


@route("GET", "/v1/invoices", "page status customer subscription collection_method created")
def index(call: Call) -> Obj:
    wanted = call.params.get("subscription")
    found = call.newest("invoice", "status", "collection_method")
    return call.page(one for one in found if wanted in (None, subscription_id(one)))


@route("POST", "/v1/invoices", f"customer collection_method currency {_EDITABLE}")
def create(call: Call) -> Obj:
    customer = call.named("customer", "customer")
    currency = call.params.get("currency", customer["currency"])
    invoice = subscriptions.invoice(call.store, customer, [], currency=currency)
    call.store.put(invoice)
    _edit(call, invoice)
    call.store.emit("invoice.created", invoice)
    return invoice


@route("GET", "/v1/invoices/<invoice_id>")
def retrieve(call: Call, invoice_id: str) -> Obj:
    return call.find("invoice", invoice_id)


@route("POST", "/v1/invoices/<invoice_id>", _EDITABLE)
def update(call: Call, invoice_id: str) -> Obj:
    invoice = call.find("invoice", invoice_id)
    _edit(call, invoice)
    return invoice


def _edit(call: Call, invoice: Obj) -> None:
    fields: Obj = {"metadata": invoice["metadata"] | call.params.get("metadata", {})}
    if "description" in call.params:
        fields["description"] = call.params["description"] or None
    if "auto_advance" in call.params:
        fields["auto_advance"] = call.flag("auto_advance")
    call.store.change(invoice, "invoice.updated", **fields)


@route("DELETE", "/v1/invoices/<invoice_id>")
def delete(call: Call, invoice_id: str) -> Obj:
    invoice = call.find("invoice", invoice_id)
    if invoice["status"] != "draft":
        raise refused("You can only delete draft invoices.", "invoice_not_editable")
    call.store.remove(invoice)
    call.store.emit("invoice.deleted", invoice)
    return {"id": invoice_id, "object": "invoice", "deleted": True}


@route("POST", "/v1/invoices/<invoice_id>/finalize", "auto_advance")
def finalize(call: Call, invoice_id: str) -> Obj:
    invoice = call.find("invoice", invoice_id)
    if invoice["status"] != "draft":
        raise refused("This invoice is already finalized.", "invoice_not_editable")
    lifecycle.finalize(call.store, invoice)
    return invoice


@route(
    "POST",
    "/v1/invoices/<invoice_id>/pay",
    "payment_method off_session paid_out_of_band source mandate forgive",
)
def pay(call: Call, invoice_id: str) -> Obj:
    store, invoice = call.store, call.find("invoice", invoice_id)
    if invoice["status"] == "draft":
        lifecycle.finalize(store, invoice)
    _require_payable(call, invoice)
    if call.flag("paid_out_of_band"):
        lifecycle.pay_out_of_band(store, invoice)
        return invoice
    method = _method(call, invoice)
    _require_amount(call, invoice)
    off_session = call.flag("off_session", default=True)
    made = attempt(store, invoice, method, Source.API_PAY, off_session=off_session)
    # A manual try counts only as the first one; Stripe's schedule does not move.
    first = invoice["attempt_count"] == 0
    invoice["attempt_count"] = max(1, invoice["attempt_count"])
    if made.status == "succeeded":
        return invoice
    if made.status == "requires_action":
        raise _requires_action(made)
    lifecycle.announce_failure(store, invoice, made, counted=first)
    raise declined(made.intent)


def _require_payable(call: Call, invoice: Obj) -> None:
    """Stripe sends no error code with these two."""
    if invoice["status"] in ("paid", "void"):
        call.sandbox.books.refused_after_end[invoice["status"]] += 1
    if invoice["status"] == "paid":
        raise refused("Invoice is already paid")
    if invoice["status"] == "void":
        raise refused("Voided invoices cannot be paid.")


def _require_amount(call: Call, invoice: Obj) -> None:
    """Stripe charges no less than about half a dollar (docs.stripe.com/currencies)."""
    currency = invoice["currency"]
    least = MINIMUM_MINOR.get(currency, MINIMUM_MINOR["usd"])
    if invoice["amount_remaining"] < least:
        call.sandbox.books.refused_requests[invoice["id"]] += 1
        text = "Amount must convert to at least 50 cents. " if currency != "usd" else ""
        raise refused(f"{text}Amount must be at least {least} {currency}.", "amount_too_small")


def _method(call: Call, invoice: Obj) -> Obj:
    wanted = call.params.get("payment_method") or call.params.get("source")
    if not wanted:
        method = charged_method(call.store, invoice)
        if method is None:
            raise refused(
                "There is no `default_payment_method` set on this Customer or Invoice. Please set "
                "either an ``invoice_settings.default_payment_method`` on the Customer or a "
                "`default_payment_method` on the Invoice and retry."
            )
        return method
    method = call.store.objects.get(wanted)
    if method is None:
        raise missing("payment_method", wanted, "payment_method", status=400)
    if method["customer"] != invoice["customer"]:
        raise ApiError(
            400,
            f"The customer does not have a payment method with the ID {wanted}. The payment method "
            "must be attached to the customer.",
            code="resource_missing",
            param="payment_method",
        )
    return method


def declined(intent: Obj) -> ApiError:
    """402, with the payment intent and everything the issuer let on."""
    error = dict(intent["last_payment_error"])
    text = error.pop("message")
    error.pop("type")
    return ApiError(402, text, type_="card_error", executed=True, payment_intent=intent, **error)


def _requires_action(made: Attempt) -> ApiError:
    return ApiError(
        402,
        "This payment requires additional user action before it can be completed successfully. "
        "Payment can be completed using the PaymentIntent associated with the invoice.",
        type_="card_error",
        executed=True,
        code="invoice_payment_intent_requires_action",
        payment_intent=made.intent,
    )


@route("POST", "/v1/invoices/<invoice_id>/void")
def void(call: Call, invoice_id: str) -> Obj:
    invoice = call.find("invoice", invoice_id)
    if invoice["status"] not in ("open", "uncollectible"):
        raise refused("You can only void open invoices. This invoice isn't open.")
    if _attached(call, invoice, "open", "paid"):
        raise refused("You cannot void an invoice with an attached payment that is open or paid.")
    lifecycle.void(call.store, invoice)
    return invoice


def _attached(call: Call, invoice: Obj, *statuses: str) -> bool:
    """A payment beside the default one has one of these statuses."""
    payments = call.store.owned("invoice_payment", invoice["id"])
    return any(one["status"] in statuses and not one["is_default"] for one in payments)


@route("POST", "/v1/invoices/<invoice_id>/mark_uncollectible")
def mark_uncollectible(call: Call, invoice_id: str) -> Obj:
    invoice = call.find("invoice", invoice_id)
    if invoice["status"] != "open":
        raise refused("You can only mark open invoices uncollectible. This invoice isn't open.")
    if _attached(call, invoice, "open"):
        raise refused("An open payment is attached to this invoice; cancel it first.")
    lifecycle.mark_uncollectible(call.store, invoice)
    return invoice


@route("GET", "/v1/invoice_payments", "page invoice payment status created")
def payments(call: Call) -> Obj:
    held = call.store.all("invoice_payment")
    of_intent = call.params.get("payment", {}).get("payment_intent")
    if of_intent:
        held = call.store.owned("invoice_payment", of_intent)
    elif "invoice" in call.params:
        held = call.store.owned("invoice_payment", call.params["invoice"])
    keys = [key for key in ("invoice", "status") if key in call.params]
    found = [one for one in reversed(held) if all(one[k] == call.params[k] for k in keys)]
    return call.page(one for one in found if call.in_time(one["created"]))


@route("GET", "/v1/invoice_payments/<payment_id>")
def payment(call: Call, payment_id: str) -> Obj:
    return call.find("invoice_payment", payment_id)
