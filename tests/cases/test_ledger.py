"""The ledger: one line for an invoice won back, one negative line for what was given back of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from case_cast import verbs
from sqlalchemy import select, update

from recover.cases import charge_import, ledger
from recover.cases.evidence import fetch_evidence
from recover.models import Attempt, LedgerLine, RecoveryCase
from recover.workflow import sync

pytestmark = pytest.mark.both_databases  # a unique line for each case, kind and charge


@pytest.fixture
def seen(world):
    """Evidence of a renewal that failed and was paid since; its payment is not booked yet."""
    subscription = world.sandbox.add_subscription(world.sandbox.add_customer())
    invoice_id = world.sandbox.fail_renewal(subscription, "insufficient_funds")
    sync.sync(world.services, world.account, invoice_id)
    world.sandbox.pay_on_hosted_page(invoice_id)
    stripe = world.services.stripe(world.account)
    found = fetch_evidence(stripe, invoice_id, world.clock.now())
    with world.services.db.begin() as session:
        case = session.scalar(select(RecoveryCase))
        charge_import.import_charges(session, case, found)
    return found


def book(world, seen):
    with world.services.db.begin() as session:
        ledger.book_recovery(session, session.scalar(select(RecoveryCase)), seen)


def give_back(world, seen, **about):
    charge = seen.invoice_charges()[-1]
    with world.services.db.begin() as session:
        charge = replace(charge, **about)
        ledger.book_given_back(session, world.account.id, charge, world.clock.now())


def lines(world):
    query = select(LedgerLine.kind, LedgerLine.amount_minor).order_by(LedgerLine.id)
    with world.services.db.read() as session:
        return [tuple(one) for one in session.execute(query)]


def paid(seen):
    return seen.invoice.amount_paid_minor


def test_a_recovered_invoice_gets_a_line_of_what_was_paid(world, seen):
    book(world, seen)

    assert lines(world) == [("recovered", paid(seen))]


def test_the_line_of_a_case_that_was_not_recovered_after_all_is_deleted_alone(world, seen):
    book(world, seen)
    give_back(world, seen, amount_refunded_minor=100)
    with world.services.db.begin() as session:
        ledger.undo_recovery(session, session.scalar(select(RecoveryCase)))

    assert lines(world) == [("refunded", -100)]


def test_a_second_partial_refund_replaces_the_amount_of_the_first(world, seen):
    book(world, seen)
    give_back(world, seen, amount_refunded_minor=100)
    give_back(world, seen, amount_refunded_minor=250)
    give_back(world, seen, amount_refunded_minor=250)  # the same news again

    assert lines(world) == [("recovered", paid(seen)), ("refunded", -250)]
    assert verbs(world).count("refunded") == 2


def test_a_dispute_takes_what_the_refund_left(world, seen):
    book(world, seen)
    charge = seen.invoice_charges()[-1]
    give_back(world, seen, amount_refunded_minor=100, disputed=True)

    assert lines(world)[1:] == [("refunded", -100), ("disputed", -(charge.amount_minor - 100))]
    assert sum(amount for _, amount in lines(world)) == paid(seen) - charge.amount_minor


def test_a_refund_heard_of_before_the_payment_is_booked_with_it(world, seen):
    charge = seen.invoice_charges()[-1]
    refunded = replace(charge, amount_refunded_minor=100)
    book(world, replace(seen, charges=(refunded,)))

    assert lines(world) == [("recovered", paid(seen)), ("refunded", -100)]


@pytest.mark.parametrize("about", [{}, {"id": "ch_unknown", "amount_refunded_minor": 100}])
def test_nothing_is_booked_for_no_refund_or_for_a_charge_that_is_not_ours(world, seen, about):
    give_back(world, seen, **about)
    assert lines(world) == []


def test_a_refund_of_a_charge_that_won_nothing_back_is_not_booked(world, seen):
    with world.services.db.begin() as session:
        session.execute(update(Attempt).values(outcome="failed"))

    give_back(world, seen, amount_refunded_minor=100)

    assert lines(world) == []
