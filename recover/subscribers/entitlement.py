"""A customer's entitlement, from our rows alone.

The company's application asks for it on every page, so Stripe is not asked. Webhooks and the hourly
reconciliation keep the rows current.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.dunning import CaseState
from recover.dunning.entitlement import Debt, Entitlement, entitlement
from recover.learning import timing_in_force
from recover.models import Account, RecoveryCase

LONGEST_GRACE = 60  # days; no campaign is longer


@dataclass(frozen=True, slots=True)
class CustomerEntitlement:
    """The entitlement of each subscription with a failed payment, and the strictest of them."""

    overall: Entitlement
    subscriptions: dict[str, Entitlement]
    case_ids: tuple[int, ...]  # what is still owed, oldest first


def customer_entitlement(
    session: Session,
    account_ids: Sequence[int],
    customer_id: str,
    now: datetime,
    subscription_id: str = "",
) -> CustomerEntitlement:
    """The customer's entitlement. A customer without any case is fine: most never fail to pay."""
    cases = _cases(session, account_ids, customer_id, subscription_id)
    debts = [
        (case, _debt(account, case), timedelta(days=account.grace_days)) for account, case in cases
    ]
    groups: dict[str, list[tuple[Debt, timedelta]]] = {}
    for case, debt, grace in debts:
        groups.setdefault(case.stripe_subscription_id, []).append((debt, grace))
    by_subscription = {
        subscription: entitlement(
            [debt for debt, _ in members], min(grace for _, grace in members), now
        )
        for subscription, members in groups.items()
    }
    return CustomerEntitlement(
        overall=_strictest(list(by_subscription.values()), now),
        subscriptions=by_subscription,
        case_ids=tuple(case.id for case, debt, _ in debts if debt.owed),
    )


def _strictest(entitlements: list[Entitlement], now: datetime) -> Entitlement:
    """The entitlement that ends first among the subscriptions on which something is owed."""
    owing = [(one.until, number, one) for number, one in enumerate(entitlements) if one.until]
    return min(owing)[2] if owing else entitlement([], timedelta(0), now)


def _cases(
    session: Session, account_ids: Sequence[int], customer_id: str, subscription_id: str
) -> list[tuple[Account, RecoveryCase]]:
    """The customer's cases with their accounts, oldest failure first.

    Sorted here, because with ORDER BY a database may read the whole account in that order instead
    of the few rows of the customer.
    """
    query = select(RecoveryCase).where(
        RecoveryCase.account_id.in_(account_ids), RecoveryCase.stripe_customer_id == customer_id
    )
    if subscription_id:
        query = query.where(RecoveryCase.stripe_subscription_id == subscription_id)
    cases = sorted(session.scalars(query), key=lambda case: (case.failed_at, case.id))
    return [(session.get_one(Account, case.account_id), case) for case in cases]


def _debt(account: Account, case: RecoveryCase) -> Debt:
    window = timing_in_force.campaign_of(account, case).window
    return Debt(
        state=CaseState(case.state),
        close_reason=case.close_reason,
        failed_at=case.failed_at,
        window_ends_at=case.failed_at + window,
        closed_at=case.closed_at,
        paid_until=case.paid_until,
    )
