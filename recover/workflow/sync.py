"""Synchronise a case with Stripe, plan its next step, and pay its invoice when a person asks.

Webhooks, the clock, reconciliation and the card page all use these functions. So there is one
place where evidence is fetched, the core decides, and its decision is stored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

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
from recover.dunning.assessment import attempts_made, barring_rule
from recover.foundation.set_aside import for_each
from recover.learning import timing_in_force
from recover.messages import suppression
from recover.messages.subscriber import queue
from recover.models import Account, RecoveryCase
from recover.services import Services
from recover.stripe_api.objects import Payment, PaymentMethod
from recover.workflow import end_of_dunning

ONE_PRESS = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a subscriber agreed to: one act leads to one authorisation of at most the amount."""

    act: str  # such as "card-update-7"
    amount_minor: int | None  # None: of a page shown before amounts were kept

    def exceeded_by(self, amount_minor: int) -> bool:
        return self.amount_minor is not None and amount_minor > self.amount_minor


# Closed for the time being: such a case goes on when the pause, the dispute or the warning is over.
RESUMABLE = (CloseReason.PAUSED, CloseReason.DISPUTED, CloseReason.FRAUD_WARNING)


def sync(services: Services, account: Account, invoice_id: str) -> RecoveryCase | None:
    """Update one invoice's case from Stripe, opening it where one is due, and plan its next step.

    This neither charges nor writes to a subscriber: where a step is due now, `steps.run` is queued.
    None where the invoice neither has a case nor calls for one.
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
    """`sync` an invoice that has a case, and ignore any other.

    Most invoices are paid at once. Asking Stripe about each would cost three requests a renewal.
    """
    query = select(RecoveryCase.id).where(
        RecoveryCase.account_id == account.id, RecoveryCase.stripe_invoice_id == invoice_id
    )
    with services.db.read() as session:
        has_case = session.scalar(query) is not None
    if has_case:
        sync(services, account, invoice_id)


def sync_subscription(services: Services, account: Account, subscription_id: str) -> None:
    """`sync` the unfinished cases of a subscription that changed."""
    _sync_where(services, account, RecoveryCase.stripe_subscription_id == subscription_id)


def sync_customer(services: Services, account: Account, customer_id: str) -> None:
    """`sync` the unfinished cases of a customer who changed, or whose card did."""
    _sync_where(services, account, RecoveryCase.stripe_customer_id == customer_id)


def _sync_where(services: Services, account: Account, condition: ColumnElement[bool]) -> None:
    unfinished = or_(
        RecoveryCase.state == CaseState.OPEN,
        RecoveryCase.close_reason.in_(RESUMABLE),
    )
    query = select(RecoveryCase.stripe_invoice_id).where(
        RecoveryCase.account_id == account.id, unfinished, condition
    )
    with services.db.read() as session:
        invoice_ids = list(session.scalars(query))
    for_each(invoice_ids, partial(sync, services, account), "invoice")


def sync_charge(services: Services, account: Account, charge_id: str) -> None:
    """Book in the ledger what was given back of a charge: a refund, or one that failed since."""
    charge = services.stripe(account).charge(charge_id)
    if charge is None:
        return
    with services.db.begin() as session:
        ledger.book_given_back(session, account.id, charge, services.now())


def pay_now(
    services: Services,
    account: Account,
    invoice_id: str,
    trigger: Trigger,
    reason: str,
    *,
    actor: str,
) -> Payment | None:
    """Charge an invoice because a person, the ``actor``, asked for it just now.

    None where nothing can be charged any more, the card may not be charged now, another payment
    attempt is under way, or the account observes. Raises StripeUnavailable (the clock resumes the
    attempt) and StripeAccessLost.
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
    agreed: Agreed | None = None,
) -> int:
    """Write the row of an attempt that a person asked for, on ``method`` or on the card on file.

    ``agreed``: to what a subscriber agreed, and by which act. Its id, or 0 where nothing may be
    charged (see `pay_now`). While the row is pending nobody else charges this invoice; if nobody
    completes the payment, the clock does. While the account observes, only subscribers may ask.
    """
    if account.mode == RetryMode.OBSERVE and trigger != Trigger.SUBSCRIBER:
        return 0
    evidence = fetch_evidence(services.stripe(account), invoice_id, services.now())
    evidence = replace(evidence, chosen=method)
    with services.db.begin() as session:
        case = lifecycle.find_or_open(session, services, account, evidence)
        if case is None:
            return 0
        if not _may_charge(session, account, case, evidence, trigger):
            return 0
        if agreed and agreed.exceeded_by(case.amount_remaining_minor):
            return 0
        if case.state != CaseState.OPEN:  # the clock looks after open cases only
            lifecycle.reopen(session, case, evidence.at, reason, actor)
        case.next_step_at = evidence.at + attempts.IN_FLIGHT
        decision = RetryPayment(trigger, reason)
        act = agreed.act if agreed else ""
        attempt = attempts.begin(session, account, case, evidence, decision, actor=actor, act=act)
        return attempt.id if attempt else 0


def complete_payment(
    services: Services, account: Account, invoice_id: str, attempt_id: int
) -> Payment | None:
    """Make the pending attempt and `sync` its case. What `attempts.make` answered."""
    payment = attempts.make(services, account, attempt_id)
    sync(services, account, invoice_id)
    return payment


def _may_charge(
    session: Session, account: Account, case: RecoveryCase, evidence: Evidence, trigger: Trigger
) -> bool:
    """Whether a person may charge this invoice now.

    They may where the case is exhausted, but not where the invoice is paid, the subscription has
    ended, or the networks forbid it (`_may_charge_card`).
    """
    if attempts.pending(session, case) or end_of_dunning.under_way(session, case, evidence.at):
        return False
    if attempts.paid_since(session, case, evidence):
        return False
    facts = load_facts(session, account, case, evidence)
    if trigger is Trigger.FOUNDER and _tried_just_now(facts, evidence.at):
        return False
    decision = _decide(session, account, case, facts, evidence.at)
    ended = isinstance(decision, Stop) and decision.state != CaseState.EXHAUSTED
    return not ended and _may_charge_card(facts, evidence.at)


def _tried_just_now(facts: Facts, now: datetime) -> bool:
    """Whether somebody had this card tried a moment ago: pressed twice, a button means once."""
    lately = [
        past
        for past in attempts_made(facts)
        if past.trigger is Trigger.FOUNDER and past.at > now - ONE_PRESS
    ]
    return any(
        past.card is None or (facts.card is not None and facts.card.same_credentials(past.card))
        for past in lately
    )


def _may_charge_card(facts: Facts, now: datetime) -> bool:
    """Whether the networks' rules and retry budget allow an attempt on the card on file."""
    if facts.card is None or barring_rule(facts):
        return False
    return allowance(facts, now).attempts_left > 0


def load_facts(session: Session, account: Account, case: RecoveryCase, evidence: Evidence) -> Facts:
    """The facts for the core: the evidence, our rows, and whether the customer gets mail.

    Loaded once for each decision, and handed on to what carries it out.
    """
    suppressed = suppression.is_suppressed(
        session, account.id, case.stripe_customer_id, case.customer_email
    )
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
    """Let the core decide on ``facts`` and store the decision: the next step, or the end."""
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
