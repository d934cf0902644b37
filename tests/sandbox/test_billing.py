from datetime import UTC, datetime, timedelta

import pytest

from sandbox.billing import next_period_end
from sandbox.clock import Clock
from sandbox.sandbox import START, Sandbox


@pytest.fixture
def sandbox():
    made = Sandbox()
    yield made
    made.close()


def retrying(*waits, end_action="past_due"):
    return Sandbox(stripe_retries=waits, end_action=end_action)


def types(sandbox, object_id):
    held = sandbox.store.all("event")
    return [event["type"] for event in held if event["data"]["object"].get("id") == object_id]


def subscribed(sandbox, **customer):
    return sandbox.add_subscription(
        sandbox.add_customer(**customer), renews_at=START + timedelta(days=5)
    )


def latest(sandbox, subscription):
    return sandbox.store.get(subscription["latest_invoice"])


def test_a_renewal_is_announced_drafted_and_charged_an_hour_later(sandbox):
    subscription = subscribed(sandbox)
    sandbox.advance_to(START + timedelta(days=2))
    upcoming = sandbox.store.all("event")[-1]
    assert upcoming["type"] == "invoice.upcoming"
    assert "id" not in upcoming["data"]["object"]
    assert upcoming["data"]["object"]["customer"] == subscription["customer"]
    sandbox.advance_to(START + timedelta(days=5))
    invoice = latest(sandbox, subscription)
    assert (invoice["status"], invoice["billing_reason"]) == ("draft", "subscription_cycle")
    sandbox.advance(timedelta(hours=1))
    assert (invoice["status"], invoice["attempt_count"]) == ("paid", 1)
    assert invoice["number"].endswith("-0001")
    ends = subscription["items"]["data"][0]["current_period_end"]
    assert datetime.fromtimestamp(ends, UTC) > START + timedelta(days=33)


def test_renewals_go_on_month_after_month(sandbox):
    subscription = subscribed(sandbox)
    sandbox.advance(timedelta(days=100))
    invoices = sandbox.store.owned("invoice", subscription["customer"])
    assert [one["status"] for one in invoices] == ["paid"] * 4


def test_the_last_day_of_a_month_stays_the_last_day():
    january = datetime(2027, 1, 31, 12, tzinfo=UTC)
    february = next_period_end(january, 31)
    assert february == datetime(2027, 2, 28, 12, tzinfo=UTC)
    assert next_period_end(february, 31) == datetime(2027, 3, 31, 12, tzinfo=UTC)
    assert next_period_end(datetime(2026, 12, 5, tzinfo=UTC), 5).year == 2027


def test_a_failed_renewal_makes_the_subscription_past_due_and_says_so(sandbox):
    subscription = subscribed(sandbox)
    invoice = sandbox.fail_renewal(subscription, "do_not_honor")
    assert subscription["status"] == "past_due"
    assert types(sandbox, invoice)[-2:] == ["invoice.updated", "invoice.payment_failed"]
    change = sandbox.store.all("event")[-1]
    assert change["type"] == "customer.subscription.updated"
    assert change["data"]["previous_attributes"] == {"status": "active"}


def test_without_stripes_retries_nothing_more_is_planned(sandbox):
    subscription = subscribed(sandbox)
    invoice = sandbox.store.get(sandbox.fail_renewal(subscription))
    assert invoice["next_payment_attempt"] is None
    sandbox.advance(timedelta(days=25))
    assert (invoice["attempt_count"], subscription["status"]) == (1, "past_due")


def test_stripe_retries_so_many_days_after_the_try_before():
    sandbox = retrying(3, 5, 7)
    subscription = subscribed(sandbox)
    sandbox.script(subscription["customer"], ["insufficient_funds"] * 3)
    invoice = sandbox.renew(subscription)
    began = sandbox.clock.now()
    days = []
    while invoice["next_payment_attempt"]:
        due = datetime.fromtimestamp(invoice["next_payment_attempt"], UTC)
        days.append((due - began).days)
        sandbox.advance_to(due)
    assert days == [3, 8, 15]
    assert (invoice["status"], invoice["attempt_count"]) == ("paid", 4)
    assert sandbox.report()["by_source"] == {"stripe_schedule": 1}


def test_a_manual_payment_ends_stripes_schedule():
    sandbox = retrying(3, 5, 7)
    invoice = sandbox.fail_renewal(subscribed(sandbox))
    sandbox.pay_on_hosted_page(invoice)
    sandbox.advance(timedelta(days=10))
    shown = sandbox.store.get(invoice)
    assert (shown["status"], shown["attempt_count"]) == ("paid", 1)
    assert sandbox.report()["by_source"] == {"hosted_page": 1}


def test_on_a_hard_code_stripe_counts_its_tries_without_making_them():
    sandbox = retrying(3, 5, 7)
    subscription = subscribed(sandbox)
    invoice = sandbox.store.get(sandbox.fail_renewal(subscription, "stolen_card"))
    sandbox.advance(timedelta(days=16))
    assert (invoice["attempt_count"], len(sandbox.books.tries)) == (4, 1)
    assert sandbox.report()["faults"]["hard_code_tries"] == 0


def test_after_a_hard_code_stripe_tries_a_new_card():
    sandbox = retrying(3, 5)
    subscription = subscribed(sandbox)
    invoice = sandbox.store.get(sandbox.fail_renewal(subscription, "stolen_card"))
    subscription["default_payment_method"] = sandbox.add_card(
        subscription["customer"], "4242424242424242"
    )
    sandbox.advance(timedelta(days=3))
    assert invoice["status"] == "paid"


def test_a_card_from_india_is_not_retried():
    sandbox = retrying(3, 5)
    subscription = subscribed(sandbox)
    method = sandbox.store.all("payment_method")[0]
    method["card"]["country"] = "IN"
    invoice = sandbox.store.get(sandbox.fail_renewal(subscription))
    assert invoice["next_payment_attempt"] is None


@pytest.mark.parametrize(
    ("end_action", "status"),
    [("cancel", "canceled"), ("unpaid", "unpaid"), ("past_due", "past_due")],
)
def test_after_stripes_last_try_the_subscription_meets_its_fate(end_action, status):
    sandbox = retrying(1, end_action=end_action)
    subscription = subscribed(sandbox, card="4000000000000341")
    sandbox.fail_renewal(subscription)
    assert subscription["status"] == "past_due"
    sandbox.advance(timedelta(days=1))
    assert subscription["status"] == status


def test_invoices_of_an_unpaid_subscription_stay_drafts():
    sandbox = retrying(1, end_action="unpaid")
    subscription = subscribed(sandbox, card="4000000000000341")
    sandbox.advance(timedelta(days=45))
    assert latest(sandbox, subscription)["status"] == "draft"


def test_a_subscription_that_ends_with_its_period_does_not_renew(sandbox):
    subscription = subscribed(sandbox)
    subscription["cancel_at_period_end"] = True
    sandbox.advance(timedelta(days=6))
    assert subscription["status"] == "canceled"
    assert subscription["latest_invoice"] is None
    assert types(sandbox, subscription["id"]) == ["customer.subscription.deleted"]


def test_cancelling_leaves_the_open_invoice_but_stops_its_collection():
    sandbox = retrying(3)
    subscription = subscribed(sandbox)
    invoice = sandbox.store.get(sandbox.fail_renewal(subscription))
    sandbox.cancel(subscription)
    assert (invoice["status"], invoice["next_payment_attempt"]) == ("open", None)
    sandbox.advance(timedelta(days=4))
    assert len(sandbox.books.tries) == 1


def test_an_invoice_sent_to_the_customer_is_not_charged(sandbox):
    customer = sandbox.add_customer()
    subscription = sandbox.add_subscription(customer, collection_method="send_invoice")
    invoice = sandbox.renew(subscription)
    assert (invoice["status"], invoice["attempt_count"]) == ("open", 0)
    assert sandbox.books.failed == {}


def test_the_updater_changes_the_card_and_says_what_it_was(sandbox):
    method = sandbox.add_customer(exp_year=2027)["invoice_settings"]["default_payment_method"]
    before = dict(sandbox.store.get(method)["card"])
    sandbox.automatically_update(method)
    event = sandbox.store.all("event")[-1]
    assert event["type"] == "payment_method.automatically_updated"
    told = event["data"]["previous_attributes"]["card"]
    assert told["last4"] == before["last4"]
    assert event["data"]["object"]["card"]["exp_year"] > before["exp_year"]
    assert event["data"]["object"]["card"]["fingerprint"] != before["fingerprint"]


def test_the_next_event_is_never_behind_the_clock(sandbox):
    sandbox.populate(20)
    for _ in range(50):
        due = sandbox.next_event_at()
        assert due >= sandbox.clock.now()
        sandbox.advance_to(due)


def test_the_clock_tells_its_time_in_a_file(tmp_path):
    path = tmp_path / "now"
    clock = Clock(START, path)
    clock.advance_to(START + timedelta(hours=3))
    assert datetime.fromisoformat(path.read_text()) == START + timedelta(hours=3)
    assert list(tmp_path.iterdir()) == [path]


def test_the_clock_runs_forward_only():
    clock = Clock(START)
    with pytest.raises(ValueError, match="forward"):
        clock.advance_to(START - timedelta(seconds=1))
    with pytest.raises(ValueError, match="aware"):
        Clock(START.replace(tzinfo=None))
