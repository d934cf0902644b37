"""Who disputes a payment, or whose bank calls it fraud, is left alone until a person looked."""

import pytest
from sqlalchemy import select

from recover.models import KnownDispute
from recover.workflow import disputes as watched
from sandbox import lifecycle

pytestmark = pytest.mark.both_databases


@pytest.fixture
def renewed(journey):
    """A subscriber whose last renewal was paid and whose next one failed; the two."""
    subscription = journey.subscriber()
    journey.sandbox.renew(subscription)
    journey.run(days=10)
    charge = next(iter(journey.sandbox.store.all("charge")))
    invoice = journey.sandbox.fail_renewal(subscription, "insufficient_funds")
    journey.sandbox.script(subscription["customer"], ["insufficient_funds"] * 8)
    journey.run(hours=3)
    return charge["id"], invoice


def rows(journey):
    with journey.services.db.read() as session:
        return list(session.scalars(select(KnownDispute).order_by(KnownDispute.id)))


def left_alone(journey, invoice, days=20):
    """Nothing is charged, nothing is written."""
    before = len(journey.charged(invoice)), len(journey.mails)
    journey.run(days=days)
    return (len(journey.charged(invoice)), len(journey.mails)) == before


def test_an_earlier_payment_that_is_disputed_holds_the_case(journey, renewed):
    charge, invoice = renewed
    journey.dispute(charge)
    journey.run(hours=1)
    case = journey.case(invoice)
    assert (case.state, case.close_reason) == ("closed", "disputed")
    assert left_alone(journey, invoice)


def test_a_renewal_that_fails_later_is_held_as_well(journey):
    subscription = journey.subscriber()
    journey.sandbox.renew(subscription)
    journey.run(days=10)
    journey.dispute(journey.sandbox.store.all("charge")[0]["id"])
    journey.run(hours=1)
    invoice = journey.sandbox.fail_renewal(subscription, "insufficient_funds")
    journey.run(hours=1)
    assert journey.case(invoice).close_reason == "disputed"
    assert left_alone(journey, invoice)


def test_it_is_held_although_the_event_was_lost(journey, renewed):
    charge, invoice = renewed
    journey.sandbox.webhooks.lose = 1.0
    journey.dispute(charge)
    assert left_alone(journey, invoice)


@pytest.mark.parametrize(("inquiry", "verdict"), [(False, "won"), (True, "warning_closed")])
def test_it_goes_on_by_itself_once_the_dispute_is_won_or_withdrawn(
    journey, renewed, inquiry, verdict
):
    charge, invoice = renewed
    dispute = journey.dispute(charge, inquiry=inquiry)
    journey.run(days=2)
    assert journey.case(invoice).state == "closed"
    journey.decide_dispute(dispute, verdict)
    journey.run(hours=1)
    assert journey.case(invoice).state == "open"
    assert "reopen" in journey.verbs(invoice)
    assert not left_alone(journey, invoice)


def test_it_goes_on_although_the_event_of_the_end_was_lost(journey, renewed):
    charge, invoice = renewed
    dispute = journey.dispute(charge)
    journey.run(days=2)
    journey.sandbox.webhooks.lose = 1.0
    journey.decide_dispute(dispute, "won")
    journey.watch_disputes()
    assert journey.case(invoice).state == "open"


def test_a_lost_dispute_goes_on_holding_until_a_person_lets_it_go_on(journey, renewed):
    charge, invoice = renewed
    dispute = journey.dispute(charge)
    journey.run(days=1)
    journey.decide_dispute(dispute, "lost")
    journey.run(days=1)
    case = journey.case(invoice)
    assert case.close_reason == "disputed"
    reason = "ada@acme.test looked."
    assert watched.let_go_on(journey.services, journey.account, case, reason, actor="user:1") == 1
    journey.run(hours=1)
    assert journey.case(invoice).state == "open"
    assert ("release", "user:1") in [(one.verb, one.actor) for one in journey.timeline(invoice)]
    assert not left_alone(journey, invoice)


def test_what_a_person_let_go_on_is_not_held_again_by_the_same_dispute(journey, renewed):
    charge, invoice = renewed
    dispute = journey.dispute(charge)
    journey.run(days=1)
    watched.let_go_on(journey.services, journey.account, journey.case(invoice), "", actor="user:1")
    journey.decide_dispute(dispute, "lost")
    journey.run(hours=1)
    assert journey.case(invoice).state == "open"


def test_an_early_fraud_warning_holds_until_a_person_looked(journey, renewed):
    charge, invoice = renewed
    journey.warn_of_fraud(charge)
    journey.run(hours=1)
    case = journey.case(invoice)
    assert (case.state, case.close_reason) == ("closed", "fraud_warning")
    assert left_alone(journey, invoice, days=10)
    watched.let_go_on(journey.services, journey.account, case, "looked", actor="user:1")
    assert journey.case(invoice).state == "open"


def test_a_warning_whose_event_was_lost_is_found_within_the_hour(journey, renewed):
    charge, invoice = renewed
    journey.sandbox.webhooks.lose = 1.0
    journey.warn_of_fraud(charge)
    journey.watch_disputes()
    assert journey.case(invoice).close_reason == "fraud_warning"


def test_a_warning_is_settled_by_giving_the_money_back(journey, renewed):
    charge, invoice = renewed
    journey.warn_of_fraud(charge)
    journey.run(hours=1)
    journey.api("POST", "/v1/refunds", charge=charge)
    journey.run(hours=1)
    assert journey.case(invoice).state == "open"


def test_a_dispute_after_a_warning_is_the_reason_then(journey, renewed):
    charge, invoice = renewed
    journey.warn_of_fraud(charge)
    journey.run(hours=1)
    journey.dispute(charge)
    journey.run(hours=1)
    assert journey.case(invoice).close_reason == "disputed"
    assert [(row.kind, row.status) for row in rows(journey)] == [
        ("warning", "not_actionable"),
        ("dispute", "needs_response"),
    ]


@pytest.mark.parametrize("shuffled", [False, True])
def test_events_twice_and_in_any_order_leave_the_same(journey, renewed, shuffled):
    journey.sandbox.webhooks.duplicate, journey.sandbox.webhooks.shuffle = 2, shuffled
    charge, invoice = renewed
    dispute = journey.dispute(charge)
    journey.decide_dispute(dispute, "won")
    journey.run(hours=1)
    assert [(row.status, row.released_at) for row in rows(journey)] == [("won", None)]
    assert journey.case(invoice).state == "open"


def without(journey, resource):
    """The company's key lacks one permission."""
    permissions = dict(journey.sandbox.state.keys[journey.sandbox.restricted_key].permissions)
    del permissions[resource]
    for key in (journey.sandbox.restricted_key, journey.sandbox.account_key):
        journey.sandbox.restrict_key(key, permissions)


def test_without_the_permission_a_disputed_payment_holds_and_the_key_is_not_called_broken(
    journey, renewed
):
    charge, invoice = renewed
    without(journey, "disputes")
    dispute = journey.dispute(charge)
    journey.run(hours=1)
    assert journey.case(invoice).close_reason == "disputed"
    assert [row.status for row in rows(journey)] == ["unreadable"]
    assert journey.account.problem == ""
    case = journey.case(invoice)
    watched.let_go_on(journey.services, journey.account, case, "looked", actor="user:1")
    assert journey.case(invoice).state == "open"
    for key in (journey.sandbox.restricted_key, journey.sandbox.account_key):
        journey.sandbox.restrict_key(key, None)
    journey.decide_dispute(dispute, "lost")
    journey.run(hours=1)
    assert [(row.status, row.released_by) for row in rows(journey)] == [("lost", "user:1")]
    assert journey.case(invoice).state == "open"


def paid_after_all(journey):
    """The successful charge of a renewal that Recover won back."""
    journey.fail("insufficient_funds")
    journey.run(days=10)
    return next(c for c in journey.sandbox.store.all("charge") if c["status"] == "succeeded")


def total(journey):
    return sum(amount for _, amount, _ in journey.won)


@pytest.mark.parametrize(
    ("inquiry", "verdict", "left"),
    [(False, "won", 2900), (False, "lost", 0), (True, "warning_closed", 2900), (True, "lost", 0)],
)
def test_the_ledger_follows_a_dispute_to_its_end(journey, inquiry, verdict, left):
    charge = paid_after_all(journey)
    dispute = journey.dispute(charge["id"], inquiry=inquiry)
    journey.run(days=1)
    assert total(journey) == (2900 if inquiry else 0)
    journey.decide_dispute(dispute, verdict)
    journey.run(days=1)
    assert total(journey) == left


def test_a_refund_that_fails_later_gives_the_money_back_to_the_ledger(journey):
    charge = paid_after_all(journey)
    refund = journey.api("POST", "/v1/refunds", charge=charge["id"], amount="1000")
    journey.run(hours=1)
    assert total(journey) == 1900
    with journey.sandbox.state.lock:
        lifecycle.fail_refund(journey.sandbox.store, journey.sandbox.store.get(refund["id"]))
    journey.run(hours=1)
    assert total(journey) == 2900
