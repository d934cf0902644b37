"""Payment attempts: one at a time, made once, settled by whoever learns the answer first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from backtest_cast import invoice
from case_cast import verbs
from sqlalchemy import select

from recover.cases import attempts
from recover.cases.attempts import DEBIT_CHECK, IN_FLIGHT, KEY_LIFETIME, PendingState
from recover.cases.evidence import Evidence, fetch_evidence
from recover.dunning import Outcome, RetryPayment, Trigger
from recover.models import Account, Attempt, RecoveryCase
from recover.stripe_api.objects import Customer, PaymentMethod, Subscription
from recover.workflow import sync

pytestmark = pytest.mark.both_databases  # one pending row a case is a unique index

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
CARD = PaymentMethod("pm_1", "card")
WISH = RetryPayment(Trigger.SCHEDULE, "It is payday.")


def evidence(status="open", method=CARD, intent="requires_payment_method", at=NOW):
    remaining = 2900 if status == "open" else 0
    shown = invoice(status=status, amount_remaining_minor=remaining, payment_intent_status=intent)
    subscription = Subscription("sub_1", "past_due", Customer("cus_1"), default_method=method)
    return Evidence(at, "in_1", shown, subscription, ())


def row(age, trigger=Trigger.SCHEDULE, intent=None, method="pm_1"):
    return Attempt(
        attempted_at=NOW - age, trigger=trigger, payment_method_id=method,
        stripe_payment_intent_id=intent, outcome=Outcome.PENDING,
    )  # fmt: skip


SOON, LATER = IN_FLIGHT - timedelta(seconds=1), IN_FLIGHT


@pytest.mark.parametrize(
    ("waiting", "seen", "mode", "said"),
    [
        (row(SOON), evidence(), "recover", PendingState.WAIT),
        (row(LATER), evidence(), "recover", PendingState.REPEAT),
        (row(KEY_LIFETIME), evidence(), "recover", PendingState.LOST),
        (row(LATER), evidence("paid"), "recover", PendingState.LOST),
        (row(LATER), evidence("void"), "recover", PendingState.LOST),
        (row(LATER), evidence(method=PaymentMethod("pm_2", "card")), "recover", PendingState.LOST),
        (row(LATER), evidence(method=None), "recover", PendingState.LOST),
        (row(LATER), evidence(), "observe", PendingState.LOST),
        (row(LATER, Trigger.SUBSCRIBER), evidence(), "observe", PendingState.REPEAT),
        (row(LATER, intent="pi_1"), evidence(intent="processing"), "recover", PendingState.WAIT),
        (row(LATER, intent="pi_1"), evidence(), "recover", PendingState.LOST),
    ],
    ids=[
        "another worker may be asking", "nobody is asking any more", "Stripe forgot the key",
        "paid meanwhile", "voided meanwhile", "another card", "no card", "observing by now",
        "a subscriber asked", "a bank debit under way", "a bank debit that came to nothing",
    ],
)  # fmt: skip
def test_an_unanswered_attempt_is_repeated_only_where_that_cannot_charge_twice(
    waiting, seen, mode, said
):
    assert attempts.pending_state(waiting, seen, mode) == said


def test_a_bank_debit_is_waited_for_longer_than_a_card():
    assert attempts.recheck_after(row(SOON)) == IN_FLIGHT
    assert attempts.recheck_after(row(SOON, intent="pi_1")) == DEBIT_CHECK


@pytest.fixture
def failed(world):
    """A case whose renewal failed, and fresh evidence about it."""
    subscription = world.sandbox.add_subscription(world.sandbox.add_customer())
    invoice_id = world.sandbox.fail_renewal(subscription, "insufficient_funds")
    case = sync.sync(world.services, world.account, invoice_id)
    stripe = world.services.stripe(world.account)
    return case, fetch_evidence(stripe, invoice_id, world.clock.now())


def begin(world, case, seen, wish=WISH):
    """The id of the attempt's row, committed as before a request; None where there is none."""
    with world.services.db.begin() as session:
        account = session.get_one(Account, world.account.id)
        begun = attempts.begin(session, account, session.get_one(RecoveryCase, case.id), seen, wish)
        return begun.id if begun else None


def stored(world, attempt_id):
    with world.services.db.read() as session:
        return session.get_one(Attempt, attempt_id)


def test_while_one_attempt_is_pending_no_other_begins(world, failed):
    case, seen = failed
    first = begin(world, case, seen)

    assert begin(world, case, seen) is None
    assert stored(world, first).outcome == Outcome.PENDING
    assert verbs(world).count("attempt") == 1

    attempts.settle(world.services, first, Outcome.ABANDONED, {})
    assert begin(world, case, seen) not in (None, first)


@pytest.mark.parametrize(
    ("trigger", "outcome", "verb"),
    [
        (Trigger.SCHEDULE, Outcome.OBSERVED, "observe"),
        (Trigger.FOUNDER, Outcome.OBSERVED, "observe"),
        (Trigger.SUBSCRIBER, Outcome.PENDING, "attempt"),
    ],
)
def test_while_observing_only_a_subscriber_s_wish_is_carried_out(
    world, failed, trigger, outcome, verb
):
    case, seen = failed
    with world.services.db.begin() as session:
        session.get_one(Account, world.account.id).mode = "observe"

    begun = begin(world, case, seen, RetryPayment(trigger, "Because."))

    assert stored(world, begun).outcome == outcome
    assert verbs(world)[-1] == verb


def test_an_attempt_is_made_once_with_its_key_and_settled_with_the_answer(world, failed):
    case, seen = failed
    begun = begin(world, case, seen)
    world.sandbox.script(case.stripe_customer_id, ["approve"])

    paid = attempts.make(world.services, world.account, begun)
    attempts.make(world.services, world.account, begun)  # a worker that did not hear the answer

    assert paid.status == "succeeded"
    assert stored(world, begun).outcome == Outcome.SUCCEEDED
    approved = [one.approved for one in world.sandbox.books.tries]
    assert approved == [False, True]


def test_where_the_invoice_was_paid_meanwhile_nothing_is_charged(world, failed):
    case, seen = failed
    begun = begin(world, case, seen)
    world.services.stripe(world.account)
    world.sandbox.store.get(case.stripe_invoice_id).update(status="paid", amount_remaining=0)

    assert attempts.make(world.services, world.account, begun) is None
    assert stored(world, begun).outcome == Outcome.ABANDONED
    assert len(world.sandbox.books.tries) == 1


def test_the_first_answer_stands(world, failed):
    case, seen = failed
    begun = begin(world, case, seen)

    assert attempts.settle(world.services, begun, Outcome.SUCCEEDED, {})
    assert not attempts.settle(world.services, begun, Outcome.FAILED, {"decline_code": "lost_card"})
    assert stored(world, begun).outcome == Outcome.SUCCEEDED
    assert verbs(world).count("settle") == 1


def test_a_charge_belongs_to_one_attempt(world, failed):
    """Where the bank asks for the customer first, Stripe names the charge before."""
    case, seen = failed
    begun = begin(world, case, seen)
    with world.services.db.read() as session:
        before = session.scalar(select(Attempt.stripe_charge_id).where(Attempt.id != begun))
    assert before

    attempts.settle(world.services, begun, Outcome.REQUIRES_ACTION, {"stripe_charge_id": before})

    assert stored(world, begun).stripe_charge_id is None


def test_evidence_from_before_a_payment_says_nothing_of_what_is_owed(world, failed):
    case, seen = failed
    begun = begin(world, case, seen)

    def overtaken():
        with world.services.db.read() as session:
            return attempts.paid_since(session, session.get_one(RecoveryCase, case.id), seen)

    assert not overtaken()
    world.clock.advance(seconds=1)
    attempts.settle(world.services, begun, Outcome.SUCCEEDED, {})
    assert overtaken()
