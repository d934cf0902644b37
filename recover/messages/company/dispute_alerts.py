"""The alert about payments that are disputed or called fraud: whom Recover leaves alone for it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.cases import dispute_wording
from recover.dunning import stop_conditions as rule
from recover.models import Account, KnownDispute, RecoveryCase

LISTED = 25  # payments in one mail


def new_holds(session: Session, account: Account, after: int) -> list[KnownDispute]:
    """The disputes and warnings with an id above ``after`` that hold somebody, oldest first."""
    query = select(KnownDispute).where(
        KnownDispute.account_id == account.id,
        KnownDispute.id > after,
        KnownDispute.released_at.is_(None),
    )
    rows = session.scalars(query.order_by(KnownDispute.id))
    return [row for row in rows if rule.holds(row.status)]


def mail_rows(
    session: Session, account: Account, found: list[KnownDispute]
) -> list[tuple[str, str]]:
    """(who, what) of each payment that the mail lists."""
    zone = account.timezone or "UTC"
    return [(_who(session, row), dispute_wording.sentence(row, zone)) for row in found[:LISTED]]


def _who(session: Session, row: KnownDispute) -> str:
    """The customer as their newest case names them; else their id at Stripe."""
    query = select(RecoveryCase).where(
        RecoveryCase.account_id == row.account_id,
        RecoveryCase.stripe_customer_id == row.stripe_customer_id,
    )
    case = session.scalar(query.order_by(RecoveryCase.id.desc()).limit(1))
    named = (case.customer_name or case.customer_email) if case else ""
    return named or row.stripe_customer_id or row.stripe_charge_id
