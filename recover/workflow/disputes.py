"""What follows from a dispute or a fraud warning: the ledger, and the customer's cases.

Cases are held while there is one, and go on by themselves once it is won or withdrawn, or a person
lets them. An event may be lost: every hour Stripe is asked for what began lately, and for how it
stands with what is not decided yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select

from recover.cases import disputes, ledger
from recover.cases.disputes import Objection
from recover.cases.timeline import note
from recover.dunning import stop_conditions as rule
from recover.foundation.set_aside import for_each
from recover.models import Account, DisputeKind, KnownDispute, RecoveryCase
from recover.services import Services
from recover.stripe_api.objects import Charge, Dispute, FraudWarning
from recover.workflow import sync

List = Callable[[datetime], Iterator[Dispute | FraudWarning]]
Settle = Callable[[Services, Account, str], None]

LOOK_BACK = timedelta(days=4)  # longer than Stripe repeats an event
REFRESHED = timedelta(days=200)  # the slowest dispute is decided by then


def sync_disputes(services: Services, account: Account, charge_id: str) -> None:
    """Bring a charge's disputes, the ledger and its customer's cases in line with Stripe."""
    stripe = services.stripe(account)
    if charge := stripe.charge(charge_id):
        _settle(services, account, charge, disputes.read_disputes(stripe, charge))


def sync_warnings(services: Services, account: Account, charge_id: str) -> None:
    """The same for early fraud warnings about a charge, which move no money."""
    stripe = services.stripe(account)
    if charge := stripe.charge(charge_id):
        _settle(services, account, charge, disputes.read_warnings(stripe, charge))


def _settle(services: Services, account: Account, charge: Charge, found: list[Objection]) -> None:
    now = services.now()
    with services.db.begin() as session:
        disputes.store(session, services.db, account.id, found, now)
        ledger.book_given_back(session, account.id, charge, now)
    if charge.customer_id:
        sync.sync_customer(services, account, charge.customer_id)


def watch(services: Services, account: Account) -> int:
    """Settle what no event told. How many charges were looked at. Raises StripeUnavailable.

    What our key may not list is left out.
    """
    stripe, now = services.stripe(account), services.now()
    since, count = now - LOOK_BACK, 0
    kinds: list[tuple[DisputeKind, List, Settle]] = [
        (DisputeKind.DISPUTE, stripe.disputes, sync_disputes),
        (DisputeKind.WARNING, stripe.fraud_warnings, sync_warnings),
    ]
    for kind, listed, settle in kinds:
        begun = {one.charge_id for one in disputes.all_allowed(listed, since)}
        known, undecided = _known(services, account, kind, now)
        to_settle = sorted((begun - known) | undecided)
        for_each(to_settle, partial(settle, services, account), "charge")
        count += len(to_settle)
    return count


def _known(
    services: Services, account: Account, kind: DisputeKind, now: datetime
) -> tuple[set[str], set[str]]:
    """The charges of which a dispute (a warning) is known, and those of an undecided one."""
    query = select(KnownDispute).where(
        KnownDispute.account_id == account.id,
        KnownDispute.kind == kind,
        KnownDispute.seen_at > now - REFRESHED,
    )
    with services.db.read() as session:
        rows = list(session.scalars(query))
    undecided = {row.stripe_charge_id for row in rows if not rule.decided(row.status)}
    return {row.stripe_charge_id for row in rows}, undecided


def let_go_on(
    services: Services, account: Account, case: RecoveryCase, reason: str, *, actor: str
) -> int:
    """A person at the company looked, and lets the customer's cases go on. How many held them."""
    now, customer_id = services.now(), case.stripe_customer_id
    with services.db.begin() as session:
        count = disputes.release(session, account.id, customer_id, now, actor=actor)
        if count:
            stored = session.get_one(RecoveryCase, case.id)
            note(session, stored, "release", reason, now, actor=actor)
    sync.sync_customer(services, account, customer_id)
    return count
