"""How a case changes within one transaction: it opens, is updated from evidence, reopens, finishes.

Nothing here talks to Stripe: `workflow` fetches the evidence and carries out what follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recover.cases import (
    charge_import,
    disputes,
    ledger,
    ledger_corrections,
    subscriber_timezone,
)
from recover.cases.collection import ENDED
from recover.cases.core_values import invoice_state, past_attempt
from recover.cases.evidence import Evidence, paid_until
from recover.cases.timeline import note
from recover.compliance.audit_log import RECOVER
from recover.compliance.erasure_list import customer_erased
from recover.dunning import (
    DEFAULT,
    CaseState,
    CloseReason,
    EndOfDunning,
    InvoiceState,
    Outcome,
    Stop,
    opens_case,
    rule_of,
)
from recover.integrations import webhook_events
from recover.models import Account, Attempt, Ending, EndingStatus, RecoveryCase
from recover.services import Services
from recover.stripe_api.objects import Charge, Invoice, Subscription

# The action at the end of dunning after which Stripe shows an invoice closed for this reason.
ACTION_BEHIND = {
    CloseReason.SUBSCRIPTION_ENDED: EndOfDunning.CANCEL,
    CloseReason.UNCOLLECTIBLE: EndOfDunning.UNCOLLECTIBLE,
}
OPENED = "A renewal could not be charged."
# Why a case goes on that was closed for this reason, where Stripe's invoice is still open.
RESUMED = {
    CloseReason.DISPUTED: "The payment is disputed no more, or somebody let the case go on.",
    CloseReason.FRAUD_WARNING: "The bank's warning is settled, or somebody let the case go on.",
}
OPEN_AGAIN = "Stripe shows this invoice open again."


def find_or_open(
    session: Session, services: Services, account: Account, evidence: Evidence
) -> RecoveryCase | None:
    """The invoice's case, locked, updated from the evidence, and opened first where one is due.

    None where the invoice neither has a case nor calls for one.
    """
    case = locked(session, account, evidence.invoice_id)
    created = False
    if case is None:
        case, created = open_case(session, services, account, evidence)
    if case:
        disputes.store(session, services.db, account.id, evidence.disputes, evidence.at)
        update_from_evidence(session, account, case, evidence)
    if case and created:  # after the update, so that the event says why the payment failed
        webhook_events.announce(session, case, "open", OPENED, evidence.at)
    return case


def locked(session: Session, account: Account, invoice_id: str) -> RecoveryCase | None:
    """The invoice's case, its row locked until the transaction ends."""
    query = (
        select(RecoveryCase)
        .where(RecoveryCase.account_id == account.id, RecoveryCase.stripe_invoice_id == invoice_id)
        .with_for_update()
    )
    return session.scalar(query)


def open_case(
    session: Session, services: Services, account: Account, evidence: Evidence
) -> tuple[RecoveryCase | None, bool]:
    """The invoice's case, and whether it was opened just now. None where none is due.

    A case is due for a renewal that failed. That holds also where Stripe has already ended the
    subscription because of it: the case is then closed as lost at once, so that no failure is
    missing from the figures. A subscriber who cancelled by choice is no loss, and gets no case.
    """
    invoice, subscription = evidence.invoice, evidence.subscription
    if invoice is None or subscription is None or _left_by_choice(subscription):
        return None, False
    failures = [charge for charge in evidence.invoice_charges() if charge.status == "failed"]
    failed = _state_when_failed(invoice, failures)
    if not opens_case(failed):
        return None, False
    values = {
        "account_id": account.id,
        "stripe_invoice_id": invoice.id,
        "stripe_subscription_id": subscription.id,
        "stripe_customer_id": subscription.customer.id,
        "stripe_test_clock_id": subscription.customer.test_clock_id,
        "currency": invoice.currency,
        "amount_minor": failed.amount_remaining_minor,
        "amount_remaining_minor": invoice.amount_remaining_minor,
        "state": CaseState.OPEN,
        "campaign_key": account.campaign_key or DEFAULT.key,
        "campaign_version": account.campaign_version or DEFAULT.version,
        "failed_at": failures[0].created_at if failures else evidence.at,
        "opened_at": evidence.at,
    }
    if customer_erased(session, account.id, subscription.customer.id):
        values["erased_at"] = evidence.at
    insert = services.db.insert_ignoring_duplicates(RecoveryCase.__table__).values(values)
    created = session.execute(insert.returning(RecoveryCase.id)).scalar() is not None
    case = locked(session, account, invoice.id)
    if case and created:
        reason = f"Renewal invoice {invoice.number or invoice.id} could not be charged."
        # `find_or_open` announces it later, when the case says why the payment failed.
        note(session, case, "open", reason, evidence.at, announce=False)
        if not failures:
            charge_import.record_chargeless_failure(session, case, evidence)
    return case, created


def _state_when_failed(invoice: Invoice, failures: list[Charge]) -> InvoiceState:
    """The invoice as it was when the payment failed.

    An invoice may be paid before we hear of its failure. It still failed and was recovered, though
    not by us, and so it gets a case.
    """
    state = invoice_state(invoice)
    if invoice.status != "paid" or not failures:
        return state
    return replace(state, status="open", amount_remaining_minor=invoice.amount_due_minor)


def _left_by_choice(subscription: Subscription) -> bool:
    return (
        subscription.status in ENDED
        and subscription.cancellation_reason == "cancellation_requested"
    )


def update_from_evidence(
    session: Session, account: Account, case: RecoveryCase, evidence: Evidence
) -> None:
    """Store what Stripe shows now: what is owed, by whom, and every payment attempt."""
    invoice, subscription = evidence.invoice, evidence.subscription
    if invoice:
        case.amount_remaining_minor = invoice.amount_remaining_minor
        case.invoice_number = invoice.number
        if invoice.status == "open":  # Stripe drops its plan once the invoice is paid; we keep it
            case.stripe_next_attempt_at = invoice.next_payment_attempt_at
    if case.erased_at is None:
        _update_customer(account, case, evidence)
    if subscription:
        case.product = subscription.product_name or (invoice.description if invoice else "")
        case.subscription_status = subscription.status
    if invoice and subscription:
        case.paid_until = paid_until(invoice, subscription) or case.paid_until
    case.paid_hours = [at.isoformat() for at in evidence.paid_hours(case.failed_at)]
    rows = charge_import.import_charges(session, case, evidence)
    _describe_latest_failure(case, rows)
    if invoice and invoice.amount_paid_minor and invoice.status != "paid":  # a part is money too
        ledger.book_recovery(session, case, evidence)


def _update_customer(account: Account, case: RecoveryCase, evidence: Evidence) -> None:
    """Store who the customer is. Never called for an erased one, whose data Stripe still has."""
    if evidence.invoice:
        case.hosted_invoice_url = evidence.invoice.hosted_invoice_url
    if evidence.subscription:
        customer = evidence.subscription.customer
        case.customer_email, case.customer_name = customer.email, customer.name
        card_country = evidence.method.country if evidence.method else ""
        countries = (customer.country, card_country)
        case.locale = customer.locale
        case.timezone = subscriber_timezone.timezone_of(
            customer.timezone, countries, account.timezone
        )


def _describe_latest_failure(case: RecoveryCase, rows: Iterable[Attempt]) -> None:
    """Copy the decline and the card of the latest failed attempt to the case."""
    failures = (Outcome.FAILED, Outcome.REQUIRES_ACTION)
    failed = [row for row in rows if row.outcome in failures]
    if not failed:
        return
    case.decline_code = failed[-1].decline_code or failed[-1].error_code
    case.decline_category = rule_of(past_attempt(failed[-1])).category
    case.card_brand, case.card_last4 = failed[-1].card_brand, failed[-1].card_last4
    case.card_issuer = failed[-1].card_issuer


def reopen(
    session: Session,
    case: RecoveryCase,
    now: datetime,
    reason: str = "",
    actor: str = RECOVER,
) -> None:
    """Open a case again that had ended, because its invoice is open and owed."""
    reason = reason or RESUMED.get(case.close_reason, OPEN_AGAIN)  # type: ignore[call-overload]
    if case.state == CaseState.RECOVERED:
        ledger.undo_recovery(session, case)
    case.state, case.close_reason, case.closed_at = CaseState.OPEN, "", None
    if case.erased_at and not customer_erased(session, case.account_id, case.stripe_customer_id):
        case.erased_at = None  # emptied for its age alone; going on needs the address
    note(session, case, "reopen", reason, now, actor=actor)


def plan_anew(
    session: Session, account_id: int, now: datetime, *, case_id: int | None = None
) -> None:
    """Make open cases of an account due now, one or all, so that the next step is planned again."""
    open_cases = update(RecoveryCase).where(
        RecoveryCase.account_id == account_id, RecoveryCase.state == CaseState.OPEN
    )
    if case_id is not None:
        open_cases = open_cases.where(RecoveryCase.id == case_id)
    session.execute(open_cases.values(next_step_at=now))


def close_all(session: Session, account_id: int, stop: Stop, now: datetime, *, actor: str) -> None:
    """End every open case of an account, whatever Stripe shows about the invoices."""
    open_cases = select(RecoveryCase).where(
        RecoveryCase.account_id == account_id, RecoveryCase.state == CaseState.OPEN
    )
    for case in session.scalars(open_cases).all():
        _end(case, stop, now)
        note(session, case, "close", stop.reason, now, actor=actor)


def _end(case: RecoveryCase, stop: Stop, at: datetime) -> None:
    case.state, case.close_reason = stop.state, stop.close_reason or ""
    case.closed_at = at
    case.next_step_at, case.next_step_reason = None, ""


def finish(session: Session, case: RecoveryCase, evidence: Evidence, stop: Stop) -> bool:
    """End the case as the core decided. False where it has already ended in that state."""
    if case.state == stop.state and case.closed_at is not None:
        case.close_reason = stop.close_reason or ""  # such as a dispute after a warning
        return False
    if case.state == CaseState.EXHAUSTED and _done_by_end_of_dunning(session, case, stop):
        return False
    was_recovered = case.state == CaseState.RECOVERED
    _end(case, stop, evidence.at)
    if was_recovered:  # and is not: what was booked had never come in
        ledger_corrections.correct(session, case, evidence, actor=RECOVER)
    if stop.state == CaseState.RECOVERED:
        ledger.book_recovery(session, case, evidence)
        note(session, case, "recover", stop.reason, evidence.at)
    else:
        verb = "exhaust" if stop.close_reason == CloseReason.WINDOW_OVER else "close"
        note(session, case, verb, stop.reason, evidence.at)
    return True


def _done_by_end_of_dunning(session: Session, case: RecoveryCase, stop: Stop) -> bool:
    """Whether Stripe shows only what our own end of dunning did there.

    The case then stays exhausted.
    """
    action = ACTION_BEHIND.get(stop.close_reason) if stop.close_reason else None
    query = select(Ending.id).where(
        Ending.case_id == case.id,
        Ending.action == action,
        Ending.status.in_((EndingStatus.BEGUN, EndingStatus.DONE)),
    )
    return action is not None and session.scalar(query) is not None
