"""Events as Stripe sent them to others, cut to what matters; each names its repository."""

import pytest
from flask import Flask
from sqlalchemy import select
from webhook_cast import HOOK_SECRET, body_of, event, signature

from recover.models import StripeEvent
from webhooks import inbox, receiver

MOCK, SYNC, CALLBACKS = (
    "stripe-ruby-mock/stripe-ruby-mock",
    "supabase/stripe-sync-engine",
    "kaspernj/stripe_model_callbacks",
)
EVENTS = [  # repository, type, API version, the object, what it is filed under
    (
        MOCK,
        "charge.dispute.closed",
        None,  # of 2013: the dispute has no id of its own
        {"charge": "ch_00000000000000", "amount": 1000, "status": "won", "currency": "usd"}
        | {"object": "dispute", "reason": "general", "id": None, "created": 1381080229},
        "ch_00000000000000",
    ),
    (
        MOCK,
        "charge.dispute.funds_reinstated",
        "2017-12-14",
        {"id": "dp_00000000000000", "object": "dispute", "charge": "ch_00000000000000"}
        | {"amount": 25000, "currency": "usd", "status": "needs_response"},
        "ch_00000000000000",
    ),
    (
        SYNC,
        "charge.dispute.created",
        "2020-03-02",
        {"id": "dp_1MLuxQJDPojXS6LNrukJCBBG", "object": "dispute", "amount": 1000}
        | {"charge": "ch_1IqtGAJDPojXS6LNstgEfUji", "status": "warning_needs_response"},
        "ch_1IqtGAJDPojXS6LNstgEfUji",
    ),
    (
        SYNC,
        "radar.early_fraud_warning.created",
        "2020-03-02",
        {"id": "issfr_1NnrwHBw2dPENLoi9lnhV3RQ", "object": "radar.early_fraud_warning"}
        | {"charge": "ch_1234"},
        "ch_1234",
    ),
    (
        SYNC,
        "refund.failed",
        "2020-03-02",
        {"id": "re_1Nispe2eZvKYlo2Cd31jOCgZ", "object": "refund", "amount": 1000}
        | {"charge": "ch_1NirD82eZvKYlo2CIvbtLWuY", "status": "succeeded"},
        "ch_1NirD82eZvKYlo2CIvbtLWuY",
    ),
    (
        CALLBACKS,
        "refund.created",
        "2018-01-23",
        {"id": "re_CGQ7INZZQPOC8U", "object": "refund", "amount": 100, "currency": "dkk"}
        | {"charge": "ch_3MI7uIIICJxvfdbR0gVMAA5h", "payment_intent": None},
        "ch_3MI7uIIICJxvfdbR0gVMAA5h",
    ),
    (
        SYNC,
        "credit_note.created",
        "2020-03-02",
        {"id": "cn_1MxvRqLkdIwHu7ixY0xbUcxk", "object": "credit_note", "amount": 1099}
        | {"customer": "cus_NjLgPhUokHubJC", "invoice": "in_1MxvRkLkdIwHu7ixABNtI99m"},
        "in_1MxvRkLkdIwHu7ixABNtI99m",
    ),
]


@pytest.mark.parametrize(
    ("kind", "version", "thing", "filed_under"),
    [pytest.param(*one[1:], id=f"{one[0]}-{one[1]}") for one in EVENTS],
)
def test_a_real_event_is_stored_once_and_handled(world, kind, version, thing, filed_under):
    app = Flask(__name__)
    app.register_blueprint(receiver.blueprint(world.services, signal=lambda: None))
    body = body_of(event(kind, thing, api_version=version))
    header = {"Stripe-Signature": signature(body, HOOK_SECRET, world.clock.now())}
    for _ in range(2):
        answer = app.test_client().post("/webhooks/stripe/hook-of-acme", data=body, headers=header)
        assert answer.status_code == 200
        inbox.drain(world.services)
    with world.services.db.read() as session:
        [row] = session.scalars(select(StripeEvent))
    assert (row.object_id, row.status, row.error) == (filed_under, "done", "")
