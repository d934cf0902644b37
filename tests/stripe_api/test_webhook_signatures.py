import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe import WebhookSignature

from recover.foundation.errors import BadEvent, BadSignature
from recover.stripe_api.gateway import verify_webhook

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OLD, NEW = "whsec_old", "whsec_new"


def event(about, kind="invoice.paid", **changes):
    return {
        "id": "evt_1",
        "object": "event",
        "type": kind,
        "created": 1_795_000_000,
        "livemode": True,
        "account": "acct_1",
        "api_version": "2026-10-28.endive",
        "data": {"object": about},
    } | changes


def signed(body, secret=NEW, at=NOW):
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    header = WebhookSignature.generate_signature_header(
        payload.decode(), secret, timestamp=int(at.timestamp())
    )
    return payload, header


def read(body, **changes):
    return verify_webhook(*signed(body, **changes), [NEW, OLD], NOW)


INVOICE = {"object": "invoice", "id": "in_1", "customer": "cus_1"}


def test_a_signed_event_is_reduced_to_ids():
    found = read(event(INVOICE))
    assert (found.id, found.type, found.account_id) == ("evt_1", "invoice.paid", "acct_1")
    assert (found.object_type, found.object_id, found.customer_id) == ("invoice", "in_1", "cus_1")
    assert found.created_at == datetime.fromtimestamp(1_795_000_000, UTC)
    assert found.livemode
    assert found.api_version == "2026-10-28.endive"


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_while_a_secret_is_rotated_both_are_accepted(secret):
    assert read(event(INVOICE), secret=secret).id == "evt_1"


def test_a_header_may_carry_several_signatures():
    payload, header = signed(event(INVOICE))
    both = header.replace("v1=", "v1=" + "0" * 64 + ",v0=abc,v1=")
    assert verify_webhook(payload, both, [NEW], NOW).id == "evt_1"


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_signature_within_the_tolerance_is_accepted(seconds):
    assert read(event(INVOICE), at=NOW - timedelta(seconds=seconds)).id == "evt_1"


@pytest.mark.parametrize(("seconds", "said"), [(301, "stale"), (-301, "future")])
def test_a_signature_outside_the_tolerance_is_refused_on_either_side(seconds, said):
    with pytest.raises(BadSignature, match=said):
        read(event(INVOICE), at=NOW - timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("", "missing"),
        ("v1=abc", "malformed"),
        ("t,v1=abc", "malformed"),
        ("t=soon,v1=abc", "malformed"),
        ("t=" + "9" * 5000 + ",v1=abc", "malformed"),
        ("t=" + "9" * 300 + ",v1=abc", "future"),
        ("{t},v1=abc", "matches none"),
        ("{t}", "matches none"),
        ("{t},v0=abc", "matches none"),
        ("{t},v1=é", "malformed"),
        ("{t},v1", "matches none"),
    ],
)
def test_every_other_header_is_refused_with_a_clear_text(header, said):
    filled = header.replace("{t}", f"t={int(NOW.timestamp())}")
    with pytest.raises(BadSignature, match=said):
        verify_webhook(json.dumps(event(INVOICE)).encode(), filled, [NEW], NOW)


@pytest.mark.parametrize("secrets", [[], [""], ["whsec_other"]])
def test_without_the_right_secret_nothing_is_accepted(secrets):
    with pytest.raises(BadSignature, match="none of the webhook secrets"):
        verify_webhook(*signed(event(INVOICE)), secrets, NOW)


@given(position=st.integers(min_value=0), byte=st.integers(0, 255))
def test_a_body_changed_in_one_byte_is_refused(position, byte):
    payload, header = signed(event(INVOICE))
    at = position % len(payload)
    changed = payload[:at] + bytes([byte]) + payload[at + 1 :]
    if changed == payload:
        assert verify_webhook(changed, header, [NEW], NOW).id == "evt_1"
        return
    with pytest.raises(BadSignature):
        verify_webhook(changed, header, [NEW], NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        json.dumps(event(INVOICE)).encode()[:-5],
        b"[" * 100_000,
        b"null",
        b'"event"',
        b"[]",
        b"{}",
        json.dumps({"object": "v2.core.event", "id": "evt_1", "type": "x"}).encode(),
        json.dumps(event(INVOICE, data={})).encode(),
        json.dumps(event(INVOICE, data=None)).encode(),
        json.dumps(event(INVOICE, id=None)).encode(),
        json.dumps(event(INVOICE, type=7)).encode(),
    ],
)
def test_a_signed_body_that_is_no_event_is_a_bad_event(body):
    with pytest.raises(BadEvent):
        read(body)


def test_an_event_of_the_endpoints_own_account_names_no_account():
    body = event(INVOICE)
    del body["account"]
    assert read(body).account_id == ""


@pytest.mark.parametrize(
    ("about", "kind", "expected"),
    [
        (
            {"object": "customer", "id": "cus_1"},
            "customer.updated",
            ("customer", "cus_1", "cus_1"),
        ),
        (
            {"object": "invoice", "id": "in_1", "customer": {"id": "cus_1"}},
            "invoice.paid",
            ("invoice", "in_1", "cus_1"),
        ),
        (
            {"object": "dispute", "id": "dp_1", "charge": "ch_1"},
            "charge.dispute.created",
            ("charge", "ch_1", ""),
        ),
        (
            {"object": "refund", "id": "re_1", "charge": {"id": "ch_1"}},
            "refund.created",
            ("charge", "ch_1", ""),
        ),
        (
            {"object": "invoice_payment", "id": "inpay_1", "invoice": "in_1"},
            "invoice_payment.paid",
            ("invoice", "in_1", ""),
        ),
        (
            {
                "object": "invoice",
                "customer": "cus_1",
                "parent": {"subscription_details": {"subscription": "sub_1"}},
            },
            "invoice.upcoming",
            ("subscription", "sub_1", "cus_1"),
        ),
        (
            {"object": "invoice", "customer": "cus_1", "subscription": "sub_1"},
            "invoice.upcoming",
            ("subscription", "sub_1", "cus_1"),
        ),
        (
            {"object": "application", "id": "ca_1"},
            "account.application.deauthorized",
            ("application", "ca_1", ""),
        ),
        (
            {"object": "card", "id": "card_1", "customer": "cus_1"},
            "customer.source.expiring",
            ("card", "card_1", "cus_1"),
        ),
    ],
)
def test_an_event_is_filed_under_what_can_be_fetched(about, kind, expected):
    found = read(event(about, kind))
    assert (found.object_type, found.object_id, found.customer_id) == expected


def test_a_detached_payment_method_names_the_customer_it_belonged_to():
    data = {
        "object": {"object": "payment_method", "id": "pm_1", "customer": None},
        "previous_attributes": {"customer": "cus_1"},
    }
    assert read(event({}, "payment_method.detached", data=data)).customer_id == "cus_1"
