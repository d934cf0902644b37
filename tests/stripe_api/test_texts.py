"""Texts in Stripe's objects: however long and odd, what is read of them can be stored."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass

import odd_texts as odd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recover.foundation.errors import BadEvent
from recover.stripe_api import parsing, parsing_accounts, results

SHORT = 255  # characters: the width of most columns
WHOLE = {"hosted_invoice_url", "url", "client_secret"}  # in columns without a limit, or in none

READ = {
    "invoice": (odd.INVOICE, parsing.invoice),
    "subscription": (odd.SUBSCRIPTION, parsing.subscription),
    "customer": (odd.CUSTOMER, parsing.customer),
    "payment method": (odd.CARD, parsing.payment_method),
    "charge": (odd.CHARGE, parsing.charge),
    "setup intent": (odd.SETUP, parsing.setup_intent),
    "checkout session": (odd.SESSION, parsing.checkout_session),
    "account": (odd.ACCOUNT, lambda json: parsing_accounts.account_info(json, livemode=True)),
    "webhook endpoint": (odd.ENDPOINT, parsing_accounts.webhook_endpoint),
    "payment": (odd.INTENT, results.payment_of_intent),
    "paid invoice": (odd.INVOICE, results.payment_of_invoice),
}


def texts(value, name=""):
    """Every text in a parsed object, with the name of its field."""
    if isinstance(value, str):
        yield name, value
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts(getattr(value, field.name), field.name)
    elif isinstance(value, tuple):
        for one in value:
            yield from texts(one, name)


def check(value):
    for name, text in texts(value):
        assert "\0" not in text, name
        text.encode()  # raises for half a surrogate pair
        assert name in WHOLE or len(text) <= SHORT, name


@pytest.mark.parametrize("kind", READ)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_read_can_be_stored(kind, data):
    sound, read = READ[kind]
    check(read(data.draw(odd.with_odd_texts(sound))))


@pytest.mark.parametrize("kind", READ)
@given(value=st.one_of(st.integers(), st.booleans(), st.none(), st.just([]), st.just({"a": "b"})))
@settings(max_examples=20, deadline=None)
def test_what_should_be_a_text_and_is_none_is_read_as_no_text(kind, value):
    sound, read = READ[kind]
    for name, text in sound.items():
        if isinstance(text, str):
            check(read({**sound, name: value}))


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_of_an_event_too(data):
    body = data.draw(odd.with_odd_texts(odd.EVENT, keep=("object",)))
    try:
        check(results.event(json.dumps(body).encode()))
    except BadEvent:
        assert not str(body["id"]).isprintable() or not body["id"] or len(body["id"]) > SHORT


@pytest.mark.parametrize("local_part", ["a" * 243, "a" * 500])
def test_an_address_is_read_whole_or_not_at_all(local_part):
    address = f"{local_part}@example.test"
    read = parsing.customer({"id": "cus_1", "email": address}).email
    assert read == (address if len(address) <= SHORT else "")


@pytest.mark.parametrize("odd_part", ["\0", "\ud800"])
def test_an_address_with_what_cannot_be_stored_is_nobody_s(odd_part):
    read = parsing.customer({"id": "cus_1", "email": f"a{odd_part}da@example.test"})
    assert read.email == ""


@pytest.mark.parametrize("long", ["in_" + "1" * 300, "in_\0", "in_\ud800"])
def test_an_id_is_read_whole_or_not_at_all(long):
    assert parsing.invoice({"id": long}).id == ""
