"""The suppression list: which customers of an account get no more mail, and why.

`compliance.erasure` adds the third reason, an erasure on request.
"""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from recover.compliance.audit_log import RECOVER, SUBSCRIBER, note_customer
from recover.models import Suppression, SuppressionReason
from recover.services import Services


def is_suppressed(session: Session, account_id: int, customer_id: str) -> bool:
    """Whether the customer is on the suppression list."""
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
    """Put a customer on the list who asked for no more mail."""
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
    """Take a customer off the list who had asked for no more mail. Other reasons stay in force."""
    entry = delete(Suppression).where(
        Suppression.account_id == account_id,
        Suppression.stripe_customer_id == customer_id,
        Suppression.reason == SuppressionReason.ASKED,
    )
    with services.db.begin() as session:
        if session.scalar(entry.returning(Suppression.id)) is not None:
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
    """Put a customer on the list whose mail server refuses their address."""
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
    """Add a customer to the list. False where they are on it already, for whatever reason."""
    insert = services.db.insert_ignoring_duplicates(Suppression.__table__).values(
        account_id=account_id,
        stripe_customer_id=customer_id,
        reason=reason,
        created_at=services.now(),
    )
    return session.scalar(insert.returning(Suppression.id)) is not None
