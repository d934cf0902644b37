"""Whatever happens to an invoice, in any order: the ledger is the money that came in since it
failed, less what went back, by the pretend world's own books.
"""

from __future__ import annotations

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from recover.models import LedgerLine, RecoveryCase
from recover.workflow import ledger_check, sync
from sandbox import lifecycle

pytestmark = pytest.mark.both_databases  # lines are found again and set anew

ACTS = (
    "credit",
    "record",
    "intent",
    "pay",
    "elsewhere",
    "refund",
    "fail_refund",
    "give",
    "dispute",
)
STORIES = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(1, 30)), min_size=1, max_size=7)


class Story:
    """One failed renewal, and what its company, its subscriber and their bank do about it."""

    def __init__(self, world, stripe_url):
        self.world, self.url, self.sandbox = world, stripe_url, world.sandbox
        self.sandbox.state.partial_payments = True
        self.customer = self.sandbox.add_customer()
        subscription = self.sandbox.add_subscription(self.customer)
        self.invoice = self.sandbox.fail_renewal(subscription, "insufficient_funds")
        self.card = self.sandbox.add_card(self.customer["id"], "4242424242424242")
        self.sync()

    def act(self, name, hundreds):
        self.world.clock.advance(minutes=1)
        getattr(self, f"do_{name}")(str(100 * hundreds))
        self.sync()

    def do_credit(self, amount):
        self.ask("credit_notes", invoice=self.invoice, amount=amount)

    def do_give(self, amount):
        self.ask("credit_notes", invoice=self.invoice, amount=amount, refund_amount=amount)

    def do_record(self, amount):
        requested = {"amount_requested[value]": amount, "amount_requested[currency]": "usd"}
        made = self.ask("payment_records/report_payment", **requested)
        self.ask(f"invoices/{self.invoice}/attach_payment", payment_record=made["id"])

    def do_intent(self, amount):
        made = self.ask(
            "payment_intents",
            customer=self.customer["id"],
            amount=amount,
            currency="usd",
            payment_method=self.card,
            confirm="true",
        )
        if "error" not in made:
            self.ask(f"invoices/{self.invoice}/attach_payment", payment_intent=made["id"])

    def do_pay(self, _):
        self.ask(f"invoices/{self.invoice}/pay", payment_method=self.card)

    def do_elsewhere(self, _):
        self.ask(f"invoices/{self.invoice}/pay", paid_out_of_band="true")

    def do_refund(self, amount):
        for charge in self.charges()[-1:]:
            self.ask("refunds", charge=charge["id"], amount=amount)

    def do_fail_refund(self, _):
        made = self.sandbox.store.owned("refund", self.customer["id"])
        made = [one for one in made if one["status"] == "succeeded"]
        for refund in made[-1:]:
            lifecycle.fail_refund(self.sandbox.store, refund)

    def do_dispute(self, _):
        for charge in self.charges()[-1:]:
            if not charge["disputed"]:
                lifecycle.dispute(self.sandbox.store, charge)

    def ask(self, path, **data):
        """What Stripe answers, also where it refuses."""
        answer = requests.post(
            f"{self.url}/v1/{path}", data=data, auth=(self.sandbox.account_key, ""), timeout=30
        )
        return answer.json()

    def charges(self):
        held = self.sandbox.store.owned("charge", self.customer["id"])
        return [charge for charge in held if charge["paid"]]

    def sync(self):
        """Tell the product, as events would."""
        sync.sync(self.world.services, self.world.account, self.invoice)
        for charge in self.charges():
            sync.sync_charge(self.world.services, self.world.account, charge["id"])

    def booked(self):
        query = (
            select(func.coalesce(func.sum(LedgerLine.amount_minor), 0))
            .join(RecoveryCase, RecoveryCase.id == LedgerLine.case_id)
            .where(RecoveryCase.stripe_invoice_id == self.invoice)
        )
        with self.world.services.db.read() as session:
            return session.scalar(query)

    def truth(self):
        case = self.sandbox.books.failed[self.invoice]
        return case.recovered_minor - case.given_back_minor


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(STORIES)
def test_the_ledger_is_what_came_in_less_what_went_back(world, stripe_url, story):
    told = Story(world, stripe_url)
    for name, hundreds in story:
        told.act(name, hundreds)
        assert told.booked() == told.truth(), name
    checked = ledger_check.check(world.services, world.account, fix=False, actor="command")
    assert [finding for finding in checked if finding] == []
