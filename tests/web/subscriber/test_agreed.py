"""What the subscriber agreed to on the card page is charged, once; what they left out is not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from sqlalchemy import select

from recover.models import Attempt, AuditLogEntry
from recover.subscribers import card_page, card_update
from recover.subscribers.card_update import NotPossible
from recover.workflow import steps, sync

pytest_plugins = ("web_cast",)
GOOD, DECLINING = "4242424242424242", "4000000000000341"
BY_STRIPE = [("stripe", "failed")]


@pytest.fixture
def two(scene):
    """Two failed renewals of one customer, whose link leads to the first."""
    one = scene.failed()
    customer = scene.sandbox.store.get(one.stripe_customer_id)
    addon = scene.sandbox.add_subscription(customer, 5000, "usd", product="Addon")
    return one, scene.renewal_fails(addon["id"], "insufficient_funds")


def begin(scene, case, *invoice_ids, number=GOOD, shown=None):
    """The card is entered and Stripe has saved it: all but our own last step. What finishes it."""
    token = scene.link(case).rpartition("/")[2]
    account, link = card_page.find_link(scene.services, token)
    setup = card_update.start(
        scene.services, account, link, origin="x", invoice_ids=invoice_ids, shown=shown
    )
    confirm(scene, setup, number)
    return lambda: card_update.finish(scene.services, account, link, setup_intent_id=setup.id)


def confirm(scene, setup, number):
    card = {"number": number, "exp_month": "11", "exp_year": "31", "cvc": "314"}
    data = {f"payment_method_data[card][{name}]": value for name, value in card.items()}
    answer = requests.post(
        f"{scene.services.settings.stripe_api_base}/v1/setup_intents/{setup.id}/confirm",
        headers={"Authorization": f"Bearer {scene.account.publishable_key}"},
        data=data | {"client_secret": setup.client_secret, "payment_method_data[type]": "card"},
        timeout=30,
    )
    answer.raise_for_status()


def attempts(scene, case):
    query = select(Attempt).where(Attempt.case_id == case.id).order_by(Attempt.id)
    with scene.services.db.read() as session:
        return [(one.trigger, one.outcome) for one in session.scalars(query)]


def look_again(scene, case):
    """The customer changed at Stripe, and the case is due."""
    sync.sync_customer(scene.services, scene.account, case.stripe_customer_id)
    steps.run(scene.services, case.id)


def test_an_invoice_that_was_left_out_is_not_charged(scene, two):
    one, other = two
    begin(scene, one, one.stripe_invoice_id)()
    look_again(scene, other)
    assert attempts(scene, one)[1:] == [("subscriber", "succeeded")]
    assert attempts(scene, other) == BY_STRIPE


def test_it_is_not_charged_on_any_later_day_either(scene, two):
    one, other = two
    begin(scene, one, one.stripe_invoice_id)()
    for _ in range(20):
        scene.sandbox.clock.advance_to(scene.sandbox.clock.now() + steps.timedelta(days=1))
        steps.run(scene.services, other.id)
    assert attempts(scene, other) == BY_STRIPE
    reason = scene.case(other.id).next_step_reason
    assert not reason or "chose not to pay" in reason


def test_it_is_charged_once_the_subscriber_asks_for_it(scene, two):
    one, other = two
    begin(scene, one, one.stripe_invoice_id)()
    begin(scene, one, other.stripe_invoice_id)()
    assert attempts(scene, other)[1:] == [("subscriber", "succeeded")]


def test_an_invoice_that_was_not_on_the_page_is_not_charged_at_once(scene, two):
    one, other = two
    shown = {one.stripe_invoice_id: one.amount_minor}
    begin(scene, one, one.stripe_invoice_id, shown=shown)()
    look_again(scene, other)
    assert attempts(scene, other) == BY_STRIPE


def test_more_than_the_page_said_is_not_charged(scene, two):
    one, _ = two
    shown = {one.stripe_invoice_id: one.amount_minor - 1}
    with pytest.raises(NotPossible, match="amount has changed"):
        begin(scene, one, one.stripe_invoice_id, shown=shown)


def test_what_grew_while_the_card_was_entered_is_not_charged(scene, two):
    one, _ = two
    finish = begin(scene, one, one.stripe_invoice_id)
    scene.sandbox.change_amount_owed(one.stripe_invoice_id, one.amount_minor + 100)
    [(_, payment)] = finish().payments
    assert payment is None
    assert attempts(scene, one) == BY_STRIPE


@pytest.mark.both_databases
def test_a_page_sent_twenty_times_at_once_leads_to_one_authorisation(scene, two):
    one, _ = two
    finish = begin(scene, one, one.stripe_invoice_id, number=DECLINING)
    with ThreadPoolExecutor(20) as pool:
        for done in [pool.submit(finish) for _ in range(20)]:
            assert done.result().saved
    assert attempts(scene, one)[1:] == [("subscriber", "failed")]
    tried = [one for one in scene.sandbox.books.tries if one.invoice == two[0].stripe_invoice_id]
    assert len(tried) == 2
    saved = select(AuditLogEntry).where(AuditLogEntry.verb == "card")
    with scene.services.db.read() as session:
        assert len(session.scalars(saved).all()) == 1


@pytest.mark.both_databases
def test_a_founder_s_button_pressed_eleven_times_leads_to_one_authorisation(scene):
    case = scene.failed()
    scene.sandbox.script(case.stripe_customer_id, ["insufficient_funds"] * 20)

    def press():
        return sync.pay_now(
            scene.services,
            scene.account,
            case.stripe_invoice_id,
            sync.Trigger.FOUNDER,
            "Asked for by hand.",
            actor="user:1",
        )

    scene.sandbox.clock.advance_to(scene.sandbox.clock.now() + steps.timedelta(hours=1))
    with ThreadPoolExecutor(11) as pool:
        for done in [pool.submit(press) for _ in range(11)]:
            done.result()
    assert attempts(scene, case)[1:] == [("founder", "failed")]

    scene.sandbox.clock.advance_to(scene.sandbox.clock.now() + sync.ONE_PRESS)
    press()
    assert len(attempts(scene, case)) == 3
