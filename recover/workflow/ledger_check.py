"""Hold the ledger against Stripe's books, case by case, and correct what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import or_, select

from recover.cases import ledger, ledger_corrections, lifecycle
from recover.cases.charge_import import import_charges
from recover.cases.evidence import Evidence, fetch_evidence
from recover.cases.money_in import paid_without_money
from recover.dunning import CaseState
from recover.models import Account, LedgerLine, RecoveryCase
from recover.services import Services
from recover.workflow import sync


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one case's lines, a sentence each."""

    invoice_id: str
    words: tuple[str, ...]


def count(services: Services, account: Account) -> int:
    """How many cases `check` looks at."""
    return len(_invoice_ids(services, account))


def check(
    services: Services, account: Account, *, fix: bool, actor: str
) -> Iterator[Finding | None]:
    """Look at every case that won money: what is wrong with it, or None, one after another.

    With ``fix`` it is corrected. Three or four requests a case. Raises StripeUnavailable,
    StripeAccessLost.
    """
    for invoice_id in _invoice_ids(services, account):
        evidence = _evidence(services, account, invoice_id)
        words = _compare(services, account, evidence, fix=fix, actor=actor)
        yield Finding(invoice_id, tuple(words)) if words else None


def _invoice_ids(services: Services, account: Account) -> list[str]:
    """The invoices of all cases that are recovered, or that have a line, oldest first."""
    lines = select(LedgerLine.id).where(LedgerLine.case_id == RecoveryCase.id)
    query = select(RecoveryCase.stripe_invoice_id).where(
        RecoveryCase.account_id == account.id,
        or_(RecoveryCase.state == CaseState.RECOVERED, lines.exists()),
    )
    with services.db.read() as session:
        return list(session.scalars(query.order_by(RecoveryCase.id)))


def _evidence(services: Services, account: Account, invoice_id: str) -> Evidence:
    """Evidence in which the refunds of the invoice's charges were looked at one by one."""
    stripe = services.stripe(account)
    evidence = fetch_evidence(stripe, invoice_id, services.now())
    ours = {charge.id for charge in evidence.invoice_charges() if charge.status == "succeeded"}
    charges = tuple(
        stripe.charge(charge.id) or charge if charge.id in ours else charge
        for charge in evidence.charges
    )
    return replace(evidence, charges=charges)


def _compare(
    services: Services, account: Account, evidence: Evidence, *, fix: bool, actor: str
) -> list[str]:
    with services.db.begin() as session:
        case = lifecycle.locked(session, account, evidence.invoice_id)
        if case is None or evidence.invoice is None:
            return []
        if fix:
            import_charges(session, case, evidence)
        found = ledger_corrections.faults(session, case, evidence)
        back = [
            (charge, fault)
            for charge in evidence.invoice_charges()
            if (fault := ledger_corrections.refund_fault(session, case, charge))
        ]
        forgiven = case.state == CaseState.RECOVERED and paid_without_money(
            evidence, case.failed_at
        )
        if fix:
            ledger_corrections.correct(session, case, evidence, actor=actor)
            for charge, _ in back:
                ledger.book_given_back(session, account.id, charge, evidence.at)
    if fix and forgiven:
        sync.sync(services, account, evidence.invoice_id)
    words = [fault.words for fault in found] + [fault for _, fault in back]
    return [*words, "The case is recovered, though no money came in."] if forgiven else words
