"""Disputes and early fraud warnings of a customer's payments: read at Stripe, kept, and let go on.

They concern payments that went through, so never the unpaid invoice of a case: what holds a case is
whatever its customer disputes. Stripe lists them by charge alone; hence the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from recover.dunning import stop_conditions as rule
from recover.foundation.database import Database
from recover.foundation.errors import StripeAccessLost
from recover.models import DisputeKind, KnownDispute
from recover.stripe_api.gateway import StripeAccount
from recover.stripe_api.objects import Charge, Dispute, FraudWarning

Read = TypeVar("Read")

FORBIDDEN = 403
NOT_OURS = "account_invalid"  # the whole account is out of reach, not one permission
KEYS = ("account_id", "kind", "stripe_id")
MAY_CHANGE = ("status", "reason", "amount_minor")


@dataclass(frozen=True, slots=True)
class Objection:
    """One dispute or warning, as it stands now."""

    kind: DisputeKind
    stripe_id: str
    charge: Charge
    status: str
    reason: str
    amount_minor: int


def read_disputes(stripe: StripeAccount, charge: Charge) -> list[Objection]:
    """The disputes of a charge. Raises StripeUnavailable, StripeAccessLost (not for a permission).

    Where Stripe calls the charge disputed and shows no dispute, or our key may not read any, there
    is one that is `UNREADABLE`.
    """
    found = unless_forbidden(lambda: stripe.charge_disputes(charge.id))
    if not found and (charge.disputed or found is None):
        return [_unreadable(DisputeKind.DISPUTE, charge)]
    return [of_dispute(one, charge) for one in found or ()]


def read_warnings(stripe: StripeAccount, charge: Charge) -> list[Objection]:
    """The early fraud warnings about a charge of which an event said that there is one."""
    found = unless_forbidden(lambda: stripe.charge_fraud_warnings(charge.id))
    if found is None:
        return [_unreadable(DisputeKind.WARNING, charge)]
    return [of_warning(one, charge) for one in found]


def unless_forbidden(read: Callable[[], Read]) -> Read | None:
    """What ``read`` reads; None where our key lacks the permission, which it may."""
    try:
        return read()
    except StripeAccessLost as lost:
        if is_about_permission(lost):
            return None
        raise


def all_allowed(
    listed: Callable[[datetime], Iterator[Dispute | FraudWarning]], since: datetime
) -> list[Dispute | FraudWarning]:
    """All that is ``listed`` since then; nothing where our key may not list it."""
    return unless_forbidden(lambda: list(listed(since))) or []


def is_about_permission(lost: StripeAccessLost) -> bool:
    """One permission is missing. Otherwise the key, or the whole account, is out of reach."""
    return lost.status == FORBIDDEN and lost.code != NOT_OURS


def _unreadable(kind: DisputeKind, charge: Charge) -> Objection:
    return Objection(kind, charge.id, charge, rule.UNREADABLE, "", charge.amount_minor)


def of_dispute(one: Dispute, charge: Charge) -> Objection:
    return Objection(DisputeKind.DISPUTE, one.id, charge, one.status, one.reason, one.amount_minor)


def of_warning(one: FraudWarning, charge: Charge) -> Objection:
    status = rule.ACTIONABLE if one.actionable else rule.NOT_ACTIONABLE
    return Objection(
        DisputeKind.WARNING, one.id, charge, status, one.fraud_type, charge.amount_minor
    )


def store(
    session: Session, db: Database, account_id: int, found: Iterable[Objection], now: datetime
) -> None:
    """Keep how disputes and warnings stand. Harmless to repeat, and in any order."""
    upsert = db.upsert(KnownDispute.__table__, KEYS, MAY_CHANGE)
    for one in found:
        row = {
            "account_id": account_id,
            "kind": one.kind,
            "stripe_id": one.stripe_id,
            "stripe_customer_id": one.charge.customer_id,
            "stripe_charge_id": one.charge.id,
            "status": one.status,
            "reason": one.reason,
            "amount_minor": one.amount_minor,
            "currency": one.charge.currency,
            "charged_at": one.charge.created_at,
            "seen_at": now,
            "released_by": "",
        }
        session.execute(upsert.values(row))
        if one.status != rule.UNREADABLE:
            _supersede_unreadable(session, account_id, one)


def _supersede_unreadable(session: Session, account_id: int, one: Objection) -> None:
    """What stood for a dispute that could not be read makes way; a person's word on it stays."""
    same = KnownDispute.account_id == account_id, KnownDispute.kind == one.kind
    stand_in = (*same, KnownDispute.stripe_id == one.charge.id)
    released = session.execute(
        select(KnownDispute.released_at, KnownDispute.released_by).where(*stand_in)
    ).one_or_none()
    if released is None:
        return
    taken_over = update(KnownDispute).where(*same, KnownDispute.stripe_id == one.stripe_id)
    session.execute(taken_over.values(released_at=released[0], released_by=released[1]))
    session.execute(delete(KnownDispute).where(*stand_in))


def holding(session: Session, account_id: int, customer_id: str) -> list[KnownDispute]:
    """What holds the customer's cases: not over, and nobody let it go on. The oldest first."""
    query = select(KnownDispute).where(*_of(account_id, customer_id), _not_released())
    rows = session.scalars(query.order_by(KnownDispute.charged_at, KnownDispute.id))
    return [row for row in rows if rule.holds(row.status)]


def _of(account_id: int, customer_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        KnownDispute.account_id == account_id,
        KnownDispute.stripe_customer_id == customer_id,
        KnownDispute.stripe_customer_id != "",
    )


def _not_released() -> ColumnElement[bool]:
    return KnownDispute.released_at.is_(None)


def release(
    session: Session, account_id: int, customer_id: str, now: datetime, *, actor: str
) -> int:
    """A person looked: what holds the customer's cases now holds them no longer. How many."""
    ids = [row.id for row in holding(session, account_id, customer_id)]
    let_go = update(KnownDispute).where(
        KnownDispute.account_id == account_id, KnownDispute.id.in_(ids)
    )
    session.execute(let_go.values(released_at=now, released_by=actor))
    return len(ids)


def money_taken(session: Session, account_id: int, charge: Charge) -> int:
    """How much of a charge the bank has taken, in minor units, of what was not refunded."""
    query = select(KnownDispute.status, KnownDispute.amount_minor).where(
        KnownDispute.account_id == account_id,
        KnownDispute.stripe_charge_id == charge.id,
        KnownDispute.kind == DisputeKind.DISPUTE,
    )
    known = session.execute(query).all()
    taken = sum(amount for status, amount in known if rule.money_taken(status))
    if not known and charge.disputed:
        taken = charge.amount_minor
    return min(taken, charge.amount_minor - charge.amount_refunded_minor)
