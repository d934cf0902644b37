"""Money that came in for a failed invoice since it failed: each payment of it, by Stripe's books.

An invoice may be paid in parts, outside Stripe, or not at all: a credit note makes it paid without
any money. So what counts is its payments, never what was owed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from recover.cases.evidence import Evidence
from recover.stripe_api.objects import Charge, InvoicePayment

# A failure without a charge is dated by our clock, which may be ahead of Stripe's.
CLOCK_SKEW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Receipt:
    """One payment that came in. ``names``: every id it may stand in the ledger by, best first."""

    names: tuple[str, ...]
    amount_minor: int
    at: datetime
    charge: Charge | None = None
    off_stripe: bool = False


def receipts(evidence: Evidence, failed_at: datetime) -> list[Receipt]:
    """The payments of the invoice since ``failed_at``, oldest first."""
    found = [*_payments(evidence), *_without_payment(evidence)]
    since = failed_at - CLOCK_SKEW
    return sorted((one for one in found if one.at >= since), key=lambda one: one.at)


def paid_without_money(evidence: Evidence, failed_at: datetime) -> bool:
    """Stripe shows the invoice paid, and nothing came in since it failed: it was forgiven."""
    invoice = evidence.invoice
    return invoice is not None and invoice.status == "paid" and not receipts(evidence, failed_at)


def _payments(evidence: Evidence) -> Iterator[Receipt]:
    invoice = evidence.invoice
    charges = {c.payment_intent_id: c for c in evidence.charges if c.status == "succeeded"}
    charges |= {charge.id: charge for charge in evidence.charges}
    for payment in invoice.payments if invoice else ():
        if payment.status == "paid" and payment.amount_paid_minor:
            yield _receipt(payment, charges.get(payment.behind), evidence)


def _receipt(payment: InvoicePayment, charge: Charge | None, evidence: Evidence) -> Receipt:
    names = (charge.id if charge else "", payment.behind, payment.id)
    paid_at = evidence.invoice.paid_at if evidence.invoice else None
    return Receipt(
        names=tuple(dict.fromkeys(filter(None, names))),
        amount_minor=payment.amount_paid_minor,
        at=payment.paid_at or (charge.created_at if charge else None) or paid_at or evidence.at,
        charge=charge,
        off_stripe=payment.kind == "payment_record",
    )


def _without_payment(evidence: Evidence) -> Iterator[Receipt]:
    """What Stripe counts as paid, though it lists no payment of it: settled outside Stripe."""
    invoice = evidence.invoice
    if invoice is None:
        return
    listed = sum(one.amount_paid_minor for one in invoice.payments if one.status == "paid")
    rest = invoice.amount_paid_minor - listed
    if rest > 0:
        at = invoice.paid_at or evidence.at
        yield Receipt((invoice.id,), rest, at, off_stripe=not invoice.more_payments)
