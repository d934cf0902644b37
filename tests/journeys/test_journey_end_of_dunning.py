"""What happens on Stripe once all tries are used: as set, once, and never to anybody who paid."""

from __future__ import annotations

from datetime import timedelta

import pytest
from journey import CLEAN

from recover.dunning import Trigger
from recover.entrypoints import jobs
from recover.workflow import end_of_dunning, steps, sync

pytestmark = pytest.mark.both_databases  # workers that meet and die

DONE = {"cancel": ("canceled", "open"), "uncollectible": ("past_due", "uncollectible")}
UNTOUCHED = ("past_due", "open")
WRITES = {"cancel": "DELETE /v1/subscriptions", "uncollectible": "/mark_uncollectible"}
actions = pytest.mark.parametrize("action", DONE)


def exhausted(journey, *answers, action="cancel"):
    """A case whose tries were used up at this very moment; what follows is still to be done."""
    journey.set(end_of_dunning=action)
    invoice = journey.fail(*(answers or ("expired_card",)))
    journey.run(days=20)
    journey.sandbox.advance_to(journey.case(invoice).failed_at + timedelta(days=21))
    for case_id in steps.claim_due(journey.services):
        jobs.run_step(case_id)
    assert journey.case(invoice).state == "exhausted"
    return invoice


def on_stripe(journey, invoice):
    """The statuses of the subscription and of the invoice, in the sandbox's own books."""
    case = journey.case(invoice)
    find = journey.sandbox.store.get
    return find(case.stripe_subscription_id)["status"], find(invoice)["status"]


def begin(journey, invoice):
    """What a worker does first: the row is begun, and Stripe still to be asked."""
    row, case = journey.ending(invoice), journey.case(invoice)
    assert end_of_dunning._begin(journey.services, journey.account, case, row.id)


def ask(journey, invoice):
    """What a worker does next: Stripe is asked. The answer is lost."""
    row, case = journey.ending(invoice), journey.case(invoice)
    end_of_dunning._ask(journey.services, journey.account, case, row)


def assert_done_once(journey, invoice, action):
    assert on_stripe(journey, invoice) == DONE[action]
    assert journey.ending(invoice).status == "done"
    assert journey.verbs(invoice)[-3:] == ["exhaust", "end", "end"]
    case = journey.case(invoice)
    assert (case.state, case.close_reason) == ("exhausted", "window_over")
    assert journey.faults == CLEAN


@actions
def test_it_is_done_as_set_and_the_timeline_says_so(journey, action):
    invoice = exhausted(journey, action=action)
    assert on_stripe(journey, invoice) == UNTOUCHED

    journey.run(days=3)

    assert_done_once(journey, invoice, action)
    planned, done = journey.timeline(invoice)[-2:]
    assert "is to be" in planned.reason
    assert "end of dunning" in planned.reason
    assert "on Stripe, as the account's setting" in done.reason
    assert journey.reconcile().fixes == []
    assert journey.case(invoice).state == "exhausted"


def test_nothing_is_done_unless_somebody_asked_for_it(journey):
    invoice = journey.fail("expired_card")

    journey.run(days=25)

    assert journey.case(invoice).state == "exhausted"
    assert on_stripe(journey, invoice) == UNTOUCHED
    assert journey.ending(invoice) is None


def test_cases_that_ended_before_are_left_alone(journey):
    invoice = journey.fail("expired_card")
    journey.run(days=22)

    journey.set(end_of_dunning="cancel")
    journey.run(days=3)
    journey.reconcile()

    assert on_stripe(journey, invoice) == UNTOUCHED


@actions
def test_in_observe_mode_it_is_only_noted(begin, action):
    journey = begin(mode="observe")
    invoice = exhausted(journey, action=action)

    journey.run(days=3)

    assert on_stripe(journey, invoice) == UNTOUCHED
    assert journey.ending(invoice).status == "observed"
    assert "only noted" in journey.timeline(invoice)[-1].reason


@actions
@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (lambda journey, invoice: journey.switch("observe"), "only observes"),
        (lambda journey, invoice: journey.set(end_of_dunning="leave"), "setting was changed"),
        (lambda journey, invoice: journey.sandbox.pay_on_hosted_page(invoice), "is paid now"),
        (
            lambda journey, invoice: journey.api("POST", f"/v1/invoices/{invoice}/void"),
            "is void now",
        ),
        (
            lambda journey, invoice: journey.api(
                "POST",
                f"/v1/subscriptions/{journey.case(invoice).stripe_subscription_id}",
                **{"pause_collection[behavior]": "void"},
            ),
            "collection is paused",
        ),
    ],
    ids=["observe", "switched off", "paid", "voided", "paused"],
)
def test_it_is_not_done_where_fresh_evidence_speaks_against_it(journey, action, meanwhile, why):
    invoice = exhausted(journey, action=action)
    before = on_stripe(journey, invoice)

    journey.sandbox.webhooks.lose = 1.0  # only the look right before can tell
    # `settle` would do it at once: the change is made as if between two rounds of the clock.
    journey.services.enqueue.redis.flushall()
    row = journey.ending(invoice).id
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "end_dunning", lambda: 0)
        meanwhile(journey, invoice)
    after = on_stripe(journey, invoice)
    end_of_dunning.carry_out(journey.services, row)

    ending = journey.ending(invoice)
    assert (ending.status, why in ending.error) == ("skipped", True), ending.error
    assert on_stripe(journey, invoice) == after
    assert "canceled" not in after
    assert "uncollectible" not in (*before, *after)
    assert why in journey.timeline(invoice)[-1].reason


def test_a_subscription_whose_newer_invoice_is_paid_is_not_cancelled(journey):
    invoice = exhausted(journey)
    subscription = journey.sandbox.store.get(journey.case(invoice).stripe_subscription_id)
    journey.sandbox.store.change(subscription, "customer.subscription.updated", status="active")

    end_of_dunning.carry_out(journey.services, journey.ending(invoice).id)

    assert subscription["status"] == "active"
    assert "not past due" in journey.ending(invoice).error


# Workers that die


@actions
def test_a_worker_that_dies_before_asking_leaves_it_to_another(journey, action):
    invoice = exhausted(journey, action=action)

    begin(journey, invoice)
    assert on_stripe(journey, invoice) == UNTOUCHED
    journey.run(days=1)

    assert_done_once(journey, invoice, action)


@actions
@pytest.mark.parametrize("lost", [0.0, 1.0], ids=["webhooks arrive", "webhooks are lost"])
def test_a_worker_that_dies_after_asking_leaves_it_done_once(journey, action, lost):
    invoice = exhausted(journey, action=action)
    journey.sandbox.webhooks.lose = lost

    begin(journey, invoice)
    ask(journey, invoice)
    journey.run(days=1)

    assert_done_once(journey, invoice, action)


@actions
def test_an_answer_that_was_lost_is_learned_from_stripe_itself(journey, action):
    invoice = exhausted(journey, action=action)
    journey.sandbox.faults.drop_response_after_execution(1, WRITES[action])

    jobs.end_dunning()
    assert journey.ending(invoice).status == "begun"
    journey.run(days=1)

    assert_done_once(journey, invoice, action)


@actions
def test_while_stripe_is_away_it_waits(journey, action):
    invoice = exhausted(journey, action=action)
    journey.sandbox.faults.outage(3, WRITES[action])

    jobs.end_dunning()
    assert on_stripe(journey, invoice) == UNTOUCHED
    journey.run(days=1)

    assert_done_once(journey, invoice, action)


def test_two_workers_with_one_row_ask_once(journey):
    invoice = exhausted(journey)
    row, case = journey.ending(invoice), journey.case(invoice)

    first = end_of_dunning._begin(journey.services, journey.account, case, row.id)
    second = end_of_dunning._begin(journey.services, journey.account, case, row.id)

    assert first is not None
    assert second is None


def test_a_key_that_may_not_write_is_noted_and_it_waits(journey):
    invoice = exhausted(journey)
    readable = dict.fromkeys(
        ("invoices", "subscriptions", "charges", "customers", "payment_methods"), "read"
    )
    journey.sandbox.restrict_key(journey.sandbox.restricted_key, readable)

    jobs.end_dunning()
    assert "403" in journey.account.problem
    journey.sandbox.restrict_key(journey.sandbox.restricted_key, None)
    journey.run(days=1)

    assert_done_once(journey, invoice, "cancel")


# Customers who come late


def test_a_customer_who_pays_after_uncollectible_is_recovered(journey):
    invoice = exhausted(journey, action="uncollectible")
    journey.run(hours=1)
    assert on_stripe(journey, invoice) == DONE["uncollectible"]

    journey.sandbox.pay_on_hosted_page(invoice)
    journey.run(hours=1)

    assert journey.case(invoice).state == "recovered"
    assert journey.won == [("elsewhere", 2900, "usd")]
    assert journey.verbs(invoice)[-1] == "recover"


def test_nobody_can_begin_to_pay_while_stripe_is_being_asked(journey):
    invoice = exhausted(journey)
    journey.replace_card(journey.case(invoice).stripe_customer_id)
    begin(journey, invoice)

    paid = sync.pay_now(
        journey.services,
        journey.account,
        invoice,
        Trigger.FOUNDER,
        "Somebody asked.",
        actor="user:1",
    )

    assert paid is None
    assert journey.charged(invoice) == [False]


def test_who_pays_first_keeps_their_subscription(journey):
    invoice = exhausted(journey)
    journey.replace_card(journey.case(invoice).stripe_customer_id)
    begun = sync.begin_payment(
        journey.services,
        journey.account,
        invoice,
        Trigger.FOUNDER,
        "Somebody asked.",
        actor="user:1",
    )
    assert begun

    end_of_dunning.carry_out(journey.services, journey.ending(invoice).id)
    sync.complete_payment(journey.services, journey.account, invoice, begun)
    journey.run(days=1)

    assert journey.ending(invoice).status == "skipped"
    assert journey.case(invoice).state == "recovered"
    assert on_stripe(journey, invoice) == ("active", "paid")


def test_a_case_that_is_exhausted_again_is_ended_again(journey):
    invoice = exhausted(journey)
    journey.replace_card(journey.case(invoice).stripe_customer_id)
    journey.sandbox.script(journey.case(invoice).stripe_customer_id, ["do_not_honor"] * 5)
    begun = sync.begin_payment(
        journey.services,
        journey.account,
        invoice,
        Trigger.FOUNDER,
        "Somebody asked.",
        actor="user:1",
    )
    end_of_dunning.carry_out(journey.services, journey.ending(invoice).id)
    assert journey.ending(invoice).status == "skipped"

    sync.complete_payment(journey.services, journey.account, invoice, begun)
    journey.run(days=1)

    assert journey.case(invoice).state == "exhausted"
    assert journey.ending(invoice).status == "done"
    assert on_stripe(journey, invoice) == DONE["cancel"]
