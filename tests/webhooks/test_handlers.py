from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update
from webhook_cast import HOOK_SECRET, PLATFORM_SECRET, body_of, event, signature

from recover.models import Account, LedgerLine, Message, RecoveryCase, StripeEvent
from recover.stripe_api import event_types
from webhooks import inbox, receiver
from webhooks.handlers import HANDLED_TYPES, ROUTES

PROMISED = {
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.paid",
    "invoice.voided",
    "invoice.marked_uncollectible",
    "invoice.updated",
    "invoice.upcoming",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.source.expiring",
    "payment_method.automatically_updated",
    "payment_method.attached",
    "payment_method.detached",
    "payment_method.updated",
    "customer.updated",
    "customer.deleted",
    "charge.refunded",
    "charge.dispute.created",
    "account.application.deauthorized",
}


class Stripe:
    """Sends an event to the receiver and has it drained: what happens to every real one."""

    def __init__(self, world):
        self.world = world
        self.app = Flask(__name__)
        self.app.register_blueprint(receiver.blueprint(world.services, signal=lambda: None))

    def send(self, content, path="/webhooks/stripe/hook-of-acme", secret=HOOK_SECRET):
        body = body_of(content)
        header = signature(body, secret, self.world.clock.now())
        answer = self.app.test_client().post(path, data=body, headers={"Stripe-Signature": header})
        assert answer.status_code == 200
        return inbox.drain(self.world.services)

    def rows(self, model):
        with self.world.services.db.read() as session:
            return list(session.scalars(select(model).order_by(model.id)))


@pytest.fixture
def stripe(world):
    return Stripe(world)


@pytest.fixture
def subscription(world):
    return world.sandbox.add_subscription(world.sandbox.add_customer())


@pytest.fixture
def failed(world, subscription, stripe):
    """A failed renewal with its case open; the invoice's id."""
    invoice_id = world.sandbox.fail_renewal(subscription)
    stripe.send(event("invoice.payment_failed", world.sandbox.store.get(invoice_id)))
    return invoice_id


def test_every_event_promised_is_handled():
    assert set(ROUTES) >= PROMISED
    assert set(ROUTES) == set(event_types.OF_THE_PLATFORM)  # what is asked for is answered


def about(world, kind, invoice_id):
    """The object Stripe sends with an event of this type, for the failed renewal's customer."""
    get = world.sandbox.store.get
    invoice = get(invoice_id)
    customer = get(invoice["customer"])
    card = get(customer["invoice_settings"]["default_payment_method"])
    (charge,) = world.sandbox.store.all("charge")
    family = kind.rpartition(".")[0]
    return {
        "invoice": {**invoice, "id": None} if kind == "invoice.upcoming" else invoice,
        "customer": customer,
        "customer.source": {"id": "card_1", "object": "card", "customer": customer["id"]},
        "customer.subscription": get(invoice["parent"]["subscription_details"]["subscription"]),
        "payment_method": card,
        "charge": charge,
        "charge.dispute": {"id": "dp_1", "object": "dispute", "charge": charge["id"]},
        "radar.early_fraud_warning": {
            "id": "issfr_1",
            "object": "radar.early_fraud_warning",
            "charge": charge["id"],
        },
        "refund": {"id": "re_1", "object": "refund", "charge": charge["id"]},
        "credit_note": {"id": "cn_1", "object": "credit_note", "invoice": invoice["id"]},
    }[family]


@pytest.mark.parametrize("kind", [kind for kind in HANDLED_TYPES if not kind.startswith("account")])
def test_every_type_is_stored_under_what_it_is_about_and_handled(world, stripe, failed, kind):
    thing = about(world, kind, failed)
    assert stripe.send(event(kind, thing)) == inbox.Drained(done=1)
    row = stripe.rows(StripeEvent)[-1]
    assert (row.type, row.status, row.error) == (kind, "done", "")
    prefixes = {
        "sync_invoice": "in_",
        "sync_known_invoice": "in_",
        "sync_subscription": "sub_",
        "sync_customer": "cus_",
        "sync_charge": "ch_",
        "sync_disputes": "ch_",
        "sync_warnings": "ch_",
        "check_cards": "cus_",
    }
    assert row.object_id.startswith(prefixes[ROUTES[kind].handler.__name__])


def test_a_failed_renewal_opens_a_case(world, stripe, failed):
    (case,) = stripe.rows(RecoveryCase)
    assert (case.stripe_invoice_id, case.state) == (failed, "open")


def test_a_payment_closes_it_whoever_paid(world, stripe, failed):
    world.sandbox.pay_on_hosted_page(failed)
    stripe.send(event("invoice.paid", world.sandbox.store.get(failed)))
    (case,) = stripe.rows(RecoveryCase)
    assert case.state == "recovered"
    assert [line.kind for line in stripe.rows(LedgerLine)] == ["recovered"]


def test_events_about_unknown_objects_change_nothing(world, stripe):
    for kind, name in (
        ("invoice.payment_failed", "invoice"),
        ("customer.subscription.deleted", "subscription"),
        ("customer.updated", "customer"),
        ("charge.refunded", "charge"),
    ):
        thing = {"id": f"{name}_unknown", "object": name, "customer": "cus_unknown"}
        assert stripe.send(event(kind, thing)) == inbox.Drained(done=1)
    assert stripe.rows(RecoveryCase) == []


def test_a_detached_card_is_filed_under_its_former_owner(world, stripe, failed):
    owner = world.sandbox.store.get(failed)["customer"]
    content = event("payment_method.detached", {"id": "pm_1", "object": "payment_method"})
    content["data"]["previous_attributes"] = {"customer": owner}
    assert stripe.send(content) == inbox.Drained(done=1)
    assert stripe.rows(StripeEvent)[-1].object_id == owner


def test_an_expiring_card_gets_its_notice_once(world, stripe):
    sandbox = world.sandbox
    now = world.clock.now()
    customer = sandbox.add_customer(exp_month=now.month - 1, exp_year=now.year)
    sandbox.add_subscription(customer, renews_at=now + timedelta(days=5))
    for _ in range(3):
        source = {"id": "card_1", "object": "card", "customer": customer["id"]}
        stripe.send(event("customer.source.expiring", source))
    assert [message.template for message in stripe.rows(Message)] == ["card_expiring"]


def test_a_deauthorized_account_is_disconnected_and_hears_no_more(world, stripe, failed):
    with world.services.db.begin() as session:
        session.execute(update(Account).values(connection="platform"))
    world.sandbox.deauthorize()
    application = {"id": "ca_1", "object": "application"}
    content = event("account.application.deauthorized", application)
    content["account"] = world.account.stripe_account_id
    stripe.send(content, path="/webhooks/stripe", secret=PLATFORM_SECRET)
    (account,) = stripe.rows(Account)
    (case,) = stripe.rows(RecoveryCase)
    assert account.disconnected_at == world.clock.now()
    assert case.state == "closed"


def test_a_refund_without_a_charge_concerns_nothing_here(world, stripe):
    refund = {"id": "re_1", "object": "refund", "charge": None}
    assert stripe.send(event("refund.created", refund)) == inbox.Drained(done=0)
    assert stripe.rows(StripeEvent) == []
