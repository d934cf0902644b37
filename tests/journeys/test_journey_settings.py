"""Settings make happen what they say: quiet hours, the weekly cap, the gap between mails."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from recover.models import Message


def sent_at(journey, zone="UTC"):
    """When each mail left, by the clock of ``zone``."""
    rows = [row for row in journey.messages if row.status == "sent"]
    return [row.sent_at.astimezone(ZoneInfo(zone)) for row in rows]


def test_mails_leave_only_in_the_hours_that_were_set_by_the_subscribers_clock(journey):
    journey.set(timezone="Asia/Tokyo", send_from_hour=11, send_until_hour=12)

    journey.fail("expired_card")
    journey.run(days=21)

    hours = {at.hour for at in sent_at(journey, "Asia/Tokyo")}
    assert len(journey.sent) >= 3
    assert hours == {11}


def test_a_mail_that_waits_for_the_mail_server_meets_the_quiet_hours_too(journey):
    journey.set(send_from_hour=9, send_until_hour=20)
    journey.sandbox.advance_to(journey.now.replace(hour=19, minute=59, second=30))
    journey.mailbox.fail_next(421, 1, at="mail")
    journey.fail("expired_card")

    journey.run(hours=14)

    [first] = sent_at(journey)
    assert (first.hour, first.minute) == (9, 0)


def test_thanks_are_not_held_back(journey):
    journey.set(send_from_hour=9, send_until_hour=20)
    invoice = journey.fail("expired_card")
    journey.settle()
    journey.sandbox.advance_to(journey.now.replace(hour=22))

    journey.sandbox.pay_on_hosted_page(invoice)
    journey.run(hours=1)

    assert journey.sent[-1] == "thank_you"
    assert sent_at(journey)[-1].hour == 22


def test_a_notice_about_an_expiring_card_waits_for_the_morning_where_its_reader_lives(journey):
    journey.set(send_from_hour=9, send_until_hour=20)
    row = Message(
        account_id=journey.account_id,
        stripe_customer_id="cus_x",
        dedup_key="expiring:x",
        template="card_expiring",
        status="pending",
        to_email="zoe@example.test",
        details={"subscription_id": "sub_x", "payment_method_id": "pm_x", "timezone": "Asia/Tokyo"},
        due_at=journey.now.replace(hour=13),
        created_at=journey.now,
    )
    with journey.services.db.begin() as session:
        session.add(row)
    journey.sandbox.advance_to(journey.now.replace(hour=13))  # ten in the evening in Tokyo

    journey.settle()

    [waiting] = journey.messages
    assert waiting.status == "pending"
    assert waiting.due_at.astimezone(ZoneInfo("Asia/Tokyo")).hour == 9


@pytest.mark.parametrize("cap", [1, 2])
def test_no_subscriber_gets_more_mails_a_week_than_were_set(journey, cap):
    journey.set(messages_per_week=cap, message_gap_hours=1)

    journey.fail("expired_card")
    journey.run(days=21)

    times = sent_at(journey)
    assert len(times) > cap
    week = timedelta(days=7)
    assert max(sum(at <= one < at + week for one in times) for at in times) == cap


def test_mails_keep_the_distance_that_was_set(journey):
    journey.set(message_gap_hours=100)

    journey.fail("expired_card")
    journey.run(days=21)

    times = sent_at(journey)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) >= 2
    assert min(gaps) >= timedelta(hours=100)


def test_open_cases_are_planned_anew_when_hours_change(journey):
    journey.set(send_from_hour=9, send_until_hour=20)
    invoice = journey.fail("expired_card")
    journey.run(hours=1)
    before = journey.case(invoice).next_step_at

    journey.set(send_from_hour=15, send_until_hour=16)

    assert journey.case(invoice).next_step_at != before
    assert journey.case(invoice).next_step_at.hour == 15
