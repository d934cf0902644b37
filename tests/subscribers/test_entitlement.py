"""The entitlement of a customer, over all their cases and accounts, the strictest first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from recover.models import Account, RecoveryCase
from recover.subscribers import entitlement
from recover.workflow import sync


@pytest.fixture
def case(world):
    """A customer's open case; their days of grace are three."""
    with world.services.db.begin() as session:
        session.execute(update(Account).values(grace_days=3))
    subscription = world.sandbox.add_subscription(world.sandbox.add_customer())
    invoice_id = world.sandbox.fail_renewal(subscription, "insufficient_funds")
    return sync.sync(world.services, world.account, invoice_id)


def ask(world, case, days=0, **about):
    asked = {"account_ids": [world.account.id], "customer_id": case.stripe_customer_id} | about
    with world.services.db.read() as session:
        now = world.clock.now() + timedelta(days=days)
        return entitlement.customer_entitlement(session, now=now, **asked)


def change(world, **values):
    with world.services.db.begin() as session:
        session.execute(update(RecoveryCase).values(**values))


def add_case(world, case, **about):
    """A copy of the case, on another subscription."""
    kept = {column.name: getattr(case, column.name) for column in RecoveryCase.__table__.columns}
    values = kept | {"id": None, "stripe_invoice_id": "in_2", "stripe_subscription_id": "sub_2"}
    with world.services.db.begin() as session:
        row = RecoveryCase(**values | about)
        session.add(row)
    return row


def test_a_customer_without_a_case_is_fine(world, case):
    found = ask(world, case, customer_id="cus_unknown")

    assert found.overall.state == "fine"
    assert (found.subscriptions, found.case_ids) == ({}, ())


def test_an_open_case_is_grace_and_then_a_limit(world, case):
    change(world, paid_until=None)

    found = ask(world, case)
    assert found.overall.state == "grace"
    assert list(found.subscriptions) == [case.stripe_subscription_id]
    assert found.case_ids == (case.id,)
    assert ask(world, case, days=400).overall.state == "limited"


def test_a_recovered_case_is_no_debt(world, case):
    change(world, state="recovered", closed_at=world.clock.now())

    found = ask(world, case, days=400)

    assert found.overall.state == "fine"
    assert found.case_ids == ()


def test_over_all_subscriptions_the_earliest_end_counts(world, case):
    change(world, paid_until=None)
    older = add_case(world, case, paid_until=None, failed_at=case.failed_at - timedelta(days=300))

    found = ask(world, case)

    assert found.subscriptions["sub_2"].state == "limited"
    assert found.subscriptions[case.stripe_subscription_id].state == "grace"
    assert found.overall == found.subscriptions["sub_2"]
    assert found.case_ids == (older.id, case.id)  # the oldest failure first


def test_one_subscription_can_be_asked_about_alone(world, case):
    add_case(world, case)

    found = ask(world, case, subscription_id="sub_2")

    assert list(found.subscriptions) == ["sub_2"]


def test_cases_of_accounts_that_were_not_asked_about_do_not_count(world, case):
    assert ask(world, case, account_ids=[world.account.id + 1]).overall.state == "fine"
