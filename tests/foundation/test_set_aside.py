"""What one object of many failed of is set aside, and the others go on."""

from __future__ import annotations

import pytest

from recover.foundation.errors import StripeAccessLost, StripeUnavailable
from recover.foundation.set_aside import for_each, in_words, set_aside


def fails(error):
    def work(*_):
        raise error

    return work


def test_what_the_work_came_to_is_handed_on():
    assert set_aside("invoice in_1", lambda: 7) == (7, None)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StripeUnavailable("Stripe answered 500."), "Stripe answered 500."),
        (KeyError("ada@example.test"), "Recover failed at it: KeyError."),
    ],
)
def test_a_failure_is_handed_on_and_its_words_quote_no_row(error, words):
    found, failure = set_aside("invoice in_1", fails(error))
    assert (found, failure) == (None, error)
    assert in_words(failure) == words


def test_a_key_that_is_refused_is_refused_for_all():
    with pytest.raises(StripeAccessLost):
        set_aside("invoice in_1", fails(StripeAccessLost("revoked")))


def test_every_one_has_its_turn_and_then_the_first_failure_is_raised():
    seen = []

    def work(one):
        seen.append(one)
        if one != "b":
            raise StripeUnavailable(one)

    with pytest.raises(StripeUnavailable, match=r"^a$"):
        for_each("abc", work, "invoice")
    assert seen == ["a", "b", "c"]


def test_where_none_fails_nothing_is_raised():
    for_each("abc", lambda _: None, "invoice")
