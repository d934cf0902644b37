"""The ledger: a line for each invoice won back, saying who won it, and negative lines for money
given back later. Every amount that a founder sees as won back is a sum over these lines.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from recover.cases import disputes
from recover.cases.core_facts import attempts_of
from recover.cases.core_values import past_attempt
from recover.cases.evidence import Evidence
from recover.cases.timeline import note
from recover.compliance.audit_log import STRIPE
from recover.dunning import Outcome, credit
from recover.models import Attempt, CardUpdate, LedgerKind, LedgerLine, RecoveryCase
from recover.stripe_api.objects import Charge

STRIPE_EARLY = timedelta(hours=1)
# Why a line of money given back is zero again.
MONEY_BACK = {
    LedgerKind.REFUNDED: "The refund failed at the bank, so the money came back.",
    LedgerKind.DISPUTED: "The dispute is over, and the money was not taken or came back.",
}


def book_recovery(session: Session, case: RecoveryCase, evidence: Evidence) -> None:
    """Write the line of a recovered invoice: the amount owed when the case opened."""
    rows = attempts_of(session, case)
    winner = next((row for row in rows if row.outcome == Outcome.SUCCEEDED), None)
    invoice = evidence.invoice
    attribution = credit(
        tuple(past_attempt(row) for row in rows),
        past_attempt(winner) if winner else None,
        paid_out_of_band=bool(invoice and invoice.paid_out_of_band),
        saved_on_our_page=winner is not None and _saved_on_our_page(session, winner),
        stripe_was_due=winner is not None and _stripe_was_due(case, winner),
    )
    session.add(
        LedgerLine(
            account_id=case.account_id,
            case_id=case.id,
            kind=LedgerKind.RECOVERED,
            reference=case.stripe_invoice_id,
            source=attribution.source,
            reason=attribution.reason,
            amount_minor=case.amount_minor,
            currency=case.currency,
            at=(invoice.paid_at if invoice else None) or evidence.at,
        )
    )
    for charge in evidence.invoice_charges():  # a refund may be heard of before the payment
        book_given_back(session, case.account_id, charge, evidence.at)


def _saved_on_our_page(session: Session, winner: Attempt) -> bool:
    query = select(CardUpdate.id).where(
        CardUpdate.account_id == winner.account_id,
        CardUpdate.payment_method_id == winner.payment_method_id,
    )
    return bool(winner.payment_method_id) and session.scalar(query.limit(1)) is not None


def _stripe_was_due(case: RecoveryCase, winner: Attempt) -> bool:
    """Whether a retry of Stripe's own was due by then; if not, the customer paid by themselves."""
    planned = case.stripe_next_attempt_at
    return planned is not None and winner.attempted_at >= planned - STRIPE_EARLY


def undo_recovery(session: Session, case: RecoveryCase) -> None:
    """Delete the line of a case that turns out not to be recovered."""
    session.execute(
        delete(LedgerLine).where(
            LedgerLine.account_id == case.account_id,
            LedgerLine.case_id == case.id,
            LedgerLine.kind == LedgerKind.RECOVERED,
        )
    )


def book_given_back(session: Session, account_id: int, charge: Charge, now: datetime) -> None:
    """Book a refund or a dispute of a charge that had recovered an invoice.

    Stripe's amount is the total refunded so far. A second, partial refund therefore replaces the
    amount of the first one's line. A refund that failed, a dispute that was won or an inquiry that
    was withdrawn leaves a line of zero: the money is the company's again.
    """
    attempt = session.scalar(
        select(Attempt).where(
            Attempt.account_id == account_id, Attempt.stripe_charge_id == charge.id
        )
    )
    if attempt is None or attempt.outcome != Outcome.SUCCEEDED:
        return
    case = session.get_one(RecoveryCase, attempt.case_id)
    refunded = charge.amount_refunded_minor
    _set_amount(session, case, charge, LedgerKind.REFUNDED, refunded, now)
    taken = disputes.money_taken(session, account_id, charge)
    _set_amount(session, case, charge, LedgerKind.DISPUTED, taken, now)


def _set_amount(
    session: Session,
    case: RecoveryCase,
    charge: Charge,
    kind: LedgerKind,
    amount: int,
    now: datetime,
) -> None:
    """Set the charge's line of this ``kind`` to minus ``amount``. No line is added for zero."""
    line = session.scalar(
        select(LedgerLine).where(
            LedgerLine.case_id == case.id,
            LedgerLine.kind == kind,
            LedgerLine.reference == charge.id,
        )
    )
    if line is None:
        if not amount:
            return
        line = LedgerLine(
            account_id=case.account_id,
            case_id=case.id,
            kind=kind,
            reference=charge.id,
            source="",
            currency=charge.currency,
            at=now,
            amount_minor=0,
        )
        session.add(line)
    if line.amount_minor != -amount:
        line.amount_minor = -amount
        line.reason = f"The payment was {kind} afterwards." if amount else MONEY_BACK[kind]
        note(session, case, kind if amount else "returned", line.reason, now, actor=STRIPE)
