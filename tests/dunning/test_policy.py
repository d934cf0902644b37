from dataclasses import replace

import pytest
from dunning_cast import (
    FAILED_AT,
    MASTERCARD,
    OTHER,
    VISA,
    days,
    declined,
    facts,
    hours,
    tried,
    uses,
)

from recover.dunning import (
    DEFAULT,
    CaseState,
    CloseReason,
    FixedTiming,
    Outcome,
    PastAttempt,
    PastMessage,
    Proposal,
    Retry,
    RetryMode,
    RetryPayment,
    SendMessage,
    Stop,
    Trigger,
    Wait,
    decide,
)

TIMING = FixedTiming()


def at(after, *attempts, **more):
    return decide(facts(*attempts, **more), DEFAULT, TIMING, FAILED_AT + after)


def mail(step, after):
    return PastMessage(FAILED_AT + after, "payment_failed", step)


# Stripe's books come first


@pytest.mark.parametrize(
    ("change", "state", "why"),
    [
        ({"invoice_status": "paid"}, CaseState.RECOVERED, None),
        ({"invoice_status": "paid", "credited": True}, CaseState.CLOSED, CloseReason.CREDITED),
        ({"invoice_status": "void"}, CaseState.CLOSED, CloseReason.VOIDED),
        ({"invoice_status": "uncollectible"}, CaseState.CLOSED, CloseReason.UNCOLLECTIBLE),
        ({"invoice_status": "deleted"}, CaseState.CLOSED, CloseReason.DELETED),
        ({"invoice_status": "draft"}, CaseState.CLOSED, CloseReason.NOTHING_OWED),
        ({"amount_remaining_minor": 0}, CaseState.CLOSED, CloseReason.NOTHING_OWED),
        ({"collection_method": "send_invoice"}, CaseState.CLOSED, CloseReason.NOT_AUTOMATIC),
        ({"subscription_status": "canceled"}, CaseState.CLOSED, CloseReason.SUBSCRIPTION_ENDED),
        ({"subscription_status": "paused"}, CaseState.CLOSED, CloseReason.PAUSED),
        ({"pause_collection": True}, CaseState.CLOSED, CloseReason.PAUSED),
        ({"disputed": True}, CaseState.CLOSED, CloseReason.DISPUTED),
        ({"fraud_warned": True}, CaseState.CLOSED, CloseReason.FRAUD_WARNING),
    ],
)
@pytest.mark.parametrize("after", [days(0), days(1), days(30)])
def test_whatever_was_planned_the_books_decide_first(change, state, why, after):
    pending = replace(tried(after), outcome=Outcome.PENDING)
    stop = at(after, tried(), pending, **change)
    assert isinstance(stop, Stop)
    assert (stop.state, stop.close_reason) == (state, why)


def test_a_paid_invoice_of_a_canceled_subscription_is_recovered():
    stop = at(days(1), invoice_status="paid", subscription_status="canceled")
    assert stop == Stop(CaseState.RECOVERED, "The invoice is paid.")


def test_an_unpaid_subscription_is_still_worked_on():
    assert isinstance(at(days(1), subscription_status="unpaid"), RetryPayment)


def test_a_status_nobody_knows_stops_every_act_but_not_the_case():
    assert isinstance(at(days(1), invoice_status="frozen"), Wait)


def test_the_case_is_exhausted_when_the_window_is_over():
    stop = at(days(21), tried(), tried(days(20)))
    assert isinstance(stop, Stop)
    assert (stop.state, stop.close_reason) == (CaseState.EXHAUSTED, CloseReason.WINDOW_OVER)


# A charge in flight


def test_nothing_else_happens_while_a_charge_has_no_answer():
    pending = replace(tried(days(1), trigger=Trigger.SCHEDULE), outcome=Outcome.PENDING)
    wait = at(days(1) + hours(1), tried(), pending, card=OTHER)
    assert wait == Wait(
        FAILED_AT + days(1) + hours(2),
        "The charge begun Thursday 26 November, 09:00 in Madrid has no answer yet.",
    )


def test_a_debit_under_way_when_the_window_closes_is_waited_for():
    pending = replace(tried(days(20)), outcome=Outcome.PENDING)
    assert isinstance(at(days(22), tried(), pending), Wait)


# New card data


@pytest.mark.parametrize("mode", list(RetryMode))
@pytest.mark.parametrize("code", ["insufficient_funds", "expired_card", "stolen_card"])
def test_a_new_card_is_tried_at_once_in_every_mode(mode, code):
    found = at(hours(1), tried(code=code), card=OTHER, card_uses=(), mode=mode)
    assert isinstance(found, RetryPayment)
    assert found.trigger is Trigger.CARD_UPDATE


def test_a_new_expiry_date_from_the_updater_is_new_card_data():
    renewed = replace(VISA, exp_year=2032)
    found = at(hours(1), tried(code="expired_card"), card=renewed)
    assert isinstance(found, RetryPayment)


def test_a_new_number_behind_the_same_method_is_new_card_data_even_with_the_same_last_digits():
    replaced = replace(VISA, fingerprint="fp_replaced")
    found = at(hours(1), tried(code="stolen_card"), card=replaced, card_uses=())
    assert isinstance(found, RetryPayment)


def test_the_first_card_of_someone_who_had_none_is_tried_at_once():
    bare = PastAttempt(FAILED_AT, Trigger.STRIPE, Outcome.FAILED)
    assert isinstance(at(hours(1), bare, card=None), SendMessage)
    assert isinstance(at(hours(1), bare, card=VISA), RetryPayment)


def test_a_new_card_is_tried_once_and_then_follows_the_schedule():
    second = tried(hours(1), card=OTHER, trigger=Trigger.CARD_UPDATE)
    found = at(hours(2), tried(code="stolen_card"), second, card=OTHER)
    assert isinstance(found, Wait)
    assert isinstance(at(days(1), tried(code="stolen_card"), second, card=OTHER), RetryPayment)


def test_an_observed_try_on_a_new_card_is_not_observed_again():
    second = PastAttempt(FAILED_AT + hours(1), Trigger.CARD_UPDATE, Outcome.OBSERVED, OTHER)
    assert isinstance(at(hours(2), tried(), second, card=OTHER, mode=RetryMode.OBSERVE), Wait)


def test_a_card_that_failed_before_is_not_new_when_it_comes_back():
    second = tried(hours(1), "stolen_card", OTHER, Trigger.CARD_UPDATE)
    found = at(days(1), tried(), second, card=VISA)
    assert isinstance(found, RetryPayment)
    assert found.trigger is Trigger.SCHEDULE


def test_a_forbidden_number_entered_anew_is_not_a_new_card():
    same_number = replace(VISA, payment_method_id="pm_again", exp_year=2031)
    found = at(hours(1), tried(code="stolen_card"), card=same_number)
    assert isinstance(found, SendMessage)


def test_a_card_saved_again_after_authentication_was_asked_is_tried():
    again = replace(VISA, payment_method_id="pm_again")
    assert isinstance(at(hours(1), tried(code="authentication_required"), card=again), RetryPayment)


def test_a_try_on_an_unknown_card_may_have_been_this_one():
    unknown = PastAttempt(FAILED_AT, Trigger.STRIPE, Outcome.FAILED, None, declined("stolen_card"))
    assert isinstance(at(hours(1), unknown, card=VISA), SendMessage)


def test_many_new_cards_in_a_day_wait():
    cards = [replace(OTHER, payment_method_id=f"pm_{n}", fingerprint=f"fp_{n}") for n in range(5)]
    past = [tried(hours(n), "stolen_card", cards[n], Trigger.CARD_UPDATE) for n in range(4)]
    wait = at(hours(5), *past, card=cards[4])
    assert isinstance(wait, Wait)
    assert wait.until == FAILED_AT + hours(24)


def test_a_new_card_used_up_on_other_invoices_waits_for_its_budget():
    spent = uses(*(FAILED_AT - days(20) + hours(n) for n in range(15)))
    wait = at(hours(1), card=OTHER, card_uses=spent)
    assert isinstance(wait, Wait)
    assert wait.until == FAILED_AT + days(10)


# Scheduled tries


def test_a_due_try_says_when_which_why_and_what_is_left():
    found = at(days(3), tried(), tried(days(1), trigger=Trigger.SCHEDULE))
    assert found.trigger is Trigger.SCHEDULE
    assert found.reason == (
        "Saturday 28 November, 09:00 in Madrid: third try, two days after the last; insufficient "
        "funds often clear after payday. This leaves twelve tries on this Visa card until 25 "
        "December."
    )


def test_before_the_first_try_nobody_is_troubled():
    wait = at(hours(1))
    assert isinstance(wait, Wait)
    assert wait.until == FAILED_AT + days(1)
    assert wait.reason.startswith("Next try Thursday 26 November, 09:00 in Madrid: ")


@pytest.mark.parametrize("code", ["stolen_card", "authentication_required", "expired_card"])
def test_a_hard_decline_is_never_retried_on_the_same_card(code):
    for day in range(21):
        found = at(days(day), tried(code=code))
        assert not isinstance(found, RetryPayment)


def test_a_card_refused_for_good_stays_refused_whatever_it_answers_later():
    later = tried(days(1), "insufficient_funds", trigger=Trigger.SUBSCRIBER)
    found = at(days(3), tried(code="lost_card"), later)
    assert not isinstance(found, RetryPayment)


def test_an_authentication_request_by_outcome_counts_as_customer_action():
    asked = PastAttempt(FAILED_AT, Trigger.STRIPE, Outcome.REQUIRES_ACTION, VISA)
    found = at(days(1), asked)
    assert isinstance(found, SendMessage)
    assert found.template == "authentication_needed"


def test_in_stripe_mode_the_schedule_is_stripes():
    found = at(days(1), mode=RetryMode.STRIPE, next_stripe_attempt_at=FAILED_AT + days(2))
    assert isinstance(found, Wait)
    assert found.until == FAILED_AT + days(2) + hours(1)


def test_observe_mode_decides_as_recover_mode_does():
    assert at(days(1), mode=RetryMode.OBSERVE) == at(days(1))


def test_cards_issued_in_india_are_not_retried():
    indian = replace(VISA, country="IN")
    assert not isinstance(at(days(1), tried(card=indian), card=indian), RetryPayment)


def test_a_try_of_stripes_soon_to_come_holds_ours_back_until_it_has_passed():
    found = at(days(1), next_stripe_attempt_at=FAILED_AT + days(1) + hours(5))
    assert isinstance(found, Wait)
    assert found.until == FAILED_AT + days(1) + hours(6)


def test_a_try_of_stripes_far_off_does_not_hold_ours_back():
    found = at(days(1), next_stripe_attempt_at=FAILED_AT + days(3))
    assert isinstance(found, RetryPayment)


def test_a_recent_try_by_anyone_on_the_card_holds_ours_back():
    used = uses(FAILED_AT, FAILED_AT + hours(20))  # for another invoice of the same customer
    found = at(days(1), card_uses=used)
    assert isinstance(found, Wait)
    assert found.until == FAILED_AT + hours(32)


def test_a_gap_that_ends_in_the_night_lasts_until_nine():
    afternoon = FAILED_AT + hours(31)  # 16:00 in Madrid; twelve hours on it is 04:00
    found = at(hours(40), card_uses=uses(FAILED_AT, afternoon))
    assert isinstance(found, Wait)
    assert found.until == FAILED_AT + days(2)


def test_a_full_budget_ends_the_tries_but_not_the_mails():
    told = {"card_uses": uses(*(FAILED_AT - hours(n) for n in range(15)))}
    assert isinstance(at(days(1), **told), Wait)
    assert isinstance(at(days(3), **told), SendMessage)


def test_our_scheduled_tries_end_with_the_campaigns_maximum():
    few = replace(DEFAULT, max_retries=1)
    told = facts(tried(), tried(days(1), trigger=Trigger.SCHEDULE))
    assert not isinstance(decide(told, few, TIMING, FAILED_AT + days(3)), RetryPayment)


def test_the_tries_of_others_do_not_use_up_ours():
    few = replace(DEFAULT, max_retries=1)
    told = facts(tried(), tried(days(1)), tried(days(2), trigger=Trigger.FOUNDER))
    assert isinstance(decide(told, few, TIMING, FAILED_AT + days(3)), RetryPayment)


def test_mastercards_forecast_is_kept_even_by_a_timing_that_ignores_it():
    class Now:
        def propose(self, facts, campaign, now):
            return Proposal(Retry(now, "now"), "now")

    told = facts(tried(card=MASTERCARD, network_advice_code="26"), card=MASTERCARD)
    assert isinstance(decide(told, DEFAULT, Now(), FAILED_AT + days(1)), Wait)
    assert isinstance(decide(told, DEFAULT, Now(), FAILED_AT + days(2)), RetryPayment)


# Mails

FAILED_TWICE = (tried(), tried(days(1), trigger=Trigger.SCHEDULE))


def test_a_soft_decline_is_written_about_only_after_a_retry_failed_too():
    found = at(days(1) + hours(1), *FAILED_TWICE)
    assert isinstance(found, SendMessage)
    assert (found.step, found.template) == ("soft-1", "payment_failed")
    assert found.reason.startswith("Thursday 26 November, 10:00 in Madrid: first mail about this")


def test_without_any_retry_a_soft_decline_is_written_about_on_day_three():
    assert isinstance(at(days(2), mode=RetryMode.STRIPE), Wait)
    assert isinstance(at(days(3), mode=RetryMode.STRIPE), SendMessage)


@pytest.mark.parametrize("code", ["expired_card", "stolen_card", "incorrect_cvc", "incorrect_zip"])
def test_what_only_the_customer_can_mend_is_written_about_at_once(code):
    found = at(hours(0), tried(code=code))
    assert isinstance(found, SendMessage)
    assert (found.step, found.template) == ("card-0", "payment_failed")


def test_authentication_has_a_mail_of_its_own():
    found = at(hours(0), tried(code="authentication_required"))
    assert isinstance(found, SendMessage)
    assert (found.step, found.template) == ("confirm-0", "authentication_needed")


def test_mails_wait_for_the_subscribers_morning():
    wait = at(hours(12), tried(code="expired_card"))  # 21:00 in Madrid
    assert isinstance(wait, Wait)
    assert wait.until == FAILED_AT + days(1)


def test_of_several_mails_overdue_only_the_latest_is_sent():
    found = at(days(8), tried(code="expired_card"))
    assert isinstance(found, SendMessage)
    assert found.step == "card-7"
    after = at(days(9), tried(code="expired_card"), messages=(mail("card-7", days(8)),))
    assert isinstance(after, Wait)
    assert after.until == FAILED_AT + days(18)


def test_no_mail_is_sent_twice():
    found = at(days(2), tried(code="expired_card"), messages=(mail("card-0", days(0)),))
    assert isinstance(found, Wait)
    assert found.until == FAILED_AT + days(3)


def test_three_days_before_the_end_there_is_a_last_notice_for_everyone():
    for code in ("insufficient_funds", "expired_card", "authentication_required"):
        found = at(days(18), tried(code=code), tried(days(17), code))
        assert isinstance(found, SendMessage)
        assert found.template == "last_notice"


def test_a_mail_about_anything_else_counts_against_the_gap():
    other = PastMessage(FAILED_AT - hours(5), "card_expiring")
    wait = at(hours(0), tried(code="expired_card"), messages=(other,))
    assert isinstance(wait, Wait)
    assert wait.until == FAILED_AT + days(1)  # 15 hours on is midnight; the office opens at nine


def test_three_mails_in_a_week_are_enough():
    others = tuple(PastMessage(FAILED_AT - days(n), "thank_you") for n in (5, 3, 1))
    wait = at(hours(0), tried(code="expired_card"), messages=others)
    assert isinstance(wait, Wait)
    assert wait.until == FAILED_AT + days(2)


@pytest.mark.parametrize("change", [{"has_email": False}, {"suppressed": True}])
def test_who_cannot_or_will_not_be_written_to_is_not(change):
    assert isinstance(at(days(1), tried(code="expired_card"), **change), Wait)


def test_a_decline_that_turns_hard_is_written_about_anew():
    hard = tried(days(3), "expired_card", trigger=Trigger.SCHEDULE)
    found = at(days(3) + hours(1), tried(), hard, messages=(mail("soft-1", days(1)),))
    assert isinstance(found, SendMessage)
    assert found.step == "card-3"


def test_waiting_for_nothing_but_the_end_says_so():
    sent = (mail("last", days(18)),)
    wait = at(days(19), tried(code="expired_card"), messages=sent)
    assert wait == Wait(
        FAILED_AT + days(21),
        "Until the case ends, Wednesday 16 December, 09:00 in Madrid. The card has expired. No "
        "retry is made before the customer acts.",
    )
