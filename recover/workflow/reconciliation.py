"""Reconciliation: compare our cases with Stripe's invoices, and `sync` each that differs.

A difference comes of a lost webhook, a crash, or a mistake of ours.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from sqlalchemy import select

from recover.cases.core_values import invoice_state
from recover.dunning import CaseSnapshot, CaseState, CloseReason, InvoiceState, fixes
from recover.foundation.errors import StripeAccessLost
from recover.foundation.set_aside import in_words, set_aside
from recover.models import Account, ReconciliationReport, RecoveryCase
from recover.services import Services
from recover.workflow import refunds, sync

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=35)  # longer than any campaign's window


def reconcile(services: Services, account: Account) -> ReconciliationReport:
    """Compare one account with Stripe and apply every fix. The stored report.

    An invoice that cannot be read, or whose fix fails for whatever reason, is named in the report,
    and the others are still mended. Raises StripeUnavailable where Stripe's invoices cannot be
    listed: the report then says that it broke off. Raises StripeAccessLost, without a report: that
    is told of the account.
    """
    report = ReconciliationReport(account_id=account.id, started_at=services.now(), fixes=[])
    try:
        _compare(services, account, report)
    except StripeAccessLost:
        raise
    except Exception as error:  # also where the worker cuts it off for taking too long
        report.error = in_words(error)
        _store(services, report)
        raise
    _store(services, report)
    log.info(
        "reconciliation of account %s: %s invoices, %s fixes",
        account.id,
        report.seen,
        len(report.fixes),
    )
    return report


def _store(services: Services, report: ReconciliationReport) -> None:
    report.finished_at = services.now()
    with services.db.begin() as session:
        session.add(report)


def _compare(services: Services, account: Account, report: ReconciliationReport) -> None:
    """Fill in the report as far as it goes."""
    broken: list[dict[str, str]] = []
    listed = list(_listed(services, account, broken))
    report.seen, report.fixes = len(listed), broken
    snapshots = _case_snapshots(services, account, {state.invoice_id for state in listed})
    for fix in fixes(listed, snapshots):
        if applied := _apply(services, account, fix.invoice_id, fix.reason):
            report.fixes.append(applied)
    report.fixes += refunds.book_missed(services, account, services.now() - LOOK_BACK)


def _listed(
    services: Services, account: Account, broken: list[dict[str, str]]
) -> Iterator[InvoiceState]:
    """All open invoices, and those made since `LOOK_BACK` that are paid, void or given up.

    Those that cannot be read are added to ``broken``.
    """
    stripe = services.stripe(account)
    since = services.now() - LOOK_BACK

    def note(invoice_id: str, why: str) -> None:
        broken.append({"invoice": invoice_id, "reason": "It was left out.", "error": why})

    yield from map(invoice_state, stripe.invoices(status="open", unreadable=note))
    for status in ("paid", "void", "uncollectible"):
        listed = stripe.invoices(status=status, created_since=since, unreadable=note)
        yield from map(invoice_state, listed)


def _case_snapshots(
    services: Services, account: Account, invoice_ids: set[str]
) -> dict[str, CaseSnapshot]:
    """Our cases by invoice: the open ones, and the recent ones among ``invoice_ids``."""
    since = services.now() - 2 * LOOK_BACK
    query = select(
        RecoveryCase.stripe_invoice_id,
        RecoveryCase.state,
        RecoveryCase.amount_remaining_minor,
        RecoveryCase.close_reason,
    ).where(
        RecoveryCase.account_id == account.id,
        (RecoveryCase.state == CaseState.OPEN) | (RecoveryCase.failed_at > since),
    )
    with services.db.read() as session:
        rows = session.execute(query).all()
    return {
        invoice_id: CaseSnapshot(
            invoice_id, CaseState(state), amount, CloseReason(reason) if reason else None
        )
        for invoice_id, state, amount, reason in rows
        if state == CaseState.OPEN or invoice_id in invoice_ids
    }


def _apply(
    services: Services, account: Account, invoice_id: str, reason: str
) -> dict[str, str] | None:
    """What was done about one difference, as JSON for the report; None where nothing was."""
    fix = {"invoice": invoice_id, "reason": reason}
    case, failure = set_aside(
        f"invoice {invoice_id}", partial(sync.sync, services, account, invoice_id)
    )
    if failure:
        return fix | {"error": in_words(failure)}
    return fix if case else None  # fresh evidence may show an invoice that needs no case
