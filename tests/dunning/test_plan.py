from dataclasses import replace

from dunning_cast import FAILED_AT, OTHER, days, facts, hours, tried

from recover.dunning import (
    DEFAULT,
    FixedTiming,
    Outcome,
    RetryMode,
    RetryPayment,
    SendMessage,
    Stop,
    Wait,
    plan,
)


def preview(told, hours_after=0):
    """The acts of a plan as (days after the failure, what)."""
    now, acts = FAILED_AT + hours(hours_after), []
    for decision in plan(told, DEFAULT, FixedTiming(), now):
        if isinstance(decision, Wait):
            assert decision.until > now
            now = decision.until
        else:
            acts.append(((now - FAILED_AT).days, name(decision)))
    return acts


def name(decision):
    match decision:
        case RetryPayment():
            return decision.trigger.value
        case SendMessage():
            return decision.step
        case Stop():
            return decision.state.value


def test_the_life_of_a_soft_decline():
    assert preview(facts()) == [
        (1, "schedule"),
        (1, "soft-1"),
        (3, "schedule"),
        (5, "soft-5"),
        (7, "schedule"),
        (10, "soft-10"),
        (13, "schedule"),
        (18, "last"),
        (20, "schedule"),
        (21, "exhausted"),
    ]


def test_the_life_of_a_hard_decline():
    assert preview(facts(tried(code="stolen_card"))) == [
        (0, "card-0"),
        (3, "card-3"),
        (7, "card-7"),
        (18, "last"),
        (21, "exhausted"),
    ]


def test_observing_plans_what_recovering_does():
    assert preview(facts(mode=RetryMode.OBSERVE)) == preview(facts())


def test_in_stripe_mode_only_mails_are_planned():
    told = facts(mode=RetryMode.STRIPE, next_stripe_attempt_at=FAILED_AT + days(2))
    assert preview(told) == [
        (2, "soft-1"),
        (5, "soft-5"),
        (10, "soft-10"),
        (18, "last"),
        (21, "exhausted"),
    ]


def test_stripes_next_try_takes_the_place_of_ours():
    told = facts(next_stripe_attempt_at=FAILED_AT + days(3) + hours(2))
    tries = [day for day, act in preview(told) if act == "schedule"]
    assert tries == [1, 7, 13, 20]


def test_a_new_card_comes_first():
    assert preview(facts(card=OTHER, card_uses=()))[0] == (0, "card_update")


def test_a_charge_in_flight_is_taken_to_fail():
    pending = replace(tried(days(1)), outcome=Outcome.PENDING)
    assert preview(facts(tried(), pending), 25)[-1] == (21, "exhausted")


def test_a_paid_invoice_has_nothing_to_come():
    told = facts(invoice_status="paid")
    assert preview(told) == [(0, "recovered")]
