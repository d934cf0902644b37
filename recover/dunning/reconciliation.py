"""Reconciliation: what Stripe's books and ours disagree on, and when a case opens at all.

A fix names an invoice and why; the shell fetches that invoice and acts through the same functions
as the webhooks. Applied fixes leave nothing to fix.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from recover.dunning.decisions import CaseState, CloseReason


@dataclass(frozen=True, slots=True)
class InvoiceState:
    """Stripe's side of one invoice."""

    invoice_id: str
    status: str
    amount_remaining_minor: int
    attempted: bool
    billing_reason: str
    collection_method: str
    subscription_id: str
    paid_at: datetime | None = None
    credited: bool = False  # paid, though no money ever came in
    payment_status: str = ""  # of the default PaymentIntent; "processing": a debit under way


@dataclass(frozen=True, slots=True)
class CaseSnapshot:
    """Our side of one invoice."""

    invoice_id: str
    state: CaseState
    amount_minor: int  # what the case believes is left to pay
    close_reason: CloseReason | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether an invoice opens a case, and why or why not. True in a condition if it does."""

    opens: bool
    reason: str

    def __bool__(self) -> bool:
        return self.opens


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A failed renewal on Stripe that has no case here."""

    invoice_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class SyncCase:
    """The two sides disagree: fetch the invoice and settle, reopen or close the case by it."""

    invoice_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class MissingOnStripe:
    """An open case whose invoice was in no list: fetch it alone; it may be gone."""

    invoice_id: str
    reason: str


Fix = OpenCase | SyncCase | MissingOnStripe

RENEWALS = frozenset({"subscription_cycle", "subscription_update", "subscription_threshold"})
# Closed because of what the invoice was said to be: if it is open after all, the reason was wrong.
# The other reasons (a paused or ended subscription, a dispute) hold while the invoice stays open.
_REFUTED_BY_OPEN = frozenset(
    {
        CloseReason.VOIDED,
        CloseReason.UNCOLLECTIBLE,
        CloseReason.DELETED,
        CloseReason.NOTHING_OWED,
        CloseReason.CREDITED,
        CloseReason.DISCONNECTED,  # reconciliation runs for connected accounts only
    }
)


def opens_case(invoice: InvoiceState) -> Opening:
    """The one rule of when a case opens, for webhooks and reconciliation alike."""
    if why_not := _why_no_case(invoice):
        return Opening(opens=False, reason=why_not)
    return Opening(opens=True, reason="A renewal was tried and is not paid.")


def _why_no_case(invoice: InvoiceState) -> str:
    obstacles = (
        (invoice.status != "open", f"the invoice is {invoice.status or 'unknown'}"),
        (invoice.amount_remaining_minor <= 0, "nothing is left to pay"),
        (invoice.collection_method != "charge_automatically", "it is not charged automatically"),
        (not invoice.subscription_id, "it belongs to no subscription"),
        (invoice.billing_reason == "subscription_create", "it is a subscription's first invoice"),
        (invoice.billing_reason not in RENEWALS, "it is no renewal"),
        (not invoice.attempted, "no payment was tried yet"),
        (invoice.payment_status == "processing", "a payment is under way"),
    )
    return next((f"No case: {text}." for applies, text in obstacles if applies), "")


def fixes(stripe_side: Iterable[InvoiceState], our_side: Mapping[str, CaseSnapshot]) -> list[Fix]:
    """What to fix, in Stripe's order; the cases that Stripe did not list come last.

    ``stripe_side`` streams all open invoices and those paid recently; ``our_side`` holds, by
    invoice id, all open cases and those of the invoices listed.
    """
    to_fix: list[Fix] = []
    listed: set[str] = set()
    for invoice in stripe_side:
        if invoice.invoice_id in listed:  # pages may overlap while invoices are being made
            continue
        listed.add(invoice.invoice_id)
        if fix := _fix_for(invoice, our_side.get(invoice.invoice_id)):
            to_fix.append(fix)
    to_fix.extend(
        MissingOnStripe(case.invoice_id, "The case is open; Stripe lists no such invoice.")
        for case in our_side.values()
        if case.state is CaseState.OPEN and case.invoice_id not in listed
    )
    return to_fix


def _fix_for(invoice: InvoiceState, case: CaseSnapshot | None) -> Fix | None:
    if case is None:
        opening = opens_case(invoice)
        return OpenCase(invoice.invoice_id, opening.reason) if opening else None
    if reason := _disagreement(invoice, case):
        return SyncCase(invoice.invoice_id, reason)
    return None


def _disagreement(invoice: InvoiceState, case: CaseSnapshot) -> str:
    owed = invoice.status == "open" and invoice.amount_remaining_minor > 0
    if case.state is CaseState.OPEN:
        return _open_case_disagreement(invoice, case, owed=owed)
    if invoice.status == "paid":
        return _paid_disagreement(invoice, case)
    if case.state is CaseState.RECOVERED:
        return f"The case is recovered; Stripe says {invoice.status}."
    if owed and case.close_reason in _REFUTED_BY_OPEN:
        return f"The case was closed as {case.close_reason}; Stripe says open."
    return ""


def _paid_disagreement(invoice: InvoiceState, case: CaseSnapshot) -> str:
    if case.close_reason is CloseReason.CREDITED:
        return ""
    if invoice.credited:
        return f"Stripe says credited, with nothing paid; the case is {case.state}."
    if case.state is not CaseState.RECOVERED:
        return f"Stripe says paid; the case is {case.state}."
    return ""


def _open_case_disagreement(invoice: InvoiceState, case: CaseSnapshot, *, owed: bool) -> str:
    if not owed:
        return f"The case is open; Stripe says {invoice.status}, nothing left to collect."
    if invoice.amount_remaining_minor != case.amount_minor:
        return "The amount left to pay has changed on Stripe."
    return ""
