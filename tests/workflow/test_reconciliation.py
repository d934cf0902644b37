"""Reconciliation: cases that differ from Stripe's invoices are synchronised, and reported."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from recover.foundation.errors import StripeAccessLost, StripeUnavailable
from recover.models import ReconciliationReport, RecoveryCase
from recover.workflow import reconciliation, sync


@pytest.fixture
def fail(world):
    """Makes a renewal fail at Stripe, of which no webhook tells us."""

    def renewal():
        subscription = world.sandbox.add_subscription(world.sandbox.add_customer())
        return world.sandbox.fail_renewal(subscription, "insufficient_funds")

    return renewal


def reconcile(world):
    return reconciliation.reconcile(world.services, world.account)


def invoices(report):
    return [fix["invoice"] for fix in report.fixes]


def states(world):
    query = select(RecoveryCase.stripe_invoice_id, RecoveryCase.state)
    with world.services.db.read() as session:
        return dict(tuple(one) for one in session.execute(query))


def test_a_failure_whose_webhook_was_lost_opens_its_case(world, fail):
    invoice_id = fail()

    report = reconcile(world)

    assert states(world) == {invoice_id: "open"}
    assert invoices(report) == [invoice_id]
    assert report.seen == 1


def test_where_both_sides_agree_there_is_nothing_to_fix(world, fail):
    sync.sync(world.services, world.account, fail())

    report = reconcile(world)

    assert report.fixes == []
    assert report.finished_at == world.clock.now()


def test_a_payment_whose_webhook_was_lost_ends_the_case_once(world, fail):
    invoice_id = fail()
    sync.sync(world.services, world.account, invoice_id)
    world.sandbox.pay_on_hosted_page(invoice_id)

    assert invoices(reconcile(world)) == [invoice_id]
    assert states(world) == {invoice_id: "recovered"}
    assert reconcile(world).fixes == []


def test_a_case_closed_by_mistake_goes_on(world, fail):
    invoice_id = fail()
    sync.sync(world.services, world.account, invoice_id)
    with world.services.db.begin() as session:
        values = {"state": "recovered", "closed_at": world.clock.now()}
        session.execute(update(RecoveryCase).values(**values))

    assert invoices(reconcile(world)) == [invoice_id]
    assert states(world) == {invoice_id: "open"}


def spoil_sync(monkeypatch, spoilt, error):
    """`sync` raises ``error`` for one invoice."""
    whole = sync.sync

    def spoilt_sync(services, account, invoice_id):
        if invoice_id == spoilt:
            raise error
        return whole(services, account, invoice_id)

    monkeypatch.setattr(sync, "sync", spoilt_sync)


def test_a_fix_that_fails_is_reported_and_the_others_are_made(world, fail, monkeypatch):
    spoilt, other = fail(), fail()
    spoil_sync(monkeypatch, spoilt, StripeUnavailable("Stripe is away."))

    report = reconcile(world)

    assert states(world) == {other: "open"}
    errors = {fix["invoice"]: fix.get("error") for fix in report.fixes}
    assert errors == {spoilt: "Stripe is away.", other: None}


def test_without_access_to_the_account_it_ends_and_reports_nothing(world, fail, monkeypatch):
    spoil_sync(monkeypatch, fail(), StripeAccessLost("The key was revoked."))

    with pytest.raises(StripeAccessLost):
        reconcile(world)

    with world.services.db.read() as session:
        assert session.scalar(select(func.count(ReconciliationReport.id))) == 0
