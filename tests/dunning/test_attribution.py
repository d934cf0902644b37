from dataclasses import replace

import pytest
from dunning_cast import OTHER, VISA, days, tried

from recover.dunning import Outcome, Source, Trigger
from recover.dunning.attribution import credit

FIRST = tried()


def won(trigger, card=VISA, **more):
    winner = replace(tried(days(3), card=card, trigger=trigger), outcome=Outcome.SUCCEEDED)
    return credit((FIRST, winner), winner, **more)


@pytest.mark.parametrize(
    ("trigger", "source"),
    [
        (Trigger.SCHEDULE, Source.OUR_RETRY),
        (Trigger.CARD_UPDATE, Source.NEW_CARD),
        (Trigger.SUBSCRIBER, Source.CARD_PAGE),
        (Trigger.FOUNDER, Source.FOUNDER),
        (Trigger.STRIPE, Source.STRIPE_RETRY),
    ],
)
def test_the_try_that_succeeded_names_the_source(trigger, source):
    assert won(trigger).source is source


def test_money_that_never_went_through_stripe_is_not_ours():
    assert won(Trigger.SCHEDULE, paid_out_of_band=True).source is Source.ELSEWHERE


def test_without_a_known_try_nothing_is_claimed():
    assert credit((FIRST,), None).source is Source.UNKNOWN


@pytest.mark.parametrize("trigger", [Trigger.STRIPE, Trigger.SCHEDULE, Trigger.CARD_UPDATE])
def test_a_card_saved_on_our_page_is_the_pages_merit_whoever_charged_it(trigger):
    assert won(trigger, OTHER, saved_on_our_page=True).source is Source.CARD_PAGE


def test_a_founders_own_retry_stays_the_founders():
    assert won(Trigger.FOUNDER, saved_on_our_page=True).source is Source.FOUNDER


def test_a_charge_of_stripes_on_a_card_we_never_saw_was_the_customer_elsewhere():
    assert won(Trigger.STRIPE, OTHER).source is Source.ELSEWHERE


def test_a_charge_of_stripes_outside_its_schedule_was_the_customer_elsewhere():
    assert won(Trigger.STRIPE, stripe_was_due=False).source is Source.ELSEWHERE


def test_the_reason_counts_the_tries():
    assert won(Trigger.SCHEDULE).reason == "Paid by our scheduled retry, the second try."
