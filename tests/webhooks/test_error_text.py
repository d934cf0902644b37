"""What is stored of an error: where it arose, and no text that may quote a subscriber's data."""

from __future__ import annotations

import pytest

from recover.foundation.errors import RecoverError
from webhooks.error_text import LONGEST, failure_text


def fail(error):
    raise error


def caught(error):
    """The error with a traceback, as a drain has it."""
    with pytest.raises(type(error)) as info:
        fail(error)
    return info.value


def test_an_error_of_recover_keeps_its_own_words():
    assert failure_text(caught(RecoverError("Stripe is away."))) == "RecoverError: Stripe is away."


def test_the_words_of_any_other_error_are_left_out():
    text = failure_text(caught(ValueError("ada@acme.test")))

    assert text.startswith("ValueError in webhooks/test_error_text.py:")
    assert text.endswith("(fail)")
    assert "ada" not in text


def test_an_error_that_was_never_raised_has_only_its_type():
    assert failure_text(ValueError("ada@acme.test")) == "ValueError"


@pytest.mark.parametrize("error", [RecoverError("x" * 2000), type("X" * 2000, (Exception,), {})()])
def test_a_long_text_is_cut_to_what_the_column_holds(error):
    assert len(failure_text(caught(error))) == LONGEST
