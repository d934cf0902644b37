"""A step: claimed once, decided on fresh evidence, carried out at most once, put off on failure."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from recover.accounts import connections
from recover.cases import attempts
from recover.cases.attempts import IN_FLIGHT
from recover.foundation.errors import StripeUnavailable
from recover.models import Account, Attempt, RecoveryCase
from recover.workflow import steps, sync
from recover.workflow.steps import BACK_OFF, LEASE

pytestmark = pytest.mark.both_databases  # claims and leases


@pytest.fixture
def case(world):
    """An open case, due for its next retry; the card's next answer is yes."""
    connections.set_retries(world.services, world.account.id, {"timing": "fixed"})
    with world.services.db.read() as session:
        account = session.get_one(Account, world.account.id)
    customer = world.sandbox.add_customer(email=None)
    invoice_id = world.sandbox.fail_renewal(
        world.sandbox.add_subscription(customer), "insufficient_funds"
    )
    case = sync.sync(world.services, account, invoice_id)
    world.sandbox.script(case.stripe_customer_id, ["approve"])
    world.clock.advance_to(current(world, case).next_step_at)
    return case


def current(world, case):
    with world.services.db.read() as session:
        return session.get_one(RecoveryCase, case.id)


def change(world, model, **values):
    with world.services.db.begin() as session:
        session.execute(update(model).values(**values))


def charges(world):
    return [one.approved for one in world.sandbox.books.tries]


def ours(world):
    query = select(Attempt).where(Attempt.trigger == "schedule")
    with world.services.db.read() as session:
        return list(session.scalars(query))


def test_a_case_that_is_due_is_claimed_once_and_again_when_the_lease_is_over(world, case):
    assert steps.claim_due(world.services) == [case.id]
    assert steps.claim_due(world.services) == []
    assert current(world, case).next_step_at == world.clock.now() + LEASE

    world.clock.advance_to(world.clock.now() + LEASE)
    assert steps.claim_due(world.services) == [case.id]


def test_a_case_that_is_over_or_not_due_is_not_claimed(world, case):
    change(world, RecoveryCase, next_step_at=world.clock.now() + timedelta(seconds=1))
    assert steps.claim_due(world.services) == []
    change(world, RecoveryCase, next_step_at=world.clock.now(), state="recovered")
    assert steps.claim_due(world.services) == []


def test_no_more_are_claimed_than_one_round_can_take(world, case):
    assert steps.claim_due(world.services, limit=0) == []
    assert steps.claim_due(world.services, limit=1) == [case.id]


def test_a_due_retry_is_made_once_and_ends_the_case(world, case):
    steps.run(world.services, case.id)
    steps.run(world.services, case.id)

    assert charges(world) == [False, True]
    assert current(world, case).state == "recovered"


def test_a_disconnected_account_is_left_alone(world, case):
    change(world, Account, disconnected_at=world.clock.now())

    steps.run(world.services, case.id)

    assert charges(world) == [False]
    assert ours(world) == []


def test_while_observing_the_row_is_written_and_nothing_is_charged(world, case):
    change(world, Account, mode="observe")

    steps.run(world.services, case.id)

    assert [row.outcome for row in ours(world)] == ["observed"]
    assert charges(world) == [False]


def test_an_invoice_paid_elsewhere_meanwhile_is_not_charged(world, case):
    world.sandbox.store.get(case.stripe_invoice_id).update(status="paid", amount_remaining=0)

    steps.run(world.services, case.id)

    assert ours(world) == []
    assert charges(world) == [False]
    assert current(world, case).state != "open"


def test_an_attempt_whose_worker_died_is_waited_for_and_then_repeated_with_its_key(
    world, case, monkeypatch
):
    class Died(BaseException):
        pass

    def die(*_):
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(attempts, "make", die)
        with pytest.raises(Died):
            steps.run(world.services, case.id)
    [row] = ours(world)

    steps.run(world.services, case.id)
    assert charges(world) == [False]
    assert current(world, case).next_step_at == world.clock.now() + IN_FLIGHT

    world.clock.advance_to(world.clock.now() + IN_FLIGHT)
    steps.run(world.services, case.id)
    assert charges(world) == [False, True]
    assert [(one.id, one.outcome) for one in ours(world)] == [(row.id, "succeeded")]


def test_while_stripe_is_away_a_case_waits_longer_each_time_and_then_no_longer(world, case):
    waits = []
    for _ in range(len(BACK_OFF) + 2):
        steps.back_off(world.services, case.id, StripeUnavailable("away"))
        waits.append(current(world, case).next_step_at - world.clock.now())

    minutes = [*BACK_OFF, BACK_OFF[-1], BACK_OFF[-1]]
    assert waits == [timedelta(minutes=one) for one in minutes]


def test_stripe_s_own_wish_for_a_pause_is_kept(world, case):
    error = StripeUnavailable("busy")
    error.retry_after = 7200

    steps.back_off(world.services, case.id, error)

    assert current(world, case).next_step_at == world.clock.now() + timedelta(hours=2)


def test_a_case_that_is_over_is_not_put_off(world, case):
    change(world, RecoveryCase, state="recovered", next_step_at=None)

    steps.back_off(world.services, case.id, StripeUnavailable("away"))

    assert current(world, case).next_step_at is None


def test_a_step_that_works_forgets_the_failures_before(world, case):
    steps.back_off(world.services, case.id, StripeUnavailable("away"))
    assert current(world, case).transient_failures == 1
    world.sandbox.script(case.stripe_customer_id, ["insufficient_funds"])

    steps.run(world.services, case.id)

    assert current(world, case).transient_failures == 0


def test_whose_case_it_is(world, case):
    assert steps.account_id_of(world.services, case.id) == world.account.id
