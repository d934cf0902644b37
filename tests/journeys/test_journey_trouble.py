"""Trouble with Stripe and with our own processes: late, never lost, never done twice."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import timedelta

import pytest
from journey import CLEAN
from sqlalchemy import select

from emails.transport import Mailer
from recover.accounts import connections
from recover.cases import attempts
from recover.dunning import Outcome, Trigger
from recover.entrypoints import jobs
from recover.models import Attempt
from recover.workflow import steps, sync
from sandbox.sandbox import CAREFUL

pytestmark = pytest.mark.both_databases  # workers that meet and die

PAY = "POST /v1/invoices"  # of all that Recover asks Stripe, only the charge matches


def due_retry(journey, *answers, **about):
    """A case whose next retry is due at this very moment, and claimed by a worker."""
    invoice = journey.fail("insufficient_funds", *(answers or ("approve",)), **about)
    journey.settle()
    journey.sandbox.advance_to(journey.case(invoice).next_step_at)
    assert steps.claim_due(journey.services) == [journey.case(invoice).id]
    return invoice


def write_row(journey, invoice):
    """What a worker does first: the row of the try is committed. Its act is still to be made."""
    return steps._next_act(journey.services, journey.account, invoice)


def charge(journey, invoice):
    """What a worker does next: Stripe is asked, under the row's own key. The answer is lost."""
    row = journey.attempts(invoice)[-1]
    return journey.services.stripe(journey.account).pay(
        invoice, payment_method_id=row.payment_method_id, idempotency_key=row.idempotency_key
    )


def assert_one_retry_won(journey, invoice):
    assert journey.charged(invoice) == [False, True]
    assert journey.tries(invoice) == [("stripe", "failed"), ("schedule", "succeeded")]
    assert journey.won == [("our_retry", 2900, "usd")]
    assert journey.faults == CLEAN


# Workers that die


def test_a_worker_that_dies_before_the_charge_leaves_one_charge_to_another(journey):
    invoice = due_retry(journey)

    assert write_row(journey, invoice) is not None
    journey.run(days=1)

    assert_one_retry_won(journey, invoice)


@pytest.mark.parametrize("lost", [0.0, 1.0], ids=["webhooks arrive", "webhooks are lost"])
def test_a_worker_that_dies_after_the_charge_leaves_it_counted_once(journey, lost):
    invoice = due_retry(journey)
    journey.sandbox.webhooks.lose = lost

    write_row(journey, invoice)
    charge(journey, invoice)
    journey.run(days=1)

    assert_one_retry_won(journey, invoice)


def test_a_worker_that_dies_after_a_decline_leaves_it_counted_once(journey):
    invoice = due_retry(journey, "do_not_honor", "approve")

    write_row(journey, invoice)
    charge(journey, invoice)
    journey.run(hours=20)

    assert journey.charged(invoice) == [False, False]
    assert journey.tries(invoice) == [("stripe", "failed"), ("schedule", "failed")]
    assert journey.case(invoice).decline_code == "do_not_honor"


def test_two_workers_with_one_case_make_one_charge(journey):
    invoice = due_retry(journey)

    first, second = write_row(journey, invoice), write_row(journey, invoice)
    assert second is None
    first()
    journey.run(days=1)

    assert_one_retry_won(journey, invoice)


def test_a_job_that_runs_twice_makes_one_charge(journey):
    invoice = due_retry(journey)

    for _ in range(2):
        jobs.run_step(journey.case(invoice).id)
    journey.run(days=1)

    assert_one_retry_won(journey, invoice)


def test_the_webhook_about_our_own_charge_may_come_before_its_answer(journey):
    invoice = due_retry(journey)
    write_row(journey, invoice)
    [row] = [row for row in journey.attempts(invoice) if row.outcome == "pending"]
    payment = charge(journey, invoice)

    journey.settle()
    late = attempts.settle(
        journey.services, row.id, Outcome.SUCCEEDED, {"stripe_charge_id": payment.charge_id}
    )

    assert late is False
    assert_one_retry_won(journey, invoice)


def test_a_try_begun_before_the_invoice_was_voided_is_abandoned(journey):
    invoice = due_retry(journey)
    act = write_row(journey, invoice)
    journey.api("POST", f"/v1/invoices/{invoice}/void")

    act()
    journey.run(days=2)

    assert journey.charged(invoice) == [False]
    assert journey.tries(invoice)[-1] == ("schedule", "abandoned")
    assert journey.case(invoice).close_reason == "voided"


def test_a_try_begun_before_its_card_was_replaced_is_given_up_and_the_new_card_tried(journey):
    invoice = due_retry(journey)
    write_row(journey, invoice)

    journey.replace_card(journey.case(invoice).stripe_customer_id)
    journey.run(days=1)

    assert journey.charged(invoice) == [False, True]
    assert [outcome for _, outcome in journey.tries(invoice)] == [
        "failed",
        "abandoned",
        "succeeded",
    ]
    assert journey.won == [("new_card", 2900, "usd")]


def test_a_payment_on_the_hosted_page_while_our_try_hangs_is_not_taken_for_ours(journey):
    invoice = due_retry(journey)
    write_row(journey, invoice)

    journey.sandbox.pay_on_hosted_page(invoice)
    journey.run(days=1)

    assert journey.case(invoice).state == "recovered"
    assert journey.won == [("elsewhere", 2900, "usd")]
    assert journey.charged(invoice) == [False, True]


def test_a_worker_that_dies_before_sending_leaves_one_mail_to_another(journey):
    invoice = journey.fail("expired_card")
    journey.sandbox.deliver_due()
    jobs.drain_inbox()
    assert write_row(journey, invoice) is not None
    assert journey.mails == []
    journey.run(hours=2)

    assert journey.sent == ["payment_failed"]
    assert len(journey.mails) == 1


class DiesAfter(Mailer):
    """Hands the mail over; then its worker is killed."""

    def send(self, outgoing):
        super().send(outgoing)
        raise SystemExit("killed")


class DiesBefore(Mailer):
    def send(self, outgoing):
        raise SystemExit("killed")


@pytest.mark.parametrize(("mailer", "arrived"), [(DiesAfter, 1), (DiesBefore, 0)])
def test_a_worker_that_dies_in_the_middle_of_sending_never_doubles_a_mail(
    journey, monkeypatch, mailer, arrived
):
    invoice = journey.fail("expired_card")
    dying = dataclasses.replace(journey.services, mailer=mailer(journey.mailbox.url))
    sync.sync(dying, journey.account, invoice)

    with pytest.raises(SystemExit):
        steps.run(dying, journey.case(invoice).id)
    journey.run(days=2)

    assert len(journey.mails) == arrived
    assert [row.status for row in journey.messages] == ["uncertain"]
    assert journey.case(invoice).state == "open"


# The card page


def test_a_payment_the_subscriber_asked_for_is_made_although_the_page_failed(journey):
    invoice = journey.fail("expired_card")
    journey.settle()
    journey.sandbox.faults.outage(1, PAY)

    journey.visit_in_trouble(journey.card_link())
    assert journey.charged(invoice) == [False]
    journey.run(hours=1)

    assert journey.case(invoice).state == "recovered"
    assert journey.charged(invoice) == [False, True]
    assert journey.won == [("card_page", 2900, "usd")]
    assert journey.sent == ["payment_failed", "thank_you"]


def test_a_late_payment_is_made_although_the_page_failed_and_the_case_was_over(journey):
    invoice = journey.fail("expired_card")
    journey.run(days=24)
    assert journey.case(invoice).state == "exhausted"
    journey.sandbox.faults.outage(1, PAY)

    journey.visit_in_trouble(journey.card_link())
    journey.run(hours=1)

    assert journey.case(invoice).state == "recovered"
    assert journey.won == [("card_page", 2900, "usd")]


def test_a_page_whose_answer_was_lost_after_the_charge_does_not_charge_again(journey):
    invoice = journey.fail("expired_card")
    journey.settle()
    journey.sandbox.faults.drop_response_after_execution(1, PAY)

    journey.visit_in_trouble(journey.card_link())
    journey.visit_in_trouble(journey.card_link())
    journey.run(hours=1)

    assert journey.charged(invoice) == [False, True]
    assert journey.won == [("card_page", 2900, "usd")]
    assert journey.faults == CLEAN


def test_a_page_that_dies_before_the_card_is_saved_charges_nothing(journey):
    invoice = journey.fail("expired_card")
    journey.settle()
    case = journey.case(invoice)
    method = journey.sandbox.add_card(case.stripe_customer_id, journey.sandbox.issue_card())
    chosen = journey.services.stripe(journey.account).payment_method(method)

    sync.begin_payment(
        journey.services,
        journey.account,
        invoice,
        Trigger.SUBSCRIBER,
        "asked to pay",
        chosen,
        actor="subscriber",
    )
    journey.run(days=1)

    assert journey.charged(invoice) == [False]
    assert journey.tries(invoice)[-1] == ("subscriber", "abandoned")
    assert journey.case(invoice).state == "open"


# Stripe away


def test_an_outage_of_stripe_delays_everything_and_loses_nothing(journey):
    journey.sandbox.faults.outage(40)
    invoice = journey.fail("insufficient_funds", "insufficient_funds", "approve")

    journey.run(days=25)

    assert journey.case(invoice).state == "recovered"
    assert journey.charged(invoice) == [False, False, True]
    assert journey.sent == ["payment_failed", "thank_you"]
    assert journey.case(invoice).transient_failures == 0
    assert journey.faults == CLEAN


@pytest.mark.parametrize("fault", ["rate_limit_next", "lock_next", "outage"])
def test_a_charge_that_stripe_puts_off_is_made_once_under_its_first_key(journey, fault):
    invoice = due_retry(journey)
    getattr(journey.sandbox.faults, fault)(3, PAY)

    jobs.run_step(journey.case(invoice).id)
    with journey.services.db.read() as session:
        key = session.scalar(select(Attempt.idempotency_key).where(Attempt.outcome == "pending"))
    journey.run(hours=12)

    assert_one_retry_won(journey, invoice)
    assert journey.attempts(invoice)[-1].idempotency_key == key


def test_a_charge_whose_answer_was_lost_is_not_made_again(journey):
    invoice = due_retry(journey)
    journey.sandbox.faults.drop_response_after_execution(1, PAY)

    jobs.run_step(journey.case(invoice).id)
    assert journey.tries(invoice)[-1] == ("schedule", "pending")
    journey.run(days=1)

    assert_one_retry_won(journey, invoice)


def test_repeating_a_lost_answer_gets_the_same_answer_under_the_same_key(journey):
    invoice = due_retry(journey)
    write_row(journey, invoice)

    first, second = charge(journey, invoice), charge(journey, invoice)

    assert first == second
    assert journey.charged(invoice) == [False, True]


def test_stripe_is_asked_less_and_less_often_while_it_is_away(journey):
    invoice = due_retry(journey)
    journey.sandbox.faults.outage(10_000, PAY)
    times = []

    jobs.run_step(journey.case(invoice).id)
    for _ in range(12):
        times.append(journey.case(invoice).next_step_at)
        journey.sandbox.advance_to(times[-1])
        journey.settle()

    gaps = [(later - earlier) for earlier, later in itertools.pairwise(times)]
    assert max(gaps) >= timedelta(hours=1)
    assert journey.charged(invoice) == [False]


def test_one_account_without_access_does_not_hold_up_the_mails_of_another(journey):
    other = connections.connect(
        journey.services,
        "Another company",
        connections.Keys(
            secret=journey.sandbox.platform_key, publishable=journey.sandbox.publishable_key
        ),
        mode="recover",
    )
    journey.mailbox.fail_next(421, 1, at="mail")
    journey.fail("expired_card")
    journey.settle()
    journey.waiting_mail_of(other.id)
    journey.sandbox.revoke_key(journey.sandbox.platform_key)

    journey.run(hours=1)

    assert [row.status for row in journey.messages if row.account_id == journey.account_id] == [
        "sent"
    ]


# Access lost


def test_a_revoked_key_closes_nothing_and_the_case_goes_on_with_a_new_one(journey):
    invoice = journey.fail("insufficient_funds", "approve")
    journey.run(hours=1)
    journey.sandbox.revoke_key(journey.sandbox.restricted_key)

    journey.run(days=2)
    assert journey.case(invoice).state == "open"
    assert journey.charged(invoice) == [False]
    assert "401" in journey.account.problem

    connections.connect(
        journey.services,
        "Fernhill Software",
        connections.Keys(
            secret=journey.sandbox.new_key(permissions=CAREFUL),
            publishable=journey.sandbox.account_publishable_key,
        ),
    )
    journey.run(days=1)

    assert journey.account.problem == ""
    assert journey.case(invoice).state == "recovered"
    assert journey.account.mode == "recover"


def test_a_key_without_the_permission_to_pay_is_noted_and_nothing_is_lost(journey):
    invoice = due_retry(journey)
    readable = dict.fromkeys(
        ("invoices", "subscriptions", "charges", "customers", "payment_methods"), "read"
    )
    journey.sandbox.restrict_key(journey.sandbox.restricted_key, readable)

    jobs.run_step(journey.case(invoice).id)
    assert "403" in journey.account.problem
    journey.sandbox.restrict_key(journey.sandbox.restricted_key, CAREFUL)
    journey.run(days=1)

    assert_one_retry_won(journey, invoice)


def test_a_platform_s_account_is_won_back_as_any_other(begin):
    journey = begin(connection="platform")
    retried = journey.fail("insufficient_funds", "approve")
    replaced = journey.fail("expired_card", email="eve@example.test", amount=900)
    journey.settle()

    assert journey.visit(journey.card_link(), "4000002760003184").state == "paid"
    journey.run(days=2)

    assert journey.case(retried).state == journey.case(replaced).state == "recovered"
    assert sorted(journey.won) == [("card_page", 900, "usd"), ("our_retry", 2900, "usd")]


def test_a_company_that_disconnects_is_left_alone_at_once(begin):
    journey = begin(connection="platform")
    invoice = journey.fail("insufficient_funds", "approve")
    journey.run(hours=1)
    case_id = journey.case(invoice).id

    journey.sandbox.deauthorize()
    journey.settle()
    jobs.run_step(case_id)  # a job that was on the queue before
    journey.run(days=25)

    case = journey.case(invoice)
    assert (case.state, case.close_reason) == ("closed", "disconnected")
    assert journey.account.disconnected_at is not None
    assert journey.charged(invoice) == [False]
    assert journey.mails == []
    assert journey.verbs(invoice)[-1] == "close"
