"""The next step of a due case: fetch evidence, decide again, write the row of the effect, act.

The row of every effect is committed before it happens and settled afterwards. A worker may
therefore die at any point, and nothing is lost or done twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recover.cases import attempts, disputes, lifecycle
from recover.cases.attempts import PendingState
from recover.cases.evidence import Evidence, fetch_evidence
from recover.dunning import CaseState, Decision, Facts, RetryMode, SendMessage, Stop, Wait
from recover.foundation.errors import StripeUnavailable
from recover.messages.subscriber import delivery, queue
from recover.models import Account, RecoveryCase
from recover.services import Services
from recover.workflow import sync

log = logging.getLogger(__name__)

Act = Callable[[], object]

LEASE = timedelta(minutes=10)  # a worker that died gives its case back after this long
BACK_OFF = (1, 5, 15, 60, 240)  # minutes, by how often in a row Stripe was out of reach
MAX_ACTS = 4  # in one step: a charge, a mail, and what follows from each


def run(services: Services, case_id: int) -> None:
    """Do what is due for one case, and plan what follows.

    Where Stripe is out of reach, the case is put off. Raises StripeAccessLost.
    """
    with services.db.read() as session:
        case = session.get_one(RecoveryCase, case_id)
        account = session.get_one(Account, case.account_id)
    if account.disconnected_at:
        return
    try:
        for _ in range(MAX_ACTS):
            act = _next_act(services, account, case.stripe_invoice_id)
            if act is None:
                return
            act()
    except StripeUnavailable as error:
        back_off(services, case_id, error)


def claim_due(services: Services, limit: int = 500) -> list[int]:
    """The ids of up to ``limit`` due cases. Each is leased to the caller for `LEASE`: if its worker
    dies, the case falls due again.
    """
    now = services.now()
    due = (
        select(RecoveryCase.id)
        .where(RecoveryCase.state == CaseState.OPEN, RecoveryCase.next_step_at <= now)
        .order_by(RecoveryCase.next_step_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    with services.db.begin() as session:
        ids = list(session.scalars(due))
        lease = update(RecoveryCase).where(RecoveryCase.id.in_(ids))
        session.execute(lease.values(next_step_at=now + LEASE))
    return ids


def _next_act(services: Services, account: Account, invoice_id: str) -> Act | None:
    """Decide on fresh evidence and write the row of the effect. None where nothing is due now."""
    evidence = fetch_evidence(services.stripe(account), invoice_id, services.now())
    with services.db.begin() as session:
        case = lifecycle.locked(session, account, invoice_id)
        if case is None:
            return None
        disputes.store(session, services.db, account.id, evidence.disputes, evidence.at)
        lifecycle.update_from_evidence(session, account, case, evidence)
        pending = attempts.pending(session, case)
        if pending:
            state = attempts.pending_state(pending, evidence, account.mode)
            if state == PendingState.REPEAT:
                case.next_step_at = evidence.at + LEASE
                return partial(attempts.make, services, account, pending.id)
            if state == PendingState.WAIT:
                case.next_step_at = evidence.at + attempts.recheck_after(pending)
                return None
            attempts.abandon(session, case, pending, evidence.at)
        if attempts.paid_since(session, case, evidence):
            case.next_step_at = evidence.at + attempts.IN_FLIGHT
            return None
        facts = sync.load_facts(session, account, case, evidence)
        decision = sync.plan(session, services, account, case, evidence, facts)
        return _write(session, services, account, case, evidence, facts, decision)


def _write(
    session: Session,
    services: Services,
    account: Account,
    case: RecoveryCase,
    evidence: Evidence,
    facts: Facts,
    decision: Decision,
) -> Act | None:
    """Write the row of the effect that was decided on. The act that carries it out, if any."""
    if isinstance(decision, Wait | Stop):
        case.transient_failures = 0
        return None
    case.next_step_at = evidence.at + LEASE
    if isinstance(decision, SendMessage):
        message = queue.add_case_message(
            session, services, account, case, facts, decision, evidence.at
        )
        return partial(delivery.send, services, message.id) if message else None
    attempt = attempts.begin(session, account, case, evidence, decision)
    if account.mode == RetryMode.OBSERVE:
        return _do_nothing
    return partial(attempts.make, services, account, attempt.id) if attempt else None


def _do_nothing() -> None:
    """The act of an account that observes: what would have been done is noted, nothing is done."""


def back_off(services: Services, case_id: int, error: Exception) -> None:
    """Put a case off after an error, for longer each time.

    Never for less than Stripe asks for (``retry_after`` of the error, in seconds).
    """
    with services.db.begin() as session:
        case = session.get_one(RecoveryCase, case_id, with_for_update=True)
        minutes = BACK_OFF[min(case.transient_failures, len(BACK_OFF) - 1)]
        asked_seconds = getattr(error, "retry_after", None) or 0
        wait = max(timedelta(minutes=minutes), timedelta(seconds=asked_seconds))
        case.transient_failures += 1
        if case.state == CaseState.OPEN:
            case.next_step_at = services.now() + wait
    log.warning("case %s waits %s: %s", case_id, wait, error)


def account_id_of(services: Services, case_id: int) -> int:
    with services.db.read() as session:
        return session.get_one(RecoveryCase, case_id).account_id
