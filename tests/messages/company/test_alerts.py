"""Mails to a company's own people: trouble at once, the rest in the morning, each at most once."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from emails.transport import Mailer
from recover.accounts import connections
from recover.accounts.settings import changes
from recover.dunning import DEFAULT
from recover.messages.company import alerts, delivery
from recover.models import (
    Account,
    AuditLogEntry,
    Company,
    KnownDispute,
    LedgerLine,
    Notification,
    RecoveryCase,
    StripeEvent,
    User,
)
from recover.reporting import figures
from recover.web import labels

pytestmark = pytest.mark.both_databases  # claims, leases and locks

MONDAY = datetime(2027, 3, 8, 9, 0, tzinfo=UTC)


@pytest.fixture
def office(services, account, user, mailbox, clock):
    return Office(services, account, user, mailbox, clock)


class Office:
    """One account, whose owner is Ada."""

    def __init__(self, services, account, user, mailbox, clock) -> None:
        self.services, self.account, self.user = services, account, user
        self.mailbox, self.clock = mailbox, clock

    def set(self, **wanted):
        changes.change(self.services, self.account.id, wanted, actor="command")

    def trouble(self, problem="401: Invalid API Key provided."):
        connections.note_trouble(self.services, self.account.id, problem)

    def round(self):
        """What the clock does; the subjects of the mails that arrived in it."""
        before = len(self.mailbox.messages())
        alerts.write_due(self.services)
        delivery.send_due(self.services)
        return [mail.subject for mail in self.mailbox.messages()[before:]]

    @property
    def rows(self):
        with self.services.db.read() as session:
            return list(session.scalars(select(Notification).order_by(Notification.id)))

    def park(self, name):
        now = self.services.now()
        with self.services.db.begin() as session:
            row = StripeEvent(
                account_id=self.account.id,
                stripe_event_id=name,
                type="invoice.paid",
                created_at=now,
                received_at=now,
                due_at=now,
                status="parked",
            )
            session.add(row)

    def case(self, number, state="exhausted", reason="window_over", **about):
        now = self.services.now()
        values = {
            "account_id": self.account.id,
            "stripe_invoice_id": f"in_{number}",
            "stripe_customer_id": f"cus_{number}",
            "customer_name": f"Customer {number}",
            "currency": "usd",
            "amount_minor": 2900,
            "amount_remaining_minor": 2900,
            "state": state,
            "close_reason": reason,
            "campaign_key": DEFAULT.key,
            "campaign_version": 1,
            "failed_at": now - timedelta(days=21),
            "opened_at": now,
            "closed_at": None if state == "open" else now,
        }
        with self.services.db.begin() as session:
            row = RecoveryCase(**values | about)
            session.add(row)
        return row

    def won(self, number, source="our_retry", amount=2900, kind="recovered"):
        case = self.case(f"{kind}-{number}", state="recovered", reason="")
        with self.services.db.begin() as session:
            session.add(
                LedgerLine(
                    account_id=self.account.id,
                    case_id=case.id,
                    kind=kind,
                    source=source,
                    reference=f"ch_{number}",
                    amount_minor=amount,
                    currency="usd",
                    at=self.services.now(),
                )
            )


def last_text(office):
    return " ".join(office.mailbox.messages()[-1].text.split())


# Trouble


def test_trouble_with_the_key_is_told_at_once_to_the_owners(office):
    office.trouble()
    assert office.round() == ["Stripe refuses our key: Acme"]
    mail = office.mailbox.messages()[-1]
    assert mail.to == ("ada@acme.test",)
    assert "401: Invalid API Key provided." in mail.text
    assert f"http://recover.test/settings/notifications/{office.account.id}" in mail.text


def test_trouble_is_told_once_a_day_while_it_lasts(office):
    office.trouble()
    arrived = []
    for _ in range(50):
        arrived += office.round()
        office.clock.advance(hours=1)
    assert len(arrived) == 3


def test_trouble_that_is_over_before_the_mail_could_leave_is_not_told(office):
    office.trouble()
    alerts.write_due(office.services)
    office.trouble("")
    assert delivery.send_due(office.services) == 1
    assert office.mailbox.messages() == []
    assert [row.status for row in office.rows] == ["skipped"]


def test_a_disconnection_is_told_once(office):
    connections.disconnect(office.services, office.account.id)
    assert office.round() == ["Stripe is disconnected: Acme"]
    assert "was disconnected" in last_text(office)
    office.clock.advance(hours=23)
    assert office.round() == []
    office.clock.advance(days=3)
    assert office.round() == []


def test_parked_events_are_told_once_and_again_only_when_there_are_more(office):
    office.park("evt_1")
    assert office.round() == ["Events from Stripe wait for you: Acme"]
    office.park("evt_2")
    assert office.round() == []
    office.clock.advance(days=2)
    assert office.round() == ["Events from Stripe wait for you: Acme"]
    assert "2 events of Acme" in last_text(office)
    office.clock.advance(days=2)
    assert office.round() == []


# The mornings


def test_cases_exhausted_come_in_one_mail_in_the_companys_own_morning(office):
    office.set(notify_exhausted=True, notify_weekly=False, timezone="America/New_York")
    office.clock.advance_to(datetime(2027, 3, 3, 15, 0, tzinfo=UTC))
    for number in range(3):
        office.case(number)
    assert office.round() == []
    office.clock.advance_to(datetime(2027, 3, 4, 12, 59, tzinfo=UTC))
    assert office.round() == []
    office.clock.advance_to(datetime(2027, 3, 4, 13, 0, tzinfo=UTC))  # eight in New York
    assert office.round() == ["3 cases are exhausted: Acme"]
    assert "Customer 2" in last_text(office)
    assert "customers can still pay" in last_text(office)
    office.clock.advance(hours=5)
    assert office.round() == []
    office.clock.advance(days=1)
    assert office.round() == []


def test_a_morning_that_was_missed_is_made_up_for(office):
    office.set(notify_exhausted=True, notify_weekly=False)
    office.case("a")
    office.clock.advance(days=1)
    assert len(office.round()) == 1
    office.case("b")
    office.clock.advance(days=3)
    assert office.round() == ["One case is exhausted: Acme"]
    assert "Customer b" in last_text(office)


def test_very_many_cases_are_counted_and_some_are_named(office):
    office.set(notify_exhausted=True, notify_weekly=False)
    for number in range(alerts.LISTED + 4):
        office.case(number)
    office.clock.advance(days=1)
    assert office.round() == [f"{alerts.LISTED + 4} cases are exhausted: Acme"]
    assert "And 4 more." in last_text(office)


def test_the_week_is_summed_up_on_monday_by_what_the_ledger_says(office):
    office.won(1, "our_retry", 2900)
    office.won(2, "stripe_retry", 1000)
    office.won(3, "", -500, kind="refunded")
    office.case("lost")
    office.case("waiting", state="open", reason="", failed_at=office.services.now())
    office.clock.advance_to(MONDAY.replace(hour=7))
    assert office.round() == []
    office.clock.advance_to(MONDAY)
    office.won(4, "our_retry", 99900)  # this week's, and so the next summary's

    assert office.round() == ["Your week: Acme, 1 Mar 2027 to 7 Mar 2027"]

    told = last_text(office)
    assert "1 renewal failed in that week" in told
    assert "Won back: $34.00 (2 invoices)" in told
    assert "of it: Scheduled retry: $29.00 (1 invoice)" in told
    assert "of it: Stripe's own retry: $10.00 (1 invoice)" in told
    assert "Given back: $5.00 (1 invoice)" in told
    assert "Lost: $29.00 (1 invoice)" in told
    assert "At risk now: $29.00 (1 invoice)" in told
    assert "999" not in told
    assert not any(word in told.lower() for word in ("lift", "would have lost", "thanks to"))
    office.clock.advance(hours=20)
    assert office.round() == []


def test_a_week_in_which_nothing_happened_makes_no_mail(office):
    office.case("waiting", state="open", reason="")
    office.clock.advance_to(MONDAY)
    assert office.round() == []
    assert office.rows == []


# Who, and whether


def test_the_settings_name_who_is_written_to(office):
    office.set(notify_to="ops@acme.test\nfinance@acme.test")
    office.trouble()
    assert len(office.round()) == 2
    to = [reader for mail in office.mailbox.messages() for reader in mail.to]
    assert to == ["ops@acme.test", "finance@acme.test"]


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_only_owners_are_written_to_where_nobody_is_named(office, role):
    with office.services.db.begin() as session:
        session.get_one(User, office.user.id).role = role
    office.trouble()
    assert office.round() == []


def test_people_of_another_company_are_told_nothing(office):
    with office.services.db.begin() as session:
        rival = Company(name="Rival", created_at=office.services.now())
        session.add(rival)
        session.flush()
        session.add(
            User(company_id=rival.id, email="spy@rival.test", created_at=office.services.now())
        )
    office.trouble()
    office.round()
    assert [reader for mail in office.mailbox.messages() for reader in mail.to] == ["ada@acme.test"]


def contest(office, number, kind="dispute", status="needs_response"):
    """A payment that is disputed, or that its bank calls fraud; the row."""
    now = office.services.now()
    with office.services.db.begin() as session:
        row = KnownDispute(
            account_id=office.account.id,
            stripe_customer_id=f"cus_{number}",
            stripe_charge_id=f"ch_{number}",
            kind=kind,
            stripe_id=f"dp_{number}",
            status=status,
            amount_minor=2900,
            currency="usd",
            charged_at=now - timedelta(days=9),
            seen_at=now,
        )
        session.add(row)
    return row


def test_disputes_and_warnings_are_told_at_once_and_then_once_a_day(office):
    office.case("a", state="closed", reason="disputed")
    contest(office, "a")
    contest(office, "b", kind="warning", status="actionable")
    contest(office, "c", status="won")
    assert office.round() == ["2 payments are disputed or reported as fraud: Acme"]
    text = last_text(office)
    assert "Customer a" in text
    assert "disputed, and not answered yet." in text
    assert "reported as fraud by their bank" in text
    assert office.round() == []
    contest(office, "d")
    assert office.round() == []
    office.clock.advance(days=1)
    assert office.round() == ["One payment is disputed or reported as fraud: Acme"]


@pytest.mark.parametrize("kind", ["trouble", "parked", "exhausted", "weekly", "disputes"])
def test_what_is_switched_off_is_not_told(office, kind):
    office.set(notify_exhausted=True)
    office.set(**{f"notify_{kind}": False})
    office.trouble()
    office.park("evt_1")
    office.case("a")
    contest(office, "b")
    office.clock.advance_to(office.services.now() + timedelta(hours=23, minutes=30))
    office.clock.advance_to(MONDAY)
    alerts.write_due(office.services)
    kinds = {row.kind for row in office.rows}
    assert kind not in kinds
    assert {"trouble", "parked", "weekly", "disputes"} - {kind} <= kinds


# At most once


def test_two_rounds_at_once_write_each_row_once(office):
    office.trouble()
    with office.services.db.read() as session:
        account = session.get_one(Account, office.account.id)
        first = list(alerts.alerts_due(session, account, office.services.now()))
        second = list(alerts.alerts_due(session, account, office.services.now()))
    assert [one.key for one in first] == [one.key for one in second]
    for _ in range(2):
        alerts.write_due(office.services)
    assert len(office.rows) == 1


class DiesAfter(Mailer):
    """Hands the mail over; then its worker is killed."""

    def send(self, outgoing):
        super().send(outgoing)
        raise SystemExit("killed")


def test_a_worker_that_dies_in_the_middle_of_sending_never_doubles_a_mail(office):
    office.trouble()
    alerts.write_due(office.services)
    dying = dataclasses.replace(office.services, mailer=DiesAfter(office.mailbox.url))
    with pytest.raises(SystemExit):
        delivery.send_due(dying)
    office.clock.advance(minutes=20)
    delivery.send_due(office.services)
    assert [row.status for row in office.rows] == ["uncertain"]
    assert len(office.mailbox.messages()) == 1


def test_a_mail_server_that_is_away_delays_the_mail(office):
    office.trouble()
    office.mailbox.fail_next(421, 2, at="mail")
    assert office.round() == []
    office.clock.advance(minutes=2)
    assert office.round() == []
    office.clock.advance(minutes=6)
    assert office.round() == ["Stripe refuses our key: Acme"]


def test_every_mail_to_people_is_on_record(office):
    office.trouble()
    office.round()
    query = select(AuditLogEntry).where(AuditLogEntry.verb == "notify")
    with office.services.db.read() as session:
        [line] = session.scalars(query)
    assert line.actor == "recover"
    assert line.reason == "Wrote to ada@acme.test: Stripe refuses our key: Acme"


def test_the_summary_calls_each_source_as_the_pages_do():
    assert {source: name for source, (name, _) in labels.SOURCES.items()} == figures.SOURCE_NAMES
