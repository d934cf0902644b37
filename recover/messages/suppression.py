"""The suppression list: which customers of an account get no more mail, and why.

Its third reason, an erasure on request, is written by the erasure itself.
"""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from recover.compliance.audit_log import RECOVER, SUBSCRIBER, note_customer
from recover.models import Suppression, SuppressionReason
from recover.services import Services


def is_suppressed(session: Session, account_id: int, customer_id: str) -> bool:
    """The customer asked for no more mail, or their address refuses it."""
    return suppression_reason(session, account_id, customer_id) is not None


def suppression_reason(
    session: Session, account_id: int, customer_id: str
) -> SuppressionReason | None:
    """Why nothing is sent to this customer; None where mail is sent."""
    query = select(Suppression.reason).where(
        Suppression.account_id == account_id, Suppression.stripe_customer_id == customer_id
    )
    return session.scalar(query)


def stop_mail(services: Services, account_id: int, customer_id: str) -> None:
    """The customer wants no more mail."""
    with services.db.begin() as session:
        if _add(session, services, account_id, customer_id, SuppressionReason.ASKED):
            note_customer(
                session,
                "suppress",
                "They asked for no more mail.",
                services.now(),
                actor=SUBSCRIBER,
                account_id=account_id,
                customer_id=customer_id,
            )


def resume_mail(services: Services, account_id: int, customer_id: str) -> None:
    """Takes back what the customer asked for; an address that refuses mail stays as it is."""
    mine = delete(Suppression).where(
        Suppression.account_id == account_id,
        Suppression.stripe_customer_id == customer_id,
        Suppression.reason == SuppressionReason.ASKED,
    )
    with services.db.begin() as session:
        if session.scalar(mine.returning(Suppression.id)) is not None:
            note_customer(
                session,
                "resume",
                "They want mail again after all.",
                services.now(),
                actor=SUBSCRIBER,
                account_id=account_id,
                customer_id=customer_id,
            )


def note_refusal(
    services: Services, account_id: int, customer_id: str, case_id: int | None
) -> None:
    """An address that refuses mail gets no more of it; card and address may change later."""
    with services.db.begin() as session:
        if _add(session, services, account_id, customer_id, SuppressionReason.REFUSED):
            reason = "Their address refuses mail: no more is sent to them."
            note_customer(
                session,
                "suppress",
                reason,
                services.now(),
                actor=RECOVER,
                account_id=account_id,
                customer_id=customer_id,
                case_id=case_id,
            )


def _add(
    session: Session,
    services: Services,
    account_id: int,
    customer_id: str,
    reason: SuppressionReason,
) -> bool:
    """False where the customer is on the list already, for whatever reason."""
    insert = services.db.insert_ignoring_duplicates(Suppression.__table__).values(
        account_id=account_id,
        stripe_customer_id=customer_id,
        reason=reason,
        created_at=services.now(),
    )
    return session.scalar(insert.returning(Suppression.id)) is not None
