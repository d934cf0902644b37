"""The end of dunning on Stripe: what an account wants done once all retries are used up.

The transaction that exhausts the case writes a pending row. Right before Stripe is asked, fresh
evidence is checked and the row is marked as begun; afterwards it is settled. A worker that dies in
between leaves a begun row, and Stripe then shows whether the action was done.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from secrets import token_hex

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.cases import attempts, lifecycle
from recover.cases.collection import ENDED
from recover.cases.evidence import Evidence, fetch_evidence, still_owed
from recover.cases.timeline import note
from recover.dunning import CaseState, EndOfDunning, RetryMode
from recover.foundation.errors import StripeRejected, StripeUnavailable
from recover.models import Account, Ending, EndingStatus, RecoveryCase
from recover.services import Services

LEASE = timedelta(minutes=10)  # a begun row whose worker died is looked at after this
DEBIT_CHECK = timedelta(hours=6)
BACK_OFF = (1, 5, 30, 120, 360)  # minutes, while Stripe is away or says no
GIVE_UP = timedelta(days=7)
OWING = ("past_due", "unpaid")  # subscriptions whose latest invoice is not paid
# Stripe stores this text with the cancellation, so it keeps its words.
COMMENT = "All payment tries were used up (Recover)."

TO_BE_DONE = {
    EndOfDunning.CANCEL: "the subscription is to be cancelled on Stripe",
    EndOfDunning.UNCOLLECTIBLE: "the invoice is to be marked uncollectible on Stripe",
}
WAS_DONE = {
    EndOfDunning.CANCEL: "The subscription was cancelled on Stripe",
    EndOfDunning.UNCOLLECTIBLE: "The invoice was marked uncollectible on Stripe",
}


def prepare(session: Session, services: Services, account: Account, case: RecoveryCase) -> None:
    """Write the row of what is to be done about a case that was just exhausted, if anything."""
    action = account.end_of_dunning
    if case.state != CaseState.EXHAUSTED or action == EndOfDunning.LEAVE:
        return
    row = session.scalar(select(Ending).where(Ending.case_id == case.id))
    if row is not None and row.status in (
        EndingStatus.PENDING,
        EndingStatus.BEGUN,
        EndingStatus.DONE,
    ):
        return
    if row is None:
        row = Ending(account_id=account.id, case_id=case.id)
        session.add(row)
    now, observing = services.now(), account.mode == RetryMode.OBSERVE
    row.action, row.status = action, EndingStatus.OBSERVED if observing else EndingStatus.PENDING
    row.idempotency_key, row.failures, row.error = f"recover-end-{token_hex(12)}", 0, ""
    row.created_at, row.due_at, row.settled_at = now, now, now if observing else None
    why = "By the account's setting for the end of dunning"
    but = " In observe mode it is only noted." if observing else ""
    note(session, case, "end", f"{why} {TO_BE_DONE[action]}.{but}", now)
    if not observing:
        services.enqueue("end_dunning", once_for=30)


def due(services: Services, limit: int = 100) -> list[int]:
    """The ids of the rows to be carried out now, those included that a dead worker left begun."""
    waiting = (
        Ending.status.in_((EndingStatus.PENDING, EndingStatus.BEGUN)),
        Ending.due_at <= services.now(),
    )
    with services.db.read() as session:
        return list(
            session.scalars(select(Ending.id).where(*waiting).order_by(Ending.due_at).limit(limit))
        )


def carry_out(services: Services, ending_id: int) -> None:
    """Do the action on Stripe, if fresh evidence still calls for it.

    May be called again: what Stripe shows as done is not repeated. Raises StripeAccessLost, after
    the row was put off.
    """
    with services.db.read() as session:
        row = session.get_one(Ending, ending_id)
        case = session.get_one(RecoveryCase, row.case_id)
        account = session.get_one(Account, row.account_id)
    try:
        if begun := _begin(services, account, case, ending_id):
            _ask(services, account, case, begun)
            _settle(services, ending_id, EndingStatus.DONE)
    except StripeUnavailable as error:
        _put_off(services, ending_id, error)
    except StripeRejected as error:
        _refused(services, ending_id, error)
    except Exception as error:
        _put_off(services, ending_id, error)  # or it would be first in every round for ever
        raise


def _begin(
    services: Services, account: Account, case: RecoveryCase, ending_id: int
) -> Ending | None:
    """Check fresh evidence and mark the row as begun. None where Stripe is not to be asked now."""
    if account.disconnected_at:
        _settle(services, ending_id, EndingStatus.SKIPPED, "the Stripe account is disconnected")
        return None
    evidence = fetch_evidence(services.stripe(account), case.stripe_invoice_id, services.now())
    with services.db.begin() as session:
        locked_case = lifecycle.locked(session, account, case.stripe_invoice_id)
        row = session.get_one(Ending, ending_id, with_for_update=True)
        if (
            locked_case is None
            or row.status not in (EndingStatus.PENDING, EndingStatus.BEGUN)
            or row.due_at > evidence.at
        ):
            return None
        if row.status == EndingStatus.BEGUN and _is_done_at_stripe(row.action, evidence):
            _close(session, locked_case, row, EndingStatus.DONE, evidence.at)
        elif why_not := _reason_to_skip(session, locked_case, row, evidence):
            _close(session, locked_case, row, EndingStatus.SKIPPED, evidence.at, why_not)
        elif evidence.invoice and evidence.invoice.payment_intent_status == "processing":
            row.due_at, row.error = evidence.at + DEBIT_CHECK, "a bank debit is under way"
        else:
            row.status, row.due_at = EndingStatus.BEGUN, evidence.at + LEASE
            return row
    return None


def _is_done_at_stripe(action: str, evidence: Evidence) -> bool:
    """Whether Stripe shows the action as done."""
    if action == EndOfDunning.CANCEL:
        return evidence.subscription is None or evidence.subscription.status in ENDED
    return evidence.invoice is not None and evidence.invoice.status == "uncollectible"


def _reason_to_skip(session: Session, case: RecoveryCase, row: Ending, evidence: Evidence) -> str:
    """Why the action must not be done any more, as a clause; "" where it is to be done."""
    account, subscription = session.get_one(Account, row.account_id), evidence.subscription
    reasons = (
        (account.mode == RetryMode.OBSERVE, "the account only observes now"),
        (account.end_of_dunning != row.action, "the setting was changed meanwhile"),
        (case.state != CaseState.EXHAUSTED, f"the case is {case.state} now"),
        (attempts.pending(session, case) is not None, "a payment attempt is under way"),
        (attempts.paid_since(session, case, evidence), "somebody has just paid"),
        (not still_owed(evidence), _no_longer_owed(evidence)),
        (
            subscription is None or subscription.id != case.stripe_subscription_id,
            "the invoice belongs to another subscription now",
        ),
        (
            row.action == EndOfDunning.CANCEL
            and subscription is not None
            and subscription.status not in OWING,
            f"the subscription is {subscription.status if subscription else 'gone'}, not past due",
        ),
        (evidence.at - row.created_at > GIVE_UP, f"it could not be done in a week: {row.error}"),
    )
    return next((text for applies, text in reasons if applies), "")


def _no_longer_owed(evidence: Evidence) -> str:
    """Why nothing is owed any more, as a clause."""
    invoice, subscription = evidence.invoice, evidence.subscription
    if invoice is None or invoice.status != "open":
        return f"the invoice is {invoice.status if invoice else 'gone'} now"
    if subscription is None or subscription.status in ENDED:
        return "the subscription has ended already"
    return "nothing is owed, or collection is paused"


def _ask(services: Services, account: Account, case: RecoveryCase, row: Ending) -> None:
    stripe = services.stripe(account)
    if row.action == EndOfDunning.CANCEL:
        stripe.cancel_subscription(case.stripe_subscription_id, comment=COMMENT)
    else:
        stripe.mark_uncollectible(case.stripe_invoice_id, idempotency_key=row.idempotency_key)


def _settle(services: Services, ending_id: int, status: EndingStatus, why: str = "") -> None:
    with services.db.begin() as session:
        row = session.get_one(Ending, ending_id, with_for_update=True)
        case = session.get_one(RecoveryCase, row.case_id)
        if row.status in (EndingStatus.PENDING, EndingStatus.BEGUN):
            _close(session, case, row, status, services.now(), why)


def _close(
    session: Session,
    case: RecoveryCase,
    row: Ending,
    status: EndingStatus,
    now: datetime,
    why: str = "",
) -> None:
    """Settle a row for good, and write it to the timeline."""
    row.status, row.error, row.settled_at = status, why, now
    was_done = WAS_DONE[row.action]
    reasons = {
        EndingStatus.DONE: f"{was_done}, as the account's setting for the end of dunning says.",
        EndingStatus.SKIPPED: f"Nothing was done on Stripe at the end of dunning: {why}.",
        EndingStatus.REFUSED: f"Stripe refused what the end of dunning asks for: {why}",
    }
    note(session, case, "end", reasons[status], now)


def _put_off(services: Services, ending_id: int, error: Exception) -> None:
    """Put the row off, for longer each time.

    A begun row stays begun: Stripe may have done the action although its answer was lost.
    """
    with services.db.begin() as session:
        row = session.get_one(Ending, ending_id, with_for_update=True)
        minutes = BACK_OFF[min(row.failures, len(BACK_OFF) - 1)]
        row.due_at = services.now() + timedelta(minutes=minutes)
        row.failures, row.error = row.failures + 1, str(error)


def _refused(services: Services, ending_id: int, error: StripeRejected) -> None:
    """Put the row off after a first refusal, and settle it after a second.

    Somebody may have done the action meanwhile; the next check of the evidence shows that.
    """
    with services.db.read() as session:
        first_refusal = session.get_one(Ending, ending_id).failures == 0
    if first_refusal:
        _put_off(services, ending_id, error)
    else:
        _settle(services, ending_id, EndingStatus.REFUSED, str(error))


def under_way(session: Session, case: RecoveryCase, now: datetime) -> bool:
    """Whether Stripe is being asked at this moment. Meanwhile nobody may begin a payment."""
    query = select(Ending.id).where(
        Ending.case_id == case.id, Ending.status == EndingStatus.BEGUN, Ending.due_at > now
    )
    return session.scalar(query) is not None


def account_id_of(services: Services, ending_id: int) -> int:
    with services.db.read() as session:
        return session.get_one(Ending, ending_id).account_id
