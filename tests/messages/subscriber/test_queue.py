"""Mails to subscribers as rows: one for each key, none for whoever is not written to."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from recover.messages import suppression
from recover.messages.subscriber import queue
from recover.models import Account, Link, Message, RecoveryCase
from recover.workflow import sync

pytestmark = pytest.mark.both_databases  # a key is unique in an account


def draft(template="card_expiring", key="expiring:pm_1:2027-4", **about):
    return queue.Draft(
        customer_id="cus_1", to_email="ada@acme.test", template=template, dedup_key=key,
        reason="Because.", details={}, **about,
    )  # fmt: skip


def add(services, account, row):
    """The id of the message's row, None where none was written."""
    with services.db.begin() as session:
        message = queue.add(session, services, session.get_one(Account, account.id), row)
        return message.id if message else None


def messages(services):
    with services.db.read() as session:
        return list(session.scalars(select(Message).order_by(Message.id)))


def test_a_key_has_one_mail_and_one_link_however_often_it_is_asked_for(services, account):
    first = add(services, account, draft())

    assert add(services, account, draft()) is None
    assert add(services, account, draft(key="expiring:pm_1:2029-1")) not in (None, first)
    with services.db.read() as session:
        links = set(session.scalars(select(Link.public_id)))
    assert {row.details["link_id"] for row in messages(services)} == links
    assert len(links) == 2


@pytest.mark.parametrize(("template", "written"), [("card_expiring", False), ("fresh_link", True)])
def test_a_suppressed_customer_gets_only_the_mail_they_ask_for(
    services, account, template, written
):
    suppression.stop_mail(services, account.id, "cus_1")

    assert (add(services, account, draft(template)) is not None) is written


@pytest.mark.parametrize(("mode", "status"), [("recover", "pending"), ("observe", "observed")])
def test_while_observing_a_mail_is_written_as_observed(services, account, mode, status):
    with services.db.begin() as session:
        session.execute(update(Account).values(mode=mode))

    add(services, account, draft())

    [message] = messages(services)
    assert message.status == status
    assert message.due_at == services.now()


@pytest.fixture
def thank(world):
    """Asks for the thank-you mail of a case with these values; the templates written."""
    subscription = world.sandbox.add_subscription(world.sandbox.add_customer())
    invoice_id = world.sandbox.fail_renewal(subscription, "insufficient_funds")
    case_id = sync.sync(world.services, world.account, invoice_id).id

    def play(mail="sent", times=1, **values):
        with world.services.db.begin() as session:
            case = session.get_one(RecoveryCase, case_id)
            for name, value in ({"state": "recovered"} | values).items():
                setattr(case, name, value)
            earlier = queue.add(
                session, world.services, world.account, draft("payment_failed", case=case)
            )
            earlier.status = mail
            session.flush()
            for _ in range(times):
                queue.add_thanks(session, world.services, world.account, case)
        return [row.template for row in messages(world.services)][1:]

    return play


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ({}, ["thank_you"]),
        ({"times": 2}, ["thank_you"]),
        ({"state": "open"}, []),
        ({"state": "exhausted"}, []),
        ({"customer_email": ""}, []),
        ({"mail": "pending"}, []),
        ({"mail": "uncertain"}, []),
    ],
)
def test_thanks_go_once_to_who_paid_after_a_mail_that_was_sent(thank, values, written):
    assert thank(**values) == written
