"""One fault is put into the product for each rule, and the walker's judges find it.

That the rules are silent without these faults is what all other walks show.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from walker import WalkFailed, walk
from walker_rules import RULES

from emails import subscriber_mails
from recover.cases import attempts, ledger, lifecycle
from recover.dunning import Wait
from recover.messages import suppression
from recover.stripe_api.account_client import StripeAccount
from recover.subscribers import card_page, card_update
from recover.workflow import reconciliation, steps, sync

Seed = Callable[[pytest.MonkeyPatch], None]


def ticks_do_not_matter(patch: pytest.MonkeyPatch) -> None:
    plain = card_update.start

    def start(services, account, link, *, invoice_ids, **more):
        page = card_page.load_page(services, account, link)
        everything = [owed.invoice_id for owed in page.owed]
        return plain(services, account, link, invoice_ids=everything, **more)

    patch.setattr(card_update, "start", start)


def a_decline_is_asked_for_once_more(patch: pytest.MonkeyPatch) -> None:
    plain = StripeAccount.pay

    def pay(stripe, invoice_id, *, idempotency_key, **more):
        payment = plain(stripe, invoice_id, idempotency_key=idempotency_key, **more)
        if payment.status == "declined":
            payment = plain(stripe, invoice_id, idempotency_key=f"{idempotency_key}-2", **more)
        return payment

    patch.setattr(StripeAccount, "pay", pay)


def an_outage_is_asked_through(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(steps, "BACK_OFF", (1,))
    patch.setattr(attempts, "IN_FLIGHT", timedelta(0))


def refunds_are_not_booked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ledger, "book_given_back", lambda *_: None)


def the_page_names_another_amount(patch: pytest.MonkeyPatch) -> None:
    plain = card_page.Owed
    patch.setattr(
        card_page, "Owed", lambda name, number, amount, *more: plain(name, number, 100, *more)
    )


def mails_name_another_amount(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(subscriber_mails, "_amount", lambda *_: "$1.00")


def nobody_is_on_the_suppression_list(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(suppression, "is_suppressed", lambda *_: False)


def a_wait_has_no_end(patch: pytest.MonkeyPatch) -> None:
    plain = sync.plan

    def plan(session, services, account, case, *more):
        decision = plain(session, services, account, case, *more)
        if isinstance(decision, Wait):
            case.next_step_at = None
        return decision

    patch.setattr(sync, "plan", plan)


def one_customer_breaks_the_comparison(patch: pytest.MonkeyPatch) -> None:
    plain = lifecycle.update_from_evidence

    def update(session, account, case, evidence):
        if evidence.subscription and evidence.subscription.customer.name == "Ada Example":
            raise ValueError("no such name was foreseen")
        plain(session, account, case, evidence)

    def apply(services, account, invoice_id, reason):  # without setting anything aside
        sync.sync(services, account, invoice_id)
        return {"invoice": invoice_id, "reason": reason}

    patch.setattr(lifecycle, "update_from_evidence", update)
    patch.setattr(reconciliation, "_apply", apply)


TWO_FAIL = "renewal_fails 0 0 expired_card 0\nrenewal_fails 0 1 expired_card 0\n"
SEEDS: tuple[tuple[str, Seed, str], ...] = (
    ("agreed", ticks_do_not_matter, f"{TWO_FAIL}opens 0\nunticks 0\nenters 0 good\npresses 0"),
    (
        "one act",
        a_decline_is_asked_for_once_more,
        "renewal_fails 0 0 expired_card 0\nreplaces 0 declines",
    ),
    (
        "bounded",
        an_outage_is_asked_through,
        "renewal_fails 0 0 insufficient_funds 0\npaying_is_down\ndays 1\nminutes 20",
    ),
    (
        "ledger",
        refunds_are_not_booked,
        "renewal_fails 0 0 insufficient_funds 0\ndays 3\nrefunds 0",
    ),
    ("truthful", the_page_names_another_amount, "renewal_fails 0 0 expired_card 0\nopens 0"),
    ("truthful", mails_name_another_amount, "renewal_fails 0 0 expired_card 0"),
    (
        "welcome",
        nobody_is_on_the_suppression_list,
        "renewal_fails 0 0 expired_card 0\nstops_mail 0\ndays 8",
    ),
    ("next step", a_wait_has_no_end, "renewal_fails 0 0 insufficient_funds 0"),
    (
        "apart",
        one_customer_breaks_the_comparison,
        "webhooks lost\nrenewal_fails 0 0 expired_card 0\nrenewal_fails 1 0 expired_card 0\ndays 3",
    ),
)


@pytest.mark.parametrize(("rule", "seed", "text"), SEEDS, ids=[one[1].__name__ for one in SEEDS])
def test_a_seeded_fault_is_found(rule, seed, text, stages, monkeypatch):
    with stages() as journey:
        seed(monkeypatch)
        with pytest.raises(WalkFailed) as failed:
            walk(journey, text.split("\n"))

    assert rule in {one.rule for one in failed.value.found}, failed.value


def test_every_rule_has_a_fault_that_was_seeded():
    assert {rule for rule, _, _ in SEEDS} == set(RULES)
