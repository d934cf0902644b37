"""Who gets no more mail: the address, whoever has it, and the person who asked."""

from __future__ import annotations

import pytest


def test_no_more_mail_means_the_address_whoever_has_it(journey):
    journey.fail("expired_card", email="ada@example.test")
    journey.fail("expired_card", email="Ada@example.test")  # the same person, signed up twice
    journey.settle()
    before = len(journey.mails)
    journey.one_click(journey.mails[0])
    journey.run(days=10)
    later = journey.fail("expired_card", email="ada@example.test")  # and once more, later
    journey.run(days=25)
    assert before
    assert len(journey.mails) == before
    assert journey.case(later).state == "exhausted"


def test_who_asked_for_no_more_mail_stays_unwritten_under_another_address(journey):
    invoice = journey.fail("expired_card")
    journey.settle()
    journey.one_click(journey.mails[0])
    change_address(journey, invoice, "other@example.test")
    journey.run(days=25)
    assert len(journey.mails) == 1


def test_a_corrected_address_is_written_to(journey):
    journey.mailbox.fail_next(550)
    invoice = journey.fail("expired_card", email="wrnog@example.test")
    journey.settle()
    assert journey.sent == []
    change_address(journey, invoice, "right@example.test")
    journey.run(days=10)
    assert ("right@example.test",) in [mail.to for mail in journey.mails]


def test_a_refused_address_is_not_written_to_for_anybody(journey):
    journey.mailbox.fail_next(550)
    journey.fail("expired_card", email="gone@example.test")
    journey.settle()
    journey.fail("expired_card", email="gone@example.test")
    journey.run(days=25)
    assert journey.mails == []


@pytest.mark.parametrize(
    "refusal",
    [
        (550, "5.7.1 Message rejected due to content restrictions"),
        (554, "5.7.1 Service unavailable; client host blocked using a block list"),
        (550, "5.7.26 This mail is unauthenticated"),
        (552, "5.3.4 Message size exceeds fixed limit"),
        (552, "5.2.2 Mailbox full"),
        (553, "5.1.8 Bad sender's system address"),
    ],
    ids=lambda refusal: refusal[1].split()[0],
)
def test_a_refusal_of_us_or_of_the_message_is_not_held_against_the_address(journey, refusal):
    code, words = refusal
    journey.mailbox.fail_next(code, words=words)
    journey.fail("expired_card")
    journey.run(days=10)
    assert "payment_failed" in journey.sent


@pytest.mark.parametrize(
    ("code", "words", "at"),
    [
        (550, "5.1.1 No such user", "rcpt"),
        (550, "5.2.1 This mailbox is switched off", "rcpt"),
        (550, "No such user here", "rcpt"),
        (550, "5.1.1 No such user", "data"),
    ],
)
def test_a_refusal_of_the_recipient_is_held_against_the_address(journey, code, words, at):
    journey.mailbox.fail_next(code, words=words, at=at)
    journey.fail("expired_card")
    journey.run(days=10)
    assert journey.mails == []


def change_address(journey, invoice, email):
    customer = journey.case(invoice).stripe_customer_id
    journey.api("POST", f"/v1/customers/{customer}", email=email)
    journey.settle()
