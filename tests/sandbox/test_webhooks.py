import json
from datetime import UTC, datetime, timedelta

import pytest
import stripe
from sandbox_cast import hook_receiver, open_desk

from sandbox.clock import Clock


@pytest.fixture
def receiver():
    with hook_receiver() as opened:
        yield opened


@pytest.fixture
def desk():
    # Stripe's library checks a signature's age against this machine's clock.
    with open_desk(clock=Clock(datetime.now(UTC).replace(microsecond=0))) as opened:
        yield opened


def listen(desk, url, events=("*",), *, connect=True):
    client = desk.as_key(desk.sandbox.platform_key if connect else desk.sandbox.account_key)
    params = {"url": url, "enabled_events": list(events), "connect": connect}
    return client.v1.webhook_endpoints.create(params)


def bodies(received):
    return [json.loads(body) for _, body in received]


def test_a_delivery_verifies_with_stripes_own_library(desk, receiver):
    url, received, _ = receiver
    endpoint = listen(desk, url)
    invoice = desk.failed_invoice()
    sent = desk.sandbox.deliver_due()
    assert sent == len(received) > 0
    for header, body in received:
        event = stripe.Webhook.construct_event(body, header, endpoint.secret)
        assert event.account == desk.sandbox.account_id
    failed = [one for one in bodies(received) if one["type"] == "invoice.payment_failed"]
    assert [one["data"]["object"]["id"] for one in failed] == [invoice]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(received[0][1], received[0][0], "whsec_other")


def test_an_endpoint_of_the_company_hears_its_events_without_an_account(desk, receiver):
    url, received, _ = receiver
    listen(desk, url, connect=False)
    desk.failed_invoice()
    desk.sandbox.deliver_due()
    assert received
    assert all("account" not in one for one in bodies(received))


def test_only_the_events_asked_for_are_sent(desk, receiver):
    url, received, _ = receiver
    listen(desk, url, ["invoice.payment_failed"])
    desk.failed_invoice()
    assert desk.sandbox.deliver_due() == 1
    assert bodies(received)[0]["type"] == "invoice.payment_failed"


def test_a_pinned_endpoint_receives_its_version(desk, receiver):
    url, received, _ = receiver
    client = desk.as_key(desk.sandbox.account_key)
    params = {"url": url, "enabled_events": ["*"], "api_version": "2026-10-28.endive"}
    client.v1.webhook_endpoints.create(params)
    desk.failed_invoice()
    desk.sandbox.deliver_due()
    assert {one["api_version"] for one in bodies(received)} == {"2026-10-28.endive"}


def test_a_refused_delivery_is_tried_again_later_and_then_no_more(desk, receiver):
    url, received, statuses = receiver
    listen(desk, url, ["invoice.payment_failed"])
    statuses += [500, 503]
    desk.failed_invoice()
    desk.sandbox.deliver_due()
    assert (len(received), desk.sandbox.webhooks.pending) == (1, 1)
    assert desk.sandbox.deliver_due() == 0  # not due yet
    while desk.sandbox.webhooks.pending:
        desk.sandbox.advance_to(desk.sandbox.webhooks.next_due_at())
        desk.sandbox.deliver_due()
    assert [one.status for one in desk.sandbox.webhooks.deliveries] == [500, 503, 200]
    assert len({one["id"] for one in bodies(received)}) == 1


def test_an_endpoint_nobody_answers_is_given_up_after_three_days(desk):
    listen(desk, "http://127.0.0.1:9/hook", ["invoice.payment_failed"])
    desk.failed_invoice()
    began = desk.sandbox.clock.now()
    desk.sandbox.deliver_due()
    while desk.sandbox.webhooks.pending:
        desk.sandbox.advance_to(desk.sandbox.webhooks.next_due_at())
        desk.sandbox.deliver_due()
    assert {one.status for one in desk.sandbox.webhooks.deliveries} == {0}
    took = desk.sandbox.clock.now() - began
    assert timedelta(days=2) < took < timedelta(days=4)


def test_chaos_duplicates_shuffles_and_loses(desk, receiver):
    url, received, _ = receiver
    listen(desk, url)
    hooks = desk.sandbox.webhooks
    hooks.duplicate, hooks.shuffle, hooks.lose = 3, True, 0.3
    for _ in range(5):
        desk.failed_invoice()
    desk.sandbox.deliver_due()
    made = [event["id"] for event in desk.sandbox.store.all("event")]
    sent = [one["id"] for one in bodies(received)]
    assert len(sent) == 3 * len(set(sent))
    assert 0.5 < len(set(sent)) / len(made) < 0.9
    first_seen = list(dict.fromkeys(sent))
    assert first_seen != [event_id for event_id in made if event_id in set(sent)]


def test_a_removed_endpoint_hears_nothing_more(desk, receiver):
    url, received, _ = receiver
    endpoint = listen(desk, url)
    desk.failed_invoice()
    desk.as_key(desk.sandbox.platform_key).v1.webhook_endpoints.delete(endpoint.id)
    desk.sandbox.deliver_due()
    assert received == []


def test_a_disabled_endpoint_hears_nothing(desk, receiver):
    url, received, _ = receiver
    endpoint = listen(desk, url)
    client = desk.as_key(desk.sandbox.platform_key)
    client.v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
    desk.failed_invoice()
    desk.sandbox.deliver_due()
    assert received == []


def test_the_platform_hears_that_it_was_disconnected(desk, receiver):
    url, received, _ = receiver
    listen(desk, url)
    desk.sandbox.deauthorize()
    desk.failed_invoice()
    desk.sandbox.deliver_due()
    assert [one["type"] for one in bodies(received)] == ["account.application.deauthorized"]
    assert bodies(received)[0]["account"] == desk.sandbox.account_id
