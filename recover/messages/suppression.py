"""The suppression list: which addresses and customers of an account get no more mail, and why.

What a person asked for counts for them and for their address, also where another customer has it.
That a mail server refuses an address counts for the address alone: a corrected one is written to.
`compliance.erasure` adds the third reason, an erasure on request.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.orm import Session

from recover.compliance.audit_log import RECOVER, SUBSCRIBER, note_customer
from recover.foundation.mail_addresses import normal_email
from recover.models import Message, Suppression, SuppressionReason
from recover.services import Services

REASONS = {
    SuppressionReason.ASKED: "They asked for no more mail.",
    SuppressionReason.REFUSED: "Their address refuses mail: no more is sent to it.",
    SuppressionReason.ERASED: "They were erased on request.",
}


def is_suppressed(
    session: Session, account_id: int, customer_id: str, email: str | None = None
) -> bool:
    """Whether nothing is sent to this customer at this address."""
    return suppression_of(session, account_id, customer_id, email) is not None


def suppression_of(
    session: Session, account_id: int, customer_id: str, email: str | None = None
) -> Suppression | None:
    """The entry for which nothing is sent to this customer at this address; the oldest of several.

    Without an address: at the one they were last written to.
    """
    if email is None:
        email = _last_address(session, account_id, customer_id)
    query = select(Suppression).where(
        Suppression.account_id == account_id, _applies(customer_id, email)
    )
    return session.scalar(query.order_by(Suppression.id).limit(1))


def _applies(customer_id: str, email: str) -> ColumnElement[bool]:
    refused = Suppression.reason == SuppressionReason.REFUSED
    # Entries from before addresses were kept name the customer alone.
    of_customer = and_(
        Suppression.stripe_customer_id == customer_id, or_(~refused, Suppression.email == "")
    )
    address = normal_email(email)
    return or_(of_customer, Suppression.email == address) if address else of_customer


def stop_mail(services: Services, account_id: int, customer_id: str) -> None:
    """Put a customer, and the address they were last written to, on the list: they asked for it."""
    with services.db.begin() as session:
        email = _last_address(session, account_id, customer_id)
        if _add(session, services, account_id, customer_id, email, SuppressionReason.ASKED):
            note_customer(
                session,
                "suppress",
                REASONS[SuppressionReason.ASKED],
                services.now(),
                actor=SUBSCRIBER,
                account_id=account_id,
                customer_id=customer_id,
            )


def resume_mail(services: Services, account_id: int, customer_id: str) -> None:
    """Take a customer off the list who had asked for no more mail. Other reasons stay in force."""
    asked = Suppression.reason == SuppressionReason.ASKED
    with services.db.begin() as session:
        email = _last_address(session, account_id, customer_id)
        if _remove(session, account_id, customer_id, email, asked):
            note_customer(
                session,
                "resume",
                "They want mail again after all.",
                services.now(),
                actor=SUBSCRIBER,
                account_id=account_id,
                customer_id=customer_id,
            )


def lift(
    services: Services, account_id: int, customer_id: str, email: str, *, actor: str, by: str
) -> bool:
    """A person of the company lets mail go out again. False where nothing was in the way.

    Not for who was erased.
    """
    not_erased = Suppression.reason != SuppressionReason.ERASED
    with services.db.begin() as session:
        removed = _remove(session, account_id, customer_id, email, not_erased)
        if removed:
            note_customer(
                session,
                "resume",
                f"{by} lets mail go out to them again.",
                services.now(),
                actor=actor,
                account_id=account_id,
                customer_id=customer_id,
            )
    return removed


def note_refusal(
    services: Services, account_id: int, customer_id: str, email: str, case_id: int | None
) -> None:
    """Put an address on the list whose mail server refuses it."""
    with services.db.begin() as session:
        if _add(session, services, account_id, customer_id, email, SuppressionReason.REFUSED):
            note_customer(
                session,
                "suppress",
                REASONS[SuppressionReason.REFUSED],
                services.now(),
                actor=RECOVER,
                account_id=account_id,
                customer_id=customer_id,
                case_id=case_id,
            )


def _last_address(session: Session, account_id: int, customer_id: str) -> str:
    query = select(Message.to_email).where(
        Message.account_id == account_id, Message.stripe_customer_id == customer_id
    )
    return session.scalar(query.order_by(Message.id.desc()).limit(1)) or ""


def _add(
    session: Session,
    services: Services,
    account_id: int,
    customer_id: str,
    email: str,
    reason: SuppressionReason,
) -> bool:
    """Add an entry. False where there is the same already."""
    insert = services.db.insert_ignoring_duplicates(Suppression.__table__).values(
        account_id=account_id,
        stripe_customer_id=customer_id,
        email=normal_email(email),
        reason=reason,
        created_at=services.now(),
    )
    return session.scalar(insert.returning(Suppression.id)) is not None


def _remove(
    session: Session,
    account_id: int,
    customer_id: str,
    email: str,
    which: ColumnElement[bool],
) -> bool:
    """Remove the entries of a customer and an address. Whether there were any."""
    address = normal_email(email)
    theirs = Suppression.stripe_customer_id == customer_id
    entries = delete(Suppression).where(
        Suppression.account_id == account_id,
        or_(theirs, Suppression.email == address) if address else theirs,
        which,
    )
    return bool(session.execute(entries.returning(Suppression.id)).all())
