"""Before a change of mode: who owns each past-due invoice.

For the present mode and each that could be switched to, so that a founder sees that nothing
would be orphaned or retried twice. Nothing is charged, sent or changed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from recover.cases.core_values import invoice_state
from recover.cases.evidence import fetch_evidence
from recover.dunning import (
    DEFAULT,
    CaseSnapshot,
    CaseState,
    CloseReason,
    RetryMode,
)
from recover.dunning.ownership import Owner, Ownership, PastDue, ownership, past_due
from recover.learning import timing_in_force
from recover.models import Account, RecoveryCase
from recover.services import Services
from recover.stripe_api.objects import Invoice
from recover.workflow import sync

MODES = tuple(RetryMode)


@dataclass(frozen=True, slots=True)
class Line:
    """One past-due invoice; ``modes`` holds an answer for every mode."""

    invoice_id: str
    customer_id: str
    amount_minor: int
    currency: str
    modes: dict[RetryMode, Ownership]


@dataclass(frozen=True, slots=True)
class Report:
    """``missing``: invoices of open cases that Stripe does not list as past due (any more)."""

    stripe_account_id: str
    mode: RetryMode
    at: datetime
    lines: tuple[Line, ...]
    missing: tuple[str, ...]

    def owners(self, mode: RetryMode) -> dict[Owner, int]:
        counts = Counter(line.modes[mode].owner for line in self.lines)
        return {owner: counts[owner] for owner in Owner}

    def uncharged(self, mode: RetryMode) -> int:
        """Invoices that nobody will charge again unless the customer acts."""
        return sum(not line.modes[mode].charged for line in self.lines)


def switchover(services: Services, account: Account) -> Report:
    """Three requests for each past-due invoice that has a case, and the list of open invoices.

    Raises StripeUnavailable, StripeAccessLost.
    """
    now, listed = services.now(), past_due_invoices(services, account)
    lines = tuple(line(services, account, invoice, now) for invoice in listed)
    missing = missing_invoices(services, account, {one.id for one in listed})
    return Report(account.stripe_account_id, RetryMode(account.mode), now, lines, missing)


def past_due_invoices(services: Services, account: Account) -> list[Invoice]:
    """What Stripe lists as past due now."""
    found = services.stripe(account).invoices(status="open")
    return [one for one in found if past_due(invoice_state(one))]


def missing_invoices(services: Services, account: Account, listed: set[str]) -> tuple[str, ...]:
    """The invoices of open cases that Stripe does not list."""
    open_cases = select(RecoveryCase.stripe_invoice_id).where(
        RecoveryCase.account_id == account.id, RecoveryCase.state == CaseState.OPEN
    )
    with services.db.read() as session:
        return tuple(sorted(set(session.scalars(open_cases)) - listed))


def line(services: Services, account: Account, invoice: Invoice, now: datetime) -> Line:
    """Who owns one past-due invoice, in each mode."""
    one = _as_past_due(services, account, invoice, now)
    with services.db.read() as session:
        timing = timing_in_force.timing_of(session, account, invoice.id)
    return Line(
        invoice_id=invoice.id,
        customer_id=invoice.customer_id,
        amount_minor=invoice.amount_remaining_minor,
        currency=invoice.currency,
        modes={mode: ownership(one, mode, timing, now) for mode in MODES},
    )


def _as_past_due(services: Services, account: Account, invoice: Invoice, now: datetime) -> PastDue:
    query = select(RecoveryCase).where(
        RecoveryCase.account_id == account.id, RecoveryCase.stripe_invoice_id == invoice.id
    )
    state, retry_at = invoice_state(invoice), invoice.next_payment_attempt_at
    with services.db.read() as session:
        case = session.scalar(query)
    if case is None:
        return PastDue(state, retry_at, None, None, timing_in_force.within_limits(account, DEFAULT))
    evidence = fetch_evidence(services.stripe(account), invoice.id, now)
    with services.db.read() as session:
        facts = sync.load_facts(session, account, case, evidence)
    steps = timing_in_force.campaign_of(account, case)
    return PastDue(state, facts.next_stripe_attempt_at, _snapshot(case), facts, steps)


def _snapshot(case: RecoveryCase) -> CaseSnapshot:
    reason = CloseReason(case.close_reason) if case.close_reason else None
    state = CaseState(case.state)
    return CaseSnapshot(case.stripe_invoice_id, state, case.amount_remaining_minor, reason)
