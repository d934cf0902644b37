"""Refunds whose event was lost: Stripe's recent refunds, compared with the ledger's lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial

from sqlalchemy import select

from recover.foundation.set_aside import in_words, set_aside
from recover.models import Account, Attempt, LedgerKind, LedgerLine, RecoveryCase
from recover.services import Services
from recover.stripe_api.objects import Refund
from recover.workflow import sync

AT_ONCE = 500  # charges asked of the database together


def book_missed(services: Services, account: Account, since: datetime) -> list[dict[str, str]]:
    """Book every refund made since then that the ledger does not show, or that failed after all.

    One request for a hundred refunds of the account, and one for each that differs. What was done,
    as JSON for the report. Raises StripeUnavailable, StripeAccessLost.
    """
    shown: dict[str, list[Refund]] = defaultdict(list)
    for refund in services.stripe(account).refunds(since):
        shown[refund.charge_id].append(refund)
    missed = _missed(services, account, shown)
    errors = {charge_id: _book(services, account, charge_id) for charge_id in missed}
    still = _missed(services, account, {charge_id: shown[charge_id] for charge_id in missed})
    fixes = []
    for charge_id, invoice in missed.items():
        fix = {"invoice": invoice, "reason": "A refund was not booked as Stripe shows it."}
        if errors[charge_id]:
            fixes.append(fix | {"error": errors[charge_id]})
        elif charge_id not in still:  # older refunds of the same charge are counted there too
            fixes.append(fix)
    return fixes


def _book(services: Services, account: Account, charge_id: str) -> str:
    """Book what went back of one charge; what that failed of in words, "" for nothing."""
    book = partial(sync.sync_charge, services, account, charge_id)
    _, failure = set_aside(f"charge {charge_id}", book)
    return in_words(failure) if failure else ""


def _missed(
    services: Services, account: Account, shown: Mapping[str, list[Refund]]
) -> dict[str, str]:
    """Charge -> invoice where the ledger holds another sum than these refunds."""
    found: dict[str, str] = {}
    charge_ids = sorted(shown)
    for start in range(0, len(charge_ids), AT_ONCE):
        batch = charge_ids[start : start + AT_ONCE]
        booked = _booked(services, account, batch)
        for charge_id, (invoice, won, amount_minor) in booked.items():
            if min(_sum(shown[charge_id]), won) != amount_minor:
                found[charge_id] = invoice
    return found


def _sum(refunds: Iterable[Refund]) -> int:
    return sum(one.amount_minor for one in refunds if one.holds)


def _booked(
    services: Services, account: Account, charge_ids: list[str]
) -> dict[str, tuple[str, int, int]]:
    """Charge -> (invoice, what it won, what the ledger says was refunded), of those that won."""
    won = (
        select(Attempt.stripe_charge_id, RecoveryCase.stripe_invoice_id, LedgerLine.amount_minor)
        .join(RecoveryCase, RecoveryCase.id == Attempt.case_id)
        .join(LedgerLine, LedgerLine.case_id == RecoveryCase.id)
        .where(
            Attempt.account_id == account.id,
            Attempt.stripe_charge_id.in_(charge_ids),
            LedgerLine.kind == LedgerKind.RECOVERED,
            LedgerLine.reference.in_([Attempt.stripe_charge_id, RecoveryCase.stripe_invoice_id]),
        )
    )
    refunded = select(LedgerLine.reference, LedgerLine.amount_minor).where(
        LedgerLine.account_id == account.id,
        LedgerLine.kind == LedgerKind.REFUNDED,
        LedgerLine.reference.in_(charge_ids),
    )
    with services.db.read() as session:
        lines = {reference: -amount for reference, amount in session.execute(refunded)}
        rows = session.execute(won).all()
    return {
        str(charge): (invoice, amount, lines.get(str(charge), 0))
        for charge, invoice, amount in rows
    }
