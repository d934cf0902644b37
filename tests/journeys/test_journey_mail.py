"""Mail: to whom, how often, and what happens when it cannot be delivered."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import timedelta
from itertools import pairwise

from journey import CLEAN

from recover.cases.core_facts import facts_of
from recover.cases.evidence import fetch_evidence

DAY = timedelta(days=1)


def test_without_an_address_the_retries_go_on_and_nothing_is_mailed(journey):
    invoice = journey.fail("insufficient_funds", "insufficient_funds", "approve", email=None)

    journey.run(days=25)

    assert journey.case(invoice).state == "recovered"
    assert journey.charged(invoice) == [False, False, True]
    assert journey.messages == []


def test_an_address_that_bounces_gets_no_more_and_the_retries_go_on(journey):
    journey.mailbox.fail_next(550)
    invoice = journey.fail(*["insufficient_funds"] * 3, "approve")

    journey.run(days=25)

    assert journey.mails == []
    assert [row.status for row in journey.messages] == ["refused"]
    assert journey.case(invoice).state == "recovered"
    assert journey.charged(invoice) == [False, False, False, True]
    assert any("refused" in entry.reason for entry in journey.timeline(invoice))


def test_a_mail_server_that_is_away_gets_the_mail_later_and_once(journey):
    journey.mailbox.fail_next(421, 3, at="mail")
    journey.fail("expired_card")

    journey.run(hours=3)

    assert len(journey.mails) == 1
    assert [(row.status, row.failures) for row in journey.messages] == [("sent", 3)]


def test_a_mail_that_was_put_off_is_not_sent_once_the_invoice_is_paid(journey):
    journey.mailbox.fail_next(421, 1, at="mail")
    invoice = journey.fail("expired_card")
    journey.settle()

    journey.sandbox.pay_on_hosted_page(invoice)
    journey.run(days=2)

    assert journey.mails == []
    assert [row.status for row in journey.messages] == ["skipped"]


def test_a_mail_that_was_put_off_is_not_sent_to_who_asked_for_no_more_meanwhile(journey):
    journey.mailbox.fail_next(421, 1, at="mail")
    invoice = journey.fail("expired_card")
    journey.settle()

    journey.suppress(journey.case(invoice).stripe_customer_id)
    journey.run(days=25)

    assert journey.mails == []


def test_a_mail_server_that_hangs_up_after_the_mail_never_gets_it_twice(journey):
    journey.mailbox.hang_up_next()
    invoice = journey.fail("expired_card")

    journey.run(days=2)

    assert len(journey.mails) == 1
    assert [row.status for row in journey.messages] == ["uncertain"]
    assert any("may not have reached" in entry.reason for entry in journey.timeline(invoice))


def test_a_subscriber_who_asks_for_no_more_mail_gets_none_but_is_still_retried(journey):
    invoice = journey.fail(*["insufficient_funds"] * 4, "approve")
    journey.run(days=2)
    assert len(journey.mails) == 1

    journey.suppress(journey.case(invoice).stripe_customer_id)
    journey.run(days=25)

    assert journey.case(invoice).state == "recovered"
    assert len(journey.mails) == 1


def test_two_failed_invoices_of_one_customer_share_the_contact_caps(journey):
    sandbox = journey.sandbox
    customer = sandbox.add_customer()
    for amount in (2900, 1900, 900):
        sandbox.fail_renewal(sandbox.add_subscription(customer, amount), "expired_card")

    journey.run(days=20)

    times = [mail.received_at for mail in journey.mails]
    for first, second in pairwise(times):
        assert second - first >= timedelta(hours=20)
    for start in times:
        assert sum(start <= at < start + 7 * DAY for at in times) <= 3
    assert len(times) >= 3


def test_mails_leave_in_the_subscriber_s_daytime(begin):
    journey = begin(timezone="UTC")
    journey.sandbox.advance(timedelta(hours=14))  # 23:00 in London
    journey.fail("expired_card", timezone="Europe/London")

    journey.run(days=1)

    assert [mail.received_at.hour for mail in journey.mails] == [9]


def test_a_customer_s_new_address_is_the_one_written_to(journey):
    invoice = journey.fail("expired_card")
    journey.settle()
    customer = journey.case(invoice).stripe_customer_id
    journey.api("POST", f"/v1/customers/{customer}", email="new@example.test")

    journey.run(days=4)

    assert [mail.to for mail in journey.mails] == [("ada@example.test",), ("new@example.test",)]


def test_a_mail_carries_its_way_out_and_the_way_works(journey):
    journey.fail("expired_card")
    journey.settle()
    [mail] = journey.mails

    assert mail.header("List-Unsubscribe")
    assert mail.header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    journey.one_click(mail)
    journey.run(days=25)

    assert len(journey.mails) == 1
    assert journey.faults == CLEAN


def test_an_expired_link_asks_for_a_fresh_one_by_mail(journey):
    invoice = journey.fail("expired_card")
    journey.run(days=2)
    old = journey.card_link(0)
    journey.run(days=31)

    journey.ask_for_a_fresh_link(old)
    journey.settle()
    assert journey.sent[-1] == "fresh_link"
    visit = journey.visit(journey.card_link())
    journey.settle()

    assert visit.state == "paid"
    assert journey.case(invoice).state == "recovered"


def test_a_step_that_writes_a_mail_builds_its_facts_once(journey, monkeypatch):
    """Once for each look at Stripe: the mail says what was decided on."""
    calls = Counter()
    for genuine in (fetch_evidence, facts_of):
        everywhere(monkeypatch, genuine, counted(calls, genuine))
    journey.fail("expired_card")

    journey.settle()

    assert len(journey.mails) == 1
    assert calls["facts_of"] == calls["fetch_evidence"] > 1


def everywhere(monkeypatch, genuine, instead) -> None:
    """Put a function in the place of another, in each module that has imported it."""
    for module in list(sys.modules.values()):
        if getattr(module, genuine.__name__, None) is genuine:
            monkeypatch.setattr(module, genuine.__name__, instead)


def counted(calls, genuine):
    def call(*args, **kwargs):
        calls[genuine.__name__] += 1
        return genuine(*args, **kwargs)

    return call
