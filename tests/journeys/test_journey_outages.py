"""A bank's systems fail and come back: one card finds out, the others follow at once."""

from __future__ import annotations

from datetime import timedelta

from journey import CLEAN

from recover.accounts import connections
from recover.cases import issuer_outages
from sandbox.objects import customers

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
BANK, ANOTHER = 7, 8  # issuers of the sandbox; Stripe names neither, their cards look alike


def renew(journey, count, bank=BANK):
    """So many subscribers of one bank renew, ten minutes apart; their invoices."""
    invoices = []
    for _ in range(count):
        subscription = journey.subscriber()
        journey.sandbox.bank_with(journey.sandbox.store.get(subscription["customer"]), bank)
        invoices.append(journey.sandbox.renew(subscription)["id"])
        journey.run(minutes=10)
    return invoices


def an_outage(journey, count=5, until=4.5 * HOUR):
    """Renewals fail from nine to 9:40. Two hours after the last of them one card is tried, in
    vain; the bank is back before the next may be, at 13:40. The card that was tried, the others.
    """
    journey.sandbox.break_issuer(BANK)
    invoices = renew(journey, count)
    journey.run(hours=(until - count * 10 * MINUTE) / HOUR)
    journey.sandbox.mend_issuer(BANK)
    [tried] = [one for one in invoices if len(journey.charged(one)) == 2]
    return tried, [one for one in invoices if one != tried]


def told(journey, invoice, at="13:40"):
    """The last try was made because the bank was known to be back since then."""
    text = f"were down at the last try and have answered again since Monday 2 November, {at} UTC"
    return text in journey.attempts(invoice)[-1].reason


def test_when_a_bank_is_back_its_cards_are_tried_at_once(journey):
    tried, others = an_outage(journey)
    journey.run(minutes=10)

    assert {case.state for case in journey.cases} == {"recovered"}
    assert told(journey, tried)  # without the news: a day after its first failure
    assert sum(told(journey, one) for one in others) == 3  # all but the one that found out
    assert {journey.attempts(one)[-1].attempted_at for one in [tried, *others]} == {
        journey.case(tried).failed_at.replace(hour=13, minute=40)
    }
    said = [entry.reason for entry in journey.timeline(tried) if entry.verb == "attempt"]
    assert said == [row.reason for row in journey.attempts(tried)[1:]]
    assert journey.won == [("our_retry", 2900, "usd")] * 5
    assert journey.mails == []
    assert journey.faults == CLEAN


def test_while_a_bank_is_down_one_card_in_two_hours_finds_out(journey):
    _, others = an_outage(journey)

    assert [journey.charged(one) for one in others] == [[False]] * 4
    held = {f"{journey.case(one).next_step_at:%H:%M}" for one in others}
    assert held == {"13:40"}
    assert "one card in two hours finds out" in journey.case(others[0]).next_step_reason


def test_a_bank_that_stays_down_costs_few_tries_and_no_rule(journey):
    journey.sandbox.break_issuer(BANK)
    invoices = renew(journey, 5)

    journey.run(hours=12)
    tried = sum(len(journey.charged(one)) - 1 for one in invoices)
    journey.run(days=30)

    assert tried == 6  # at 11:40 and every two hours: five cards, and the first once more
    assert {case.state for case in journey.cases} == {"exhausted"}
    assert not any(told(journey, one) for one in invoices)
    assert journey.faults == CLEAN


def test_a_bank_that_declines_answers_too(journey):
    tried, others = an_outage(journey)
    for one in others:
        journey.sandbox.script(journey.case(one).stripe_customer_id, ["insufficient_funds"])
    journey.run(minutes=10)

    assert [journey.case(one).decline_code for one in others] == ["insufficient_funds"] * 4
    assert journey.case(tried).state == "recovered"
    assert told(journey, tried)


def test_a_try_that_stripe_blocks_tells_nothing_of_the_bank(journey):
    tried, others = an_outage(journey)
    for one in others:
        journey.sandbox.script(journey.case(one).stripe_customer_id, ["highest_risk_level"])
    journey.run(minutes=10)

    assert journey.charged(tried) == [False, False]
    assert not any(told(journey, one) for one in [tried, *others])


def test_hiccups_of_single_cards_change_nothing(journey):
    journey.sandbox.break_issuer(BANK)
    [once, twice] = renew(journey, 2)
    journey.sandbox.script(journey.case(twice).stripe_customer_id, ["issuer_not_available"])
    journey.sandbox.mend_issuer(BANK)
    poor = journey.fail("insufficient_funds", "approve")
    journey.run(days=2)

    assert journey.times(once) == [2 * HOUR]
    assert journey.times(twice) == [2 * HOUR, 1 * DAY]
    assert journey.times(poor) == [1 * DAY]
    reasons = [row.reason for one in (once, twice, poor) for row in journey.attempts(one)]
    assert not any("systems" in reason for reason in reasons)


def test_an_end_is_announced_once_also_to_cases_that_may_not_be_tried_yet(journey, monkeypatch):
    woken = []
    monkeypatch.setattr(
        issuer_outages, "make_waiting_due", spied(woken, issuer_outages.make_waiting_due)
    )
    journey.sandbox.break_issuer(BANK)
    invoices = renew(journey, 5)
    journey.sandbox.mend_issuer(BANK)
    journey.api("POST", f"/v1/invoices/{invoices[0]}/pay")  # by hand, in the dashboard
    journey.settle()

    waiting = [journey.case(one) for one in invoices[1:]]
    assert [f"{case.next_step_at:%H:%M}" for case in waiting] == [
        "11:10",
        "11:20",
        "11:30",
        "11:40",
    ]
    assert all("have answered again since" in case.next_step_reason for case in waiting)
    journey.run(hours=2)
    assert {case.state for case in journey.cases} == {"recovered"}
    assert woken == [journey.case(invoices[0]).id]


def spied(calls, wake):
    def spy(session, case, issuer, now):
        calls.append(case.id)
        wake(session, case, issuer, now)

    return spy


def test_one_account_s_answers_move_no_case_of_another(begin):
    journey = begin(connection="platform")
    here, elsewhere = journey.sandbox.store, second_account(journey)
    tried, _ = an_outage(journey, until=4 * HOUR)
    journey.sandbox.store = elsewhere
    journey.sandbox.break_issuer(ANOTHER)
    theirs = renew(journey, 3, ANOTHER)  # until 13:30; at their bank nothing is mended
    journey.sandbox.store = here
    before = [journey.case(one).next_step_at for one in theirs]
    journey.run(minutes=20)

    assert journey.case(tried).state == "recovered"
    assert {case.card_issuer for case in journey.cases} == {"visa credit US"}
    assert [journey.case(one).next_step_at for one in theirs] == before
    journey.run(hours=2)
    assert not any(told(journey, one) for one in theirs)


def second_account(journey):
    store = customers.account(journey.sandbox.state, "Elm Street", timezone="UTC")
    connections.connect(
        journey.services, "Elm Street", connections.Keys(stripe_account_id=store.id), mode="recover"
    )
    return store


def test_the_engine_s_tries_are_held_and_hastened_alike(begin):
    journey = begin(timing="engine")
    journey.sandbox.break_issuer(BANK)
    invoices = renew(journey, 5)
    journey.run(hours=10)
    journey.sandbox.mend_issuer(BANK)
    in_vain = sum(len(journey.charged(one)) - 1 for one in invoices)
    journey.run(days=2)

    # About every two hours, by those that failed when it was known for an outage. Left alone, the
    # engine waits for a day, as it does for the first two.
    assert in_vain == 4
    assert {case.state for case in journey.cases} == {"recovered"}
    back = [one for one in invoices if "answered again" in journey.attempts(one)[-1].reason]
    assert len(back) == 4
    assert {f"{journey.attempts(one)[-1].attempted_at:%d. %H:%M}" for one in back} == {"02. 20:00"}
    assert journey.faults == CLEAN
