"""The ledger: a line for each payment that won an invoice back, saying who won it, and negative
lines for money given back later. Every amount that a founder sees as won back is a sum over these
lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from recover.cases import disputes
from recover.cases.core_facts import attempts_of
from recover.cases.core_values import past_attempt
from recover.cases.evidence import Evidence
from recover.cases.money_in import Receipt, receipts
from recover.cases.timeline import note
from recover.compliance.audit_log import STRIPE
from recover.dunning import Credit, Outcome, credit
from recover.models import Attempt, CardUpdate, LedgerKind, LedgerLine, RecoveryCase
from recover.stripe_api.objects import Charge

STRIPE_EARLY = timedelta(hours=1)
WON = (LedgerKind.RECOVERED, LedgerKind.CORRECTED)  # money that came in, or did not after all
# What is written of a payment that went back, and of one that is here again after all.
GIVEN_BACK = {
    LedgerKind.REFUNDED: "The payment was refunded afterwards.",
    LedgerKind.DISPUTED: "The payment was disputed afterwards.",
}
HERE_AGAIN = {
    LedgerKind.REFUNDED: "A refund did not go through, and that money is here again.",
    LedgerKind.DISPUTED: "The dispute is over, and the money was not taken or is here again.",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A payment that came in, and who won it."""

    receipt: Receipt
    credit: Credit


def book_recovery(session: Session, case: RecoveryCase, evidence: Evidence) -> None:
    """Write a line for each payment of the invoice that has none: what was paid, and who won it.

    An invoice that was forgiven gets no line. What an older version booked as one line of all that
    was owed is left to `ledger_corrections`.
    """
    booked = {line.reference for line in won_lines(session, case)}
    entries = entries_of(session, case, evidence)
    if case.stripe_invoice_id not in booked:
        for entry in entries:
            if not booked.intersection(entry.receipt.names):
                session.add(_line_of(case, entry))
        session.flush()
    for charge in evidence.invoice_charges():  # a refund may be heard of before the payment
        book_given_back(session, case.account_id, charge, evidence.at)


def won_lines(
    session: Session, case: RecoveryCase, kinds: Sequence[LedgerKind] = (LedgerKind.RECOVERED,)
) -> list[LedgerLine]:
    """The lines of money that came in, in the order in which they were written."""
    query = select(LedgerLine).where(
        LedgerLine.account_id == case.account_id,
        LedgerLine.case_id == case.id,
        LedgerLine.kind.in_(kinds),
    )
    return list(session.scalars(query.order_by(LedgerLine.id)))


def entries_of(session: Session, case: RecoveryCase, evidence: Evidence) -> list[Entry]:
    """Every payment since the failure, each with who won it, oldest first."""
    rows = attempts_of(session, case)
    return [
        Entry(receipt, _credit_of(session, case, rows, receipt))
        for receipt in receipts(evidence, case.failed_at)
    ]


def _credit_of(
    session: Session, case: RecoveryCase, rows: Sequence[Attempt], receipt: Receipt
) -> Credit:
    winner = _attempt_behind(rows, receipt)
    return credit(
        tuple(past_attempt(row) for row in rows),
        past_attempt(winner) if winner else None,
        paid_out_of_band=receipt.off_stripe,
        saved_on_our_page=winner is not None and _saved_on_our_page(session, winner),
        stripe_was_due=winner is not None and _stripe_was_due(case, winner),
    )


def _attempt_behind(rows: Sequence[Attempt], receipt: Receipt) -> Attempt | None:
    """The payment attempt that this very payment came of; another one may have succeeded too."""
    ids = {row.stripe_charge_id: row for row in rows if row.outcome == Outcome.SUCCEEDED}
    ids |= {row.stripe_payment_intent_id: row for row in rows if row.outcome == Outcome.SUCCEEDED}
    return next((ids[name] for name in receipt.names if name in ids), None)


def _line_of(case: RecoveryCase, entry: Entry) -> LedgerLine:
    return LedgerLine(
        account_id=case.account_id,
        case_id=case.id,
        kind=LedgerKind.RECOVERED,
        reference=entry.receipt.names[0],
        source=entry.credit.source,
        reason=entry.credit.reason,
        amount_minor=entry.receipt.amount_minor,
        currency=case.currency,
        at=entry.receipt.at,
    )


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
    """Delete the lines of a case that turns out not to be recovered."""
    session.execute(
        delete(LedgerLine).where(
            LedgerLine.account_id == case.account_id,
            LedgerLine.case_id == case.id,
            LedgerLine.kind == LedgerKind.RECOVERED,
        )
    )


def book_given_back(
    session: Session,
    account_id: int,
    charge: Charge,
    now: datetime,
) -> None:
    """Book a refund or a dispute of a charge that had won money back.

    Stripe's amount is the total refunded so far. A second, partial refund therefore replaces the
    amount of the first one's line. A refund that failed, a dispute that was won or an inquiry that
    was withdrawn lowers it again: the money is the company's.
    """
    case, won = won_by(session, account_id, charge)
    if case is None:
        return
    refunded = min(charge.amount_refunded_minor, won)
    _set_amount(session, case, charge, LedgerKind.REFUNDED, refunded, now)
    taken = min(disputes.money_taken(session, account_id, charge), won - refunded)
    _set_amount(session, case, charge, LedgerKind.DISPUTED, taken, now)


def won_by(session: Session, account_id: int, charge: Charge) -> tuple[RecoveryCase | None, int]:
    """(the case, locked, how much of the charge counts as won back); (None, 0) for any other."""
    attempt = session.scalar(
        select(Attempt).where(
            Attempt.account_id == account_id, Attempt.stripe_charge_id == charge.id
        )
    )
    if attempt is None or attempt.outcome != Outcome.SUCCEEDED:
        return None, 0
    case = session.get_one(RecoveryCase, attempt.case_id, with_for_update=True)
    lines = {line.reference: line for line in won_lines(session, case)}
    own = lines.get(charge.id) or lines.get(charge.payment_intent_id)
    if own:
        return case, own.amount_minor
    return (case, charge.amount_minor) if case.stripe_invoice_id in lines else (None, 0)


def _set_amount(
    session: Session,
    case: RecoveryCase,
    charge: Charge,
    kind: LedgerKind,
    amount: int,
    now: datetime,
) -> None:
    """Set the charge's line of this ``kind`` to minus ``amount``; zero where it is here again.

    No line is added for zero.
    """
    line = session.scalar(
        select(LedgerLine).where(
            LedgerLine.account_id == case.account_id,
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
        here_again = amount < -line.amount_minor
        line.amount_minor = -amount
        line.reason = (HERE_AGAIN if here_again else GIVEN_BACK)[kind]
        note(session, case, "returned" if here_again else kind, line.reason, now, actor=STRIPE)
