"""Whatever texts Stripe's objects hold, the rows made of them fit their columns on PostgreSQL."""

from __future__ import annotations

import odd_texts as odd
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import select

from recover.cases import imported_history, lifecycle
from recover.cases.evidence import Evidence
from recover.messages.subscriber import expiring_cards
from recover.models import Attempt, ImportedCharge, ImportedInvoice, Message, RecoveryCase
from recover.stripe_api import parsing
from recover.stripe_api.objects import Customer

pytestmark = pytest.mark.both_databases  # PostgreSQL alone is strict about lengths and NULs

DECIDING = ("id", "status", "billing_reason", "collection_method", "subscription", "payment_intent")
KEPT = (*DECIDING, "object", "customer", "type")
many = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def session(services):
    with services.db.sessions() as session:
        yield session
        session.rollback()


@many
@given(
    invoice=odd.with_odd_texts(odd.INVOICE, KEPT),
    subscription=odd.with_odd_texts(odd.SUBSCRIPTION, (*DECIDING, "object")),
    charge=odd.with_odd_texts(odd.CHARGE, KEPT),
)
def test_a_case_and_its_attempts(services, session, account, invoice, subscription, charge):
    evidence = Evidence(
        at=services.now(),
        invoice_id=invoice["id"],
        invoice=parsing.invoice(invoice),
        subscription=parsing.subscription(subscription),
        charges=(parsing.charge(charge),),
    )
    with session.begin_nested() as undone:
        case = lifecycle.find_or_open(session, services, account, evidence)
        session.flush()
        assert case is not None
        assert session.scalar(select(Attempt.id).where(Attempt.case_id == case.id))
        assert case.customer_email in {"", str(subscription["customer"]["email"])}
        undone.rollback()
    session.expire_all()


@many
@given(
    invoice=odd.with_odd_texts(odd.INVOICE),
    charge=odd.with_odd_texts(odd.CHARGE),
)
def test_the_imported_past(session, account, invoice, charge):
    rows = (
        ImportedInvoice(**imported_history.invoice_row(account.id, parsing.invoice(invoice))),
        ImportedCharge(**imported_history.charge_row(account.id, parsing.charge(charge), "in_1")),
    )
    with session.begin_nested() as undone:
        session.add_all(rows)
        session.flush()
        undone.rollback()


@many
@given(subscription=odd.with_odd_texts(odd.SUBSCRIPTION, ("id", "object", "type")))
def test_the_notice_of_an_expiring_card(services, account, monkeypatch, subscription):
    monkeypatch.setattr(expiring_cards, "is_due", lambda *_: True)
    read = parsing.subscription(subscription)
    assert isinstance(read.customer, Customer)
    written = expiring_cards.check(services, account, read)
    with services.db.begin() as session:
        rows = list(session.scalars(select(Message)))
        assert not written or rows[-1].to_email == subscription["customer"]["email"]
        for row in rows:
            session.delete(row)


def test_there_is_a_case_to_look_at(services, session, account):
    """The sound objects open one, so that the odd ones above are known to get that far."""
    read = parsing.subscription(odd.SUBSCRIPTION)
    charge = parsing.charge(odd.CHARGE)
    evidence = Evidence(services.now(), "in_1", parsing.invoice(odd.INVOICE), read, (charge,))
    lifecycle.find_or_open(session, services, account, evidence)
    session.flush()
    assert session.scalar(select(RecoveryCase.customer_email)) == "ada@example.test"
