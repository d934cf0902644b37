"""What walks found, shrunk, and kept: each is a text of acts after which all the rules must hold.

Each bears the name of its fault. One that still stands is expected to fail, and
`walker_known.LEFT_OUT` keeps random walks from finding it again and again. Whoever mends it turns
`stands` into `mended`, and deletes the pattern.
"""

from __future__ import annotations

import pytest
from walker import WalkFailed, walk

TWO_ON_ONE_CARD = ("renewal_fails 0 0 expired_card 0", "renewal_fails 0 1 expired_card 0")


def mended(*lines: str, fault: str) -> object:
    return pytest.param(lines, id=fault.replace(" ", "-"))


def stands(*lines: str, fault: str) -> object:
    return pytest.param(
        lines,
        marks=pytest.mark.xfail(strict=True, raises=WalkFailed, reason=fault),
        id=fault.replace(" ", "-"),
    )


FOUND = (
    mended(
        *TWO_ON_ONE_CARD,
        "opens 0",
        "unticks 0",
        "enters 0 good",
        "presses 0",
        fault="what was unticked is charged by the rule for new cards",
    ),
    mended(
        "renewal_fails 0 0 expired_card 0",
        "opens 0",
        "enters 0 good",
        "renewal_fails 0 1 expired_card 0",
        "presses 0",
        fault="what failed after the page was shown is charged at once",
    ),
    mended(
        "renewal_fails 0 0 insufficient_funds 0",
        "refused 0",
        "days 1",
        "hours 1",
        fault="a payment that Stripe refuses outright is asked for without end",
    ),
    mended(
        "renews 1 0",
        "renewal_fails 1 0 insufficient_funds 8",
        "disputes 1",
        "days 3",
        fault="who disputes an earlier renewal is charged and written to",
    ),
    mended(
        "renewal_fails 0 0 insufficient_funds 0",
        "days 3",
        "disputes 0",
        "bank_decides won",
        fault="a won dispute does not bring its money back to the ledger",
    ),
    mended(
        "renewal_fails 0 0 insufficient_funds 0",
        "days 3",
        "webhooks lost",
        "refunds 0",
        fault="a refund whose event was lost is never booked",
    ),
    mended(
        "renewal_fails 1 0 expired_card 0",
        "renewal_fails 2 0 expired_card 0",
        "stops_mail 1",
        "days 3",
        fault="who wants no more mail gets it as a second customer",
    ),
    mended(
        "mail_server_says 550 1",
        "renewal_fails 0 0 expired_card 0",
        "corrects_address 0",
        fault="a corrected address is not written to",
    ),
    mended(
        "renewal_fails 0 0 insufficient_funds 0",
        "is_paused 0 first_payment_failure",
        fault="a pause that the failure caused ends the case",
    ),
    mended(
        "renewal_fails 0 0 insufficient_funds 0",
        "invoice_gets_a_card 0",
        "days 3",
        fault="an invoice with a card of its own is charged on another",
    ),
    mended(
        "renewal_fails 0 0 insufficient_funds 8",
        "renewal_fails 0 1 lost_card 0",
        "days 3",
        fault="a card that was barred over one invoice is charged for another",
    ),
    mended(
        "leaves_at_period_end 0 0",
        "renewal_fails 0 0 expired_card 0",
        fault="who leaves with the end of the period is written to all the same",
    ),
    mended(
        "card_expires 0",
        "pauses 0 0 void",
        "pauses 0 1 void",
        "days 8",
        fault="whose subscriptions are paused is told of a card that expires",
    ),
    mended(
        "renewal_fails 0 0 generic_decline 8",
        "retries_now_twice 0",
        fault="the form for a retry charges as often as it is sent",
    ),
    mended(
        "renewal_fails 0 0 generic_decline 8",
        "retries_now_twice_at_once 0 6",
        fault="two presses of the form for a retry charge twice",
    ),
    mended(
        "renewal_fails 0 0 expired_card 0",
        "opens 0",
        "enters 0 declines",
        "presses_twice_at_once 0 1",
        fault="two presses on the card page charge twice",
    ),
    mended(
        *TWO_ON_ONE_CARD,
        "cancels 0 0",
        "opens 0",
        fault="the page of an ended subscription says nothing is owed while another is",
    ),
)


@pytest.mark.parametrize("lines", FOUND)
def test_what_a_walk_found_holds_now(lines, stages):
    with stages() as journey:
        walk(journey, lines)


LONG = (
    "long_texts 0",
    "renewal_fails 0 0 insufficient_funds 0",
    "renewal_fails 1 0 insufficient_funds 0",
    "days 3",
)


@pytest.mark.both_databases
def test_texts_as_long_as_stripe_allows_stop_nobody(stages):
    with stages() as journey:
        walk(journey, LONG)
