"""Events that come thrice, in any order, or never; and events of one account about another's."""

from __future__ import annotations

import json

import pytest
import requests
from journey import CLEAN

from recover.accounts import connections
from sandbox.webhooks import signature

pytestmark = pytest.mark.both_databases  # events that meet each other

ENDINGS = {
    ("insufficient_funds", "approve"): ("recovered", "our_retry"),
    ("insufficient_funds", "do_not_honor", "approve"): ("recovered", "our_retry"),
    ("processing_error", "approve"): ("recovered", "our_retry"),
    ("stolen_card",): ("exhausted", ""),
    ("expired_card",): ("exhausted", ""),
    ("insufficient_funds",) * 12: ("exhausted", ""),
}


@pytest.mark.parametrize("lost", [0.0, 0.3, 1.0])
def test_events_thrice_and_shuffled_or_never_end_as_the_truth_does(begin, lost):
    journey = begin(seed=3)
    chaos = journey.sandbox.webhooks
    chaos.duplicate, chaos.shuffle, chaos.lose = 3, True, lost
    invoices = {
        answers: journey.fail(*answers, email=f"reader{nth}@example.test")
        for nth, answers in enumerate(ENDINGS)
    }

    for _ in range(24):
        journey.run(days=1)
        journey.reconcile()

    sources = {line.case_id: line.source for line in journey.ledger}
    for answers, (state, source) in ENDINGS.items():
        case = journey.case(invoices[answers])
        assert (case.state, sources.get(case.id, "")) == (state, source), answers
    report = journey.sandbox.report()
    assert report["recovered_minor"] == {"usd": sum(line.amount_minor for line in journey.ledger)}
    keys = [row.dedup_key for row in journey.messages]
    assert len(keys) == len(set(keys))
    assert len(journey.mails) == len([row for row in journey.messages if row.status == "sent"])
    assert journey.faults == CLEAN


def test_a_reconciliation_finds_nothing_to_mend_after_a_month_of_events(journey):
    for nth, answers in enumerate(ENDINGS):
        journey.fail(*answers, email=f"reader{nth}@example.test")
    journey.run(days=10)

    report = journey.reconcile()

    assert report.seen == len(ENDINGS)
    assert report.fixes == []


def test_a_reconciliation_alone_opens_and_settles_what_no_event_told_of(journey):
    journey.sandbox.webhooks.lose = 1.0
    missed = journey.fail("insufficient_funds")
    paid = journey.fail("insufficient_funds", email="eve@example.test", amount=900)
    journey.reconcile()
    assert {case.state for case in journey.cases} == {"open"}

    journey.sandbox.pay_on_hosted_page(paid)
    report = journey.reconcile()

    assert [fix["invoice"] for fix in report.fixes] == [paid]
    assert journey.case(paid).state == "recovered"
    assert journey.case(missed).state == "open"
    assert journey.won == [("elsewhere", 900, "usd")]


def test_a_first_reconciliation_takes_up_what_failed_before_the_company_connected(journey):
    journey.sandbox.webhooks.lose = 1.0
    old = journey.fail("insufficient_funds")
    journey.sandbox.advance_to(journey.now.replace(day=12))

    journey.reconcile()
    journey.run(days=5)

    case = journey.case(old)
    assert case.failed_at.day == 2
    assert case.state == "recovered"


def other_company(journey):
    """A second company, connected with its own key, and the address its events come to."""
    other = connections.connect(
        journey.services,
        "Another company",
        connections.Keys(
            secret=journey.sandbox.platform_key,
            publishable=journey.sandbox.publishable_key,
            webhook_secrets=["whsec_of_another_company"],
        ),
        mode="recover",
    )
    return other, f"{journey.services.settings.base_url}/webhooks/stripe/{other.hook_token}"


def post(journey, url, event_type, about, **envelope):
    body = json.dumps(
        {
            "id": f"evt_{event_type.replace('.', '_')}",
            "object": "event",
            "type": event_type,
            "livemode": False,
            "created": journey.sandbox.clock.epoch(),
            "data": {"object": about},
            **envelope,
        }
    ).encode()
    signed = signature(body, "whsec_of_another_company", journey.sandbox.clock.epoch())
    with requests.post(url, data=body, headers={"Stripe-Signature": signed}, timeout=30) as answer:
        return answer.status_code


def test_the_events_of_one_account_never_touch_the_case_of_another(journey):
    invoice = journey.fail("insufficient_funds", "approve")
    journey.run(days=2)
    case = journey.case(invoice)
    attempt = journey.attempts(invoice)[-1]
    other, url = other_company(journey)
    before = (case.state, len(journey.timeline(invoice)), journey.won)

    for event_type, about in {
        "invoice.payment_failed": {"object": "invoice", "id": invoice},
        "invoice.voided": {"object": "invoice", "id": invoice},
        "invoice.paid": {"object": "invoice", "id": invoice},
        "charge.refunded": {"object": "charge", "id": attempt.stripe_charge_id},
        "customer.deleted": {"object": "customer", "id": case.stripe_customer_id},
        "customer.subscription.deleted": {
            "object": "subscription",
            "id": case.stripe_subscription_id,
        },
    }.items():
        assert post(journey, url, event_type, about) == 200
    journey.run(days=1)

    case = journey.case(invoice)
    assert (case.state, len(journey.timeline(invoice)), journey.won) == before
    assert [one for one in journey.cases if one.account_id == other.id] == []


def test_an_event_that_names_another_account_than_its_address_is_refused(journey):
    invoice = journey.fail("insufficient_funds")
    journey.settle()
    _, url = other_company(journey)

    status = post(
        journey,
        url,
        "invoice.voided",
        {"object": "invoice", "id": invoice},
        account=journey.sandbox.account_id,
    )

    assert status == 400
    assert journey.case(invoice).state == "open"
