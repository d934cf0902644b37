"""Credit notes, and the payments of an invoice that are not its default one."""

from __future__ import annotations

from sandbox import crediting, installments
from sandbox.api.call import Call, route
from sandbox.api.errors import refused, required
from sandbox.objects import parts
from sandbox.state import Obj

_BACK = "refund_amount credit_amount out_of_band_amount"


@route(
    "POST",
    "/v1/credit_notes",
    f"invoice amount reason memo email_type effective_at metadata {_BACK}",
)
def create(call: Call) -> Obj:
    """``email_type=none`` keeps Stripe from mailing the customer, which it does by default."""
    invoice = call.named("invoice", "invoice")
    if "amount" not in call.params:
        raise required("amount")
    back = crediting.Back(*(call.integer(name, 0) for name in _BACK.split()))
    try:
        return crediting.issue(
            call.store,
            invoice,
            call.integer("amount", 0),
            back,
            reason=call.params.get("reason", ""),
            memo=call.params.get("memo", ""),
        )
    except crediting.CreditRefused as refusal:
        raise refused(str(refusal)) from None


@route("GET", "/v1/credit_notes", "page invoice customer created")
def index(call: Call) -> Obj:
    return call.page(call.newest("credit_note", "customer", owner="invoice"))


@route("GET", "/v1/credit_notes/<note_id>")
def retrieve(call: Call, note_id: str) -> Obj:
    return call.find("credit_note", note_id)


@route("POST", "/v1/credit_notes/<note_id>/void")
def void(call: Call, note_id: str) -> Obj:
    note = call.find("credit_note", note_id)
    try:
        crediting.void(call.store, note)
    except crediting.CreditRefused as refusal:
        raise refused(str(refusal)) from None
    return note


@route("POST", "/v1/invoices/<invoice_id>/attach_payment", "payment_intent payment_record")
def attach(call: Call, invoice_id: str) -> Obj:
    invoice = call.find("invoice", invoice_id)
    named = "payment_intent" if "payment_intent" in call.params else "payment_record"
    payment = call.named(named, named)
    try:
        installments.attach(call.store, invoice, payment)
    except installments.PartRefused as refusal:
        raise refused(str(refusal)) from None
    return invoice


@route(
    "POST",
    "/v1/payment_records/report_payment",
    "amount_requested initiated_at outcome guaranteed payment_method_details customer_details "
    "processor_details description metadata customer_presence",
)
def report(call: Call) -> Obj:
    amount = call.params.get("amount_requested", {})
    if not amount.get("value", "").isdecimal() or not amount.get("currency"):
        raise required("amount_requested")
    return parts.payment_record(call.store, int(amount["value"]), amount["currency"])


@route("GET", "/v1/payment_records/<record_id>")
def record(call: Call, record_id: str) -> Obj:
    return call.find("payment_record", record_id)


@route(
    "POST",
    "/v1/payment_intents",
    "amount currency customer payment_method confirm off_session description metadata",
)
def create_intent(call: Call) -> Obj:
    """A payment intent of its own; confirmed here or later, and then attached to an invoice."""
    customer = call.named("customer", "customer")
    intent = parts.part_intent(
        call.store,
        customer["id"],
        call.integer("amount", 0),
        call.text("currency"),
        call.params.get("payment_method"),
    )
    call.store.emit("payment_intent.created", intent)
    if call.flag("confirm"):
        installments.confirm(call.store, intent)
    return intent
