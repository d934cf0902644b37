"""A case's work: `sync` it with Stripe, plan its next step, pay it when a person asks.

Webhooks, the clock, reconciliation and the card page all come through here, so there is one place
where evidence is fetched, the core is asked, and its answer is stored.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from recover.cases import attempts, ledger, lifecycle
from recover.cases.core_facts import facts_of
from recover.cases.evidence import Evidence, fetch_evidence
from recover.cases.timeline import note
from recover.dunning import (
    CaseState,
    CloseReason,
    Decision,
    Facts,
    RetryMode,
    RetryPayment,
    Stop,
    Trigger,
    Wait,
    allowance,
    decide,
)
from recover.dunning.assessment import barring_rule
from recover.learning import timing_in_force
from recover.messages import suppression
from recover.messages.subscriber import queue
from recover.models import Account, RecoveryCase
from recover.services import Services
from recover.stripe_api.objects import Payment, PaymentMethod
from recover.workflow import end_of_dunning


def sync(services: Services, account: Account, invoice_id: str) -> RecoveryCase | None:
    """Bring our view of one invoice in line with Stripe's, and plan its next step.

    Opens a case where one is due. Never charges or writes to a subscriber itself: what is due now
    is left to `steps.run`, which is queued. None where the invoice is no concern of ours.
    Raises StripeUnavailable, StripeAccessLost.
    """
    evidence = fetch_evidence(services.stripe(account), invoice_id, services.now())
    with services.db.begin() as session:
        case = lifecycle.find_or_open(session, services, account, evidence)
        if case is None:
            return None
        if attempts.pending(session, case) is None:
            facts = load_facts(session, account, case, evidence)
            plan(session, services, account, case, evidence, facts)
        due = case.next_step_at is not None and case.next_step_at <= evidence.at
    if due:
        services.enqueue("run_step", case.id)
    return case


def sync_known(services: Services, account: Account, invoice_id: str) -> None:
    """`sync`, but only where there is a case: most invoices are simply paid, and asking Stripe
    about each of them would cost three requests for every renewal.
    """
    query = select(RecoveryCase.id).where(
        RecoveryCase.account_id == account.id, RecoveryCase.stripe_invoice_id == invoice_id
    )
    with services.db.read() as session:
        has_case = session.scalar(query) is not None
    if has_case:
        sync(services, account, invoice_id)


def sync_subscription(services: Services, account: Account, subscription_id: str) -> None:
    """Something about a subscription changed: look at its unfinished invoices again."""
    _sync_where(services, account, RecoveryCase.stripe_subscription_id == subscription_id)


def sync_customer(services: Services, account: Account, customer_id: str) -> None:
    """A customer or one of their cards changed: a new card may be tried at once."""
    _sync_where(services, account, RecoveryCase.stripe_customer_id == customer_id)


def _sync_where(services: Services, account: Account, condition: ColumnElement[bool]) -> None:
    unfinished = or_(
        RecoveryCase.state == CaseState.OPEN,
        RecoveryCase.close_reason == CloseReason.PAUSED,  # it goes on when the pause ends
    )
    query = select(RecoveryCase.stripe_invoice_id).where(
        RecoveryCase.account_id == account.id, unfinished, condition
    )
    with services.db.read() as session:
        invoice_ids = list(session.scalars(query))
    for invoice_id in invoice_ids:
        sync(services, account, invoice_id)


def sync_charge(services: Services, account: Account, charge_id: str) -> None:
    """A charge was refunded or disputed: the ledger gives the money back."""
    charge = services.stripe(account).charge(charge_id)
    if charge is None:
        return
    with services.db.begin() as session:
        ledger.book_given_back(session, account.id, charge, services.now())
    if charge.disputed:
        sync_customer(services, account, charge.customer_id)


def pay_now(
    services: Services,
    account: Account,
    invoice_id: str,
    trigger: Trigger,
    reason: str,
    *,
    actor: str,
) -> Payment | None:
    """Charge because a person, the ``actor``, asked for it a moment ago.

    None where there is nothing to charge any more, the card may not be tried now, another try is
    under way, or the account only observes. Raises StripeUnavailable (the clock resumes the try),
    StripeAccessLost.
    """
    attempt_id = begin_payment(services, account, invoice_id, trigger, reason, actor=actor)
    return complete_payment(services, account, invoice_id, attempt_id) if attempt_id else None


def begin_payment(
    services: Services,
    account: Account,
    invoice_id: str,
    trigger: Trigger,
    reason: str,
    method: PaymentMethod | None = None,
    *,
    actor: str,
) -> int:
    """Write the row of a try that a person asked for, on ``method`` or on the card on file.

    While the row is pending nobody else charges this invoice; if nobody completes it, the clock
    does. Its id, or 0 (see `pay_now`). An account that observes charges for subscribers alone.
    """
    if account.mode == RetryMode.OBSERVE and trigger != Trigger.SUBSCRIBER:
        return 0
    evidence = fetch_evidence(services.stripe(account), invoice_id, services.now())
    evidence = replace(evidence, chosen=method)
    with services.db.begin() as session:
        case = lifecycle.find_or_open(session, services, account, evidence)
        if case is None:
            return 0
        if not _may_charge(session, account, case, evidence):
            return 0
        if case.state != CaseState.OPEN:  # the clock looks after open cases only
            lifecycle.reopen(session, case, evidence.at, reason, actor)
        case.next_step_at = evidence.at + attempts.IN_FLIGHT
        wish = RetryPayment(trigger, reason)
        row = attempts.begin(session, account, case, evidence, wish, actor=actor)
        return row.id if row else 0


def complete_payment(
    services: Services, account: Account, invoice_id: str, attempt_id: int
) -> Payment | None:
    """Make the pending try and bring the case up to date with what came of it."""
    payment = attempts.make(services, account, attempt_id)
    sync(services, account, invoice_id)
    return payment


def _may_charge(session: Session, account: Account, case: RecoveryCase, evidence: Evidence) -> bool:
    """A person may charge an exhausted case, but nothing that is paid, ended or never to be
    tried again on this card.
    """
    if attempts.pending(session, case) or end_of_dunning.under_way(session, case, evidence.at):
        return False
    facts = load_facts(session, account, case, evidence)
    decision = _decide(session, account, case, facts, evidence.at)
    ended = isinstance(decision, Stop) and decision.state != CaseState.EXHAUSTED
    return not ended and _may_charge_card(facts, evidence.at)


def _may_charge_card(facts: Facts, now: datetime) -> bool:
    """A person's wish is bound by the networks too: no forbidden card, no try beyond the caps."""
    if facts.card is None or barring_rule(facts):
        return False
    return allowance(facts, now).attempts_left > 0


def load_facts(session: Session, account: Account, case: RecoveryCase, evidence: Evidence) -> Facts:
    """What the core decides on: the evidence, our rows, and whether the customer may be written to.

    Built once for each decision, and handed on to whatever carries it out.
    """
    suppressed = suppression.is_suppressed(session, account.id, case.stripe_customer_id)
    return facts_of(session, account, case, evidence, suppressed=suppressed)


def _decide(
    session: Session, account: Account, case: RecoveryCase, facts: Facts, now: datetime
) -> Decision:
    timing = timing_in_force.timing_of(session, account, case.stripe_invoice_id)
    case.warnings = timing_in_force.warnings(timing, facts, now)
    return decide(facts, timing_in_force.campaign_of(account, case), timing, now)


def plan(
    session: Session,
    services: Services,
    account: Account,
    case: RecoveryCase,
    evidence: Evidence,
    facts: Facts,
) -> Decision:
    """Ask the core and store its answer: the next step, or the end."""
    decision = _decide(session, account, case, facts, evidence.at)
    if isinstance(decision, Stop):
        if lifecycle.finish(session, case, evidence, decision):
            queue.add_thanks(session, services, account, case)
            end_of_dunning.prepare(session, services, account, case)
        return decision
    if case.state != CaseState.OPEN:
        lifecycle.reopen(session, case, evidence.at)
    if isinstance(decision, Wait) and decision.reason != case.next_step_reason:
        note(session, case, "plan", decision.reason, evidence.at)
    case.next_step_at = decision.until if isinstance(decision, Wait) else evidence.at
    case.next_step_reason = decision.reason
    return decision
