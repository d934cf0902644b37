"""Every charge that Stripe shows becomes one settled payment attempt, ours or somebody else's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from case_cast import verbs
from sqlalchemy import select

from recover.cases import charge_import, lifecycle
from recover.cases.charge_import import CLOCK_SKEW
from recover.cases.evidence import fetch_evidence
from recover.dunning import Outcome
from recover.models import Account, Attempt, RecoveryCase
from recover.workflow import sync


@pytest.fixture
def seen(world):
    """Evidence of a renewal that failed once; its case is open, with that one attempt."""
    subscription = world.sandbox.add_subscription(world.sandbox.add_customer())
    invoice_id = world.sandbox.fail_renewal(subscription, "insufficient_funds")
    sync.sync(world.services, world.account, invoice_id)
    return fetch_evidence(world.services.stripe(world.account), invoice_id, world.clock.now())


def charge(seen, nth, **about):
    """The nth charge after the first, an hour later each: declined unless told otherwise."""
    [first] = seen.invoice_charges()
    at = first.created_at + timedelta(hours=nth)
    return replace(first, id=f"ch_{nth}", created_at=at, **about)


def absorb(world, seen, *charges):
    with world.services.db.begin() as session:
        case = session.scalar(select(RecoveryCase))
        charge_import.import_charges(
            session, case, replace(seen, charges=(*seen.charges, *charges))
        )


def ours(world, seen, **about):
    """An attempt that we asked Stripe for, without an answer so far."""
    [first] = seen.invoice_charges()
    with world.services.db.begin() as session:
        case = session.scalar(select(RecoveryCase))
        row = Attempt(
            **{
                "account_id": case.account_id, "case_id": case.id, "trigger": "schedule",
                "outcome": Outcome.PENDING, "reason": "It is payday.",
                "idempotency_key": "recover-1-a", "amount_minor": 2900, "currency": "usd",
                "attempted_at": first.created_at + timedelta(hours=1),
                "payment_method_id": first.method.id, **about,
            }
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def rows(world):
    with world.services.db.read() as session:
        return list(session.scalars(select(Attempt).order_by(Attempt.attempted_at, Attempt.id)))


def test_a_charge_of_stripe_s_own_is_counted_once_however_often_it_is_seen(world, seen):
    for _ in range(3):
        absorb(world, seen, charge(seen, 1), charge(seen, 2))

    assert [(one.trigger, one.outcome, one.stripe_charge_id) for one in rows(world)][1:] == [
        ("stripe", "failed", "ch_1"),
        ("stripe", "failed", "ch_2"),
    ]
    assert verbs(world).count("seen") == 3


def test_the_attempts_come_back_oldest_first_in_whatever_order_stripe_tells_of_them(world, seen):
    with world.services.db.begin() as session:
        case = session.scalar(select(RecoveryCase))
        charges = (charge(seen, 2), charge(seen, 1), *seen.charges)
        found = charge_import.import_charges(session, case, replace(seen, charges=charges))

        [first] = seen.invoice_charges()
        assert [one.stripe_charge_id for one in found] == [first.id, "ch_1", "ch_2"]


def test_a_case_shows_the_latest_decline_though_an_earlier_one_is_learned_of_later(world, seen):
    latest = charge(seen, 2, decline_code="lost_card")
    earlier = charge(seen, 1, decline_code="do_not_honor")
    for charges in [(latest,), (latest, earlier)]:
        with world.services.db.begin() as session:
            account = session.get_one(Account, world.account.id)
            case = session.scalar(select(RecoveryCase))
            evidence = replace(seen, charges=(*seen.charges, *charges))
            lifecycle.update_from_evidence(session, account, case, evidence)
            assert case.decline_code == "lost_card"


def test_our_own_attempt_is_settled_by_the_charge_that_came_of_it(world, seen):
    mine = ours(world, seen)

    absorb(world, seen, charge(seen, 1, status="succeeded", decline_code=""))

    assert [(one.id, one.outcome, one.stripe_charge_id) for one in rows(world)][1:] == [
        (mine, "succeeded", "ch_1")
    ]
    assert verbs(world)[-1] == "settle"


@pytest.mark.parametrize(
    ("about", "is_ours"),
    [
        ({}, True),
        ({"outcome": Outcome.REQUIRES_ACTION}, True),
        ({"outcome": Outcome.ABANDONED}, True),
        ({"outcome": Outcome.ABANDONED, "error_code": "invoice_void"}, False),
        ({"payment_method_id": "pm_another"}, False),
        ({"idempotency_key": None}, False),
        ({"stripe_charge_id": "ch_9", "outcome": Outcome.FAILED}, False),
    ],
    ids=[
        "no answer", "the bank had asked", "given up on", "refused by Stripe", "another card",
        "never asked for", "answered already",
    ],
)  # fmt: skip
def test_which_attempt_of_ours_a_charge_belongs_to(world, seen, about, is_ours):
    mine = ours(world, seen, **about)

    absorb(world, seen, charge(seen, 1))

    [settled] = [one for one in rows(world) if one.stripe_charge_id == "ch_1"]
    assert (settled.id == mine) == is_ours
    assert settled.trigger == ("schedule" if is_ours else "stripe")


@pytest.mark.parametrize(
    ("early", "is_ours"),
    [(CLOCK_SKEW, True), (CLOCK_SKEW + timedelta(seconds=1), False)],
)
def test_a_charge_from_before_we_asked_is_not_ours_but_clocks_may_differ(
    world, seen, early, is_ours
):
    made = charge(seen, 1)
    ours(world, seen, attempted_at=made.created_at + early)

    absorb(world, seen, made)

    [settled] = [one for one in rows(world) if one.stripe_charge_id == "ch_1"]
    assert (settled.trigger == "schedule") == is_ours


def test_of_two_that_wait_the_later_one_is_settled(world, seen):
    first = ours(world, seen, outcome=Outcome.REQUIRES_ACTION)
    made = charge(seen, 2)
    second = ours(world, seen, attempted_at=made.created_at, idempotency_key="recover-1-b")

    absorb(world, seen, made)

    by_id = {one.id: one for one in rows(world)}
    assert by_id[second].stripe_charge_id == "ch_2"
    assert by_id[first].outcome == Outcome.FAILED  # Stripe asks for another payment method by now


def test_a_bank_debit_without_an_answer_is_waited_for(world, seen):
    mine = ours(world, seen)

    absorb(world, seen, charge(seen, 1, status="pending"))

    assert {one.id: one.outcome for one in rows(world)}[mine] == Outcome.PENDING


@pytest.mark.parametrize(
    ("method", "intent", "said"),
    [
        (None, "requires_payment_method", ("failed", "missing")),
        ("kept", "requires_action", ("requires_action", "authentication_required")),
        ("kept", "requires_payment_method", None),
    ],
    ids=["no card", "the bank asks", "a card that was charged"],
)
def test_a_renewal_that_failed_without_a_charge_is_an_attempt_too(
    world, seen, method, intent, said
):
    subscription = seen.subscription
    if method is None:
        customer = replace(subscription.customer, default_method=None, default_source=None)
        subscription = replace(
            subscription, customer=customer, default_method=None, default_source=None
        )
    invoice = replace(seen.invoice, payment_intent_status=intent)
    about = replace(seen, subscription=subscription, invoice=invoice)

    with world.services.db.begin() as session:
        case = session.scalar(select(RecoveryCase))
        charge_import.record_chargeless_failure(session, case, about)

    added = [(one.outcome, one.error_code) for one in rows(world) if not one.stripe_charge_id]
    assert added == ([said] if said else [])
