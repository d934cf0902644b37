"""One pretend company, the product around it, and what a journey asks of both.

Everything is real but Stripe: webhooks arrive signed over HTTP, mail goes by SMTP, the card page
is visited over HTTP. Time stands still while anything is due, then jumps to the next moment.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from urllib.parse import urljoin

import requests
from sqlalchemy import func, select

from recover.accounts import connections
from recover.accounts.settings import changes
from recover.entrypoints import jobs
from recover.messages.subscriber import delivery, expiring_cards
from recover.models import (
    Account,
    Attempt,
    AuditLogEntry,
    Ending,
    LedgerLine,
    Message,
    RecoveryCase,
    StripeEvent,
    Suppression,
)
from recover.services import Services
from recover.workflow import disputes as watched
from recover.workflow import reconciliation, steps
from sandbox import disputes
from sandbox.mailbox import Mailbox
from sandbox.sandbox import Sandbox
from sandbox.visitor import Visitor, forms_of

MAX_ROUNDS = 60  # of settling at one moment; more means that two sides keep waking each other
CLEAN = {
    "charged_twice": 0,
    "after_payment": 0,
    "after_cancel": 0,
    "hard_code_tries": 0,
    "over_network_cap": 0,
    "too_close": 0,
}


class Journey:
    def __init__(
        self,
        services: Services,
        account: Account,
        sandbox: Sandbox,
        mailbox: Mailbox,
        stripe_url: str,
    ) -> None:
        self.services = services
        self.account_id = account.id
        self.sandbox = sandbox
        self.mailbox = mailbox
        self.stripe_url = stripe_url
        self.books = sandbox.books

    # -- time ----------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.sandbox.clock.now()

    def settle(self) -> None:
        """Let everything that is due at this moment happen, as the clock and the workers do."""
        for _ in range(MAX_ROUNDS):
            moved = self.sandbox.deliver_due() + jobs.drain_inbox()
            claimed = steps.claim_due(self.services)
            for case_id in claimed:
                jobs.run_step(case_id)
            moved += len(claimed) + delivery.send_due(self.services) + jobs.end_dunning()
            if not moved:
                return
        raise AssertionError(f"two sides keep waking each other at {self.now}")

    def run(self, **span: float) -> None:
        """Go on for a timedelta's keywords, stopping at each moment where something is due."""
        until = self.now + timedelta(**span)
        self.settle()
        while (moment := self._next_moment()) is not None and moment <= until:
            self.sandbox.advance_to(max(moment, self.now))
            self.settle()
        self.sandbox.advance_to(until)
        self.settle()

    def _next_moment(self) -> datetime | None:
        pointers = (
            select(func.min(RecoveryCase.next_step_at)).where(RecoveryCase.state == "open"),
            select(func.min(Message.due_at)).where(Message.status.in_(("pending", "sending"))),
            select(func.min(StripeEvent.due_at)).where(StripeEvent.status == "received"),
            select(func.min(Ending.due_at)).where(Ending.status.in_(("pending", "begun"))),
        )
        with self.services.db.read() as session:
            moments = [session.scalar(pointer) for pointer in pointers]
        moments.append(self.sandbox.next_event_at())
        return min((moment for moment in moments if moment), default=None)

    # -- what is asked of the pretend world -----------------------------------------------------

    def subscriber(self, email: str | None = "ada@example.test", amount: int = 2900, **about):
        """A customer with one monthly subscription; ``about`` goes to `Sandbox.add_customer`.

        They live where the company does, unless told otherwise.
        """
        about.setdefault("timezone", self.account.timezone)
        customer = self.sandbox.add_customer(email=email, **about)
        return self.sandbox.add_subscription(
            customer, amount, currency=about.get("currency", "usd")
        )

    def fail(self, *answers: str, **about) -> str:
        """A subscriber whose renewal fails with the first of ``answers``; their card's next
        answers follow. The open invoice's id, with nothing settled yet."""
        first, *rest = answers or ("insufficient_funds",)
        subscription = self.subscriber(**about)
        invoice = self.sandbox.fail_renewal(subscription, first)
        if rest:
            self.sandbox.script(subscription["customer"], rest)
        return invoice

    def api(self, method: str, path: str, **data: str) -> dict:
        """What the company does by itself, in Stripe's dashboard or by its own program."""
        answer = requests.request(
            method,
            self.stripe_url + path,
            data=data,
            headers={"Authorization": f"Bearer {self.sandbox.account_key}", "Connection": "close"},
            timeout=30,
        )
        assert answer.ok, answer.text
        return answer.json()

    def pay_elsewhere(self, invoice_id: str) -> None:
        self.api("POST", f"/v1/invoices/{invoice_id}/pay", paid_out_of_band="true")

    def replace_card(self, customer_id: str, number: str = "") -> str:
        """Another default card, set in Stripe's own portal."""
        method = self.sandbox.add_card(customer_id, number or self.sandbox.issue_card())
        self._make_default(customer_id, method)
        return method

    def save_again(self, method_id: str) -> str:
        """The same card number, saved once more by its holder and made the default."""
        state, old = self.sandbox.state, self.sandbox.store.get(method_id)
        method = self.sandbox.add_card(old["customer"], "4242424242424242")
        state.truths[method].fingerprint = state.truths[method_id].fingerprint
        self.sandbox.store.get(method)["card"]["fingerprint"] = old["card"]["fingerprint"]
        self._make_default(old["customer"], method)
        return method

    def _make_default(self, customer_id: str, method: str) -> None:
        field = "invoice_settings[default_payment_method]"
        self.api("POST", f"/v1/customers/{customer_id}", **{field: method})

    def visit(self, link: str, number: str = "", *, scripts: bool = True):
        """A subscriber follows the link and enters a card, a good one unless told otherwise."""
        visitor = Visitor(self.sandbox, self.stripe_url, number or self.sandbox.issue_card())
        return visitor.visit(link, scripts=scripts)

    # -- what came of it -------------------------------------------------------------------------

    @property
    def account(self) -> Account:
        with self.services.db.read() as session:
            return session.get_one(Account, self.account_id)

    def case(self, invoice_id: str) -> RecoveryCase | None:
        query = select(RecoveryCase).where(RecoveryCase.stripe_invoice_id == invoice_id)
        with self.services.db.read() as session:
            return session.scalar(query)

    @property
    def cases(self) -> list[RecoveryCase]:
        with self.services.db.read() as session:
            return list(session.scalars(select(RecoveryCase).order_by(RecoveryCase.id)))

    def timeline(self, invoice_id: str) -> list[AuditLogEntry]:
        query = (
            select(AuditLogEntry)
            .join(RecoveryCase, RecoveryCase.id == AuditLogEntry.case_id)
            .where(RecoveryCase.stripe_invoice_id == invoice_id)
            .order_by(AuditLogEntry.id)
        )
        with self.services.db.read() as session:
            return list(session.scalars(query))

    def verbs(self, invoice_id: str) -> list[str]:
        """What became of the case, leaving out its mails."""
        mails = ("message", "sent", "refused", "uncertain", "skip")
        return [entry.verb for entry in self.timeline(invoice_id) if entry.verb not in mails]

    def attempts(self, invoice_id: str) -> list[Attempt]:
        query = (
            select(Attempt)
            .join(RecoveryCase, RecoveryCase.id == Attempt.case_id)
            .where(RecoveryCase.stripe_invoice_id == invoice_id)
            .order_by(Attempt.attempted_at, Attempt.id)
        )
        with self.services.db.read() as session:
            return list(session.scalars(query))

    def tries(self, invoice_id: str) -> list[tuple[str, str]]:
        """Who tried, and what came of it."""
        return [(row.trigger, row.outcome) for row in self.attempts(invoice_id)]

    @property
    def messages(self) -> list[Message]:
        with self.services.db.read() as session:
            return list(session.scalars(select(Message).order_by(Message.id)))

    def ending(self, invoice_id: str) -> Ending | None:
        """What the end of dunning asks for on Stripe."""
        query = select(Ending).join(RecoveryCase, RecoveryCase.id == Ending.case_id)
        with self.services.db.read() as session:
            return session.scalar(query.where(RecoveryCase.stripe_invoice_id == invoice_id))

    @property
    def ledger(self) -> list[LedgerLine]:
        with self.services.db.read() as session:
            return list(session.scalars(select(LedgerLine).order_by(LedgerLine.id)))

    @property
    def won(self) -> list[tuple[str, int, str]]:
        """The ledger's lines: source, amount, currency."""
        return [
            (line.source or line.kind, line.amount_minor, line.currency) for line in self.ledger
        ]

    @property
    def mails(self):
        return self.mailbox.messages()

    @property
    def sent(self) -> list[str]:
        """The templates of the mails that left, oldest first."""
        return [row.template for row in self.messages if row.status == "sent"]

    def card_link(self, nth: int = -1, to: str = "") -> str:
        """The card page's address in the nth mail; ``to`` one address, where several get mail:
        what is due at one moment leaves in any order.
        """
        mails = [mail for mail in self.mails if not to or to in mail.to]
        return [link for mail in mails for link in mail.links if "/card/" in link][nth]

    def charged(self, invoice_id: str) -> list[bool]:
        """Every authorisation of an invoice in the sandbox's own books: approved or not."""
        return [one.approved for one in self.books.tries if one.invoice == invoice_id]

    def times(self, invoice_id: str) -> list[timedelta]:
        """When the invoice was tried again, since its first failure, by the sandbox's books."""
        tried = [one.at for one in self.books.tries if one.invoice == invoice_id]
        return [at - tried[0] for at in tried[1:]]

    @property
    def faults(self) -> dict[str, int]:
        return self.books.faults()

    # -- the product's own rounds ---------------------------------------------------------------

    def reconcile(self):
        report = reconciliation.reconcile(self.services, self.account)
        self.settle()
        return report

    def scan(self) -> int:
        written = expiring_cards.scan(self.services, self.account)
        self.settle()
        return written

    def switch(self, mode: str) -> None:
        connections.set_mode(self.services, self.account_id, mode)
        self.settle()

    def set(self, **wanted) -> None:
        """Change settings of the account, as its pages and commands do."""
        changes.change(self.services, self.account_id, wanted, actor="command")
        self.settle()

    def suppress(self, customer_id: str, reason: str = "asked") -> None:
        """The subscriber asked for no more mail."""
        row = Suppression(
            account_id=self.account_id,
            stripe_customer_id=customer_id,
            reason=reason,
            created_at=self.now,
        )
        with self.services.db.begin() as session:
            session.add(row)

    def dispute(self, charge_id: str, *, inquiry: bool = False) -> str:
        """The cardholder disputes a payment at their bank, or their bank asks first; its id."""
        with self.sandbox.state.lock:
            charge = self.sandbox.store.get(charge_id)
            return disputes.begin(self.sandbox.store, charge, inquiry=inquiry)["id"]

    def decide_dispute(self, dispute_id: str, status: str) -> None:
        """The bank's verdict: won, lost, or warning_closed of an inquiry."""
        with self.sandbox.state.lock:
            disputes.close(self.sandbox.store, self.sandbox.store.get(dispute_id), status)

    def warn_of_fraud(self, charge_id: str) -> str:
        """The bank reports a payment as fraud, early; the warning's id."""
        with self.sandbox.state.lock:
            charge = self.sandbox.store.get(charge_id)
            return disputes.warn(self.sandbox.store, charge)["id"]

    def watch_disputes(self) -> None:
        """The hourly look at what no event told."""
        watched.watch(self.services, self.account)
        self.settle()

    def one_click(self, mail) -> None:
        """What a mail program does when its reader presses "unsubscribe" (RFC 8058)."""
        address = mail.header("List-Unsubscribe").strip("<>").split(">")[0]
        with requests.post(address, data={"List-Unsubscribe": "One-Click"}, timeout=30) as answer:
            assert answer.ok, answer.text

    def ask_for_a_fresh_link(self, old: str) -> None:
        """The holder of an expired link presses the page's button."""
        with requests.Session() as browser:
            page = browser.get(old, timeout=30)
            [form] = [form for form in forms_of(page.text) if form.action.endswith("/fresh")]
            address = urljoin(page.url, form.action)
            answer = browser.post(
                address, data=form.fields, headers={"Referer": page.url}, timeout=30
            )
            assert answer.ok, answer.text

    def visit_in_trouble(self, link: str) -> None:
        """A visit whose end the visitor does not learn: the page answers with an error."""
        with contextlib.suppress(requests.RequestException, ValueError):
            self.visit(link)

    def waiting_mail_of(self, account_id: int) -> None:
        """A mail of another account, put off earlier and older than any other."""
        with self.services.db.begin() as session:
            session.add(
                Message(
                    account_id=account_id,
                    stripe_customer_id="cus_elsewhere",
                    dedup_key="expiring:elsewhere",
                    template="card_expiring",
                    status="pending",
                    to_email="zoe@example.test",
                    details={"subscription_id": "sub_elsewhere", "payment_method_id": "pm_x"},
                    due_at=self.now,
                    created_at=self.now,
                )
            )
