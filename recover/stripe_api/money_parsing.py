"""Parses the payments of an invoice, and what went back of a charge."""

from __future__ import annotations

from collections.abc import Mapping

from recover.stripe_api.json_fields import Json, child, id_of, items_of, moment, text
from recover.stripe_api.objects import InvoicePayment, Refund


def invoice_payment(json: Json) -> InvoicePayment:
    payment = child(json, "payment")
    kind = text(payment.get("type"))
    return InvoicePayment(
        id=id_of(json),
        kind=kind,
        behind=id_of(payment.get(kind)),
        status=text(json.get("status")),
        amount_paid_minor=json.get("amount_paid") or 0,
        paid_at=moment(child(json, "status_transitions").get("paid_at")),
    )


def refunded(json: Json) -> int:
    """The refunds that went through or are under way, where they are shown; else Stripe's sum."""
    if not isinstance(json.get("refunds"), Mapping) or child(json, "refunds").get("has_more"):
        return json.get("amount_refunded") or 0
    shown = map(refund, items_of(json["refunds"]))
    return sum(one.amount_minor for one in shown if one.holds)


def refund(json: Json) -> Refund:
    return Refund(
        id=id_of(json),
        charge_id=id_of(json.get("charge")),
        amount_minor=json.get("amount") or 0,
        status=text(json.get("status")),
    )
