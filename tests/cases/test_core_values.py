"""Tries on record: by what an issuer is known."""

from __future__ import annotations

import pytest

from recover.cases.core_values import issuer_of
from recover.stripe_api.objects import PaymentMethod


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"issuer": "Bank of Elm Street"}, "Bank of Elm Street"),
        ({}, "visa debit ES"),
        ({"funding": ""}, "visa  ES"),
        ({"fingerprint": ""}, ""),  # cards that cannot be told apart are no witnesses
        ({"type": "sepa_debit"}, ""),
        ({"issuer": "B" * 400}, "B" * 255),  # the column's width
    ],
)
def test_a_card_s_issuer_is_known_by_name_or_by_what_its_cards_share(more, key):
    about = {"type": "card", "fingerprint": "fp", "brand": "visa", "funding": "debit"}

    assert issuer_of(PaymentMethod("pm", country="ES", **(about | more))) == key
