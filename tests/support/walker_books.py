"""The walker's books: what truly happened, by the pretend world's own memory.

Nothing here imports the product. Its database is read by plain SQL, its pages and mails as people
read them, its charges in the books of the pretend Stripe.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text

from sandbox import oddities
from sandbox.books import Source, Try
from sandbox.cardholder import Shown
from sandbox.mailbox import Mailbox
from sandbox.mailbox_message import MailMessage
from sandbox.objects.subscriptions import subscription_id
from sandbox.payments import charged_method
from sandbox.sandbox import Sandbox
from sandbox.state import Obj
from sandbox.turnstile import Turnstile

ROW = r"^{label}:\s+(.+)$"
GONE = ("canceled", "incomplete_expired")


@dataclass(frozen=True, slots=True)
class Violation:
    """``rule`` is a name of `walker_rules.RULES`."""

    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


@dataclass(frozen=True, slots=True)
class Bill:
    """One renewal's invoice as the world has it at one moment."""

    id: str
    number: str
    status: str
    remaining: int
    customer: str
    email: str
    subscription: str
    subscription_status: str
    paused: bool  # by the company; not by Stripe over the failure itself
    automatic: bool
    came_in: int  # money, by charges and outside Stripe; never a credit
    leaving: bool  # with the end of the period, by the subscriber's own wish
    disputed: bool  # a payment of this customer is, and nobody has decided

    @property
    def collectable(self) -> bool:
        """It will be charged, unless somebody stops it."""
        return (
            self.status == "open"
            and self.remaining > 0
            and self.automatic
            and not self.paused
            and bool(self.email)
            and self.subscription_status not in GONE
        )


@dataclass
class Deed:
    """What one person did once: a use of the card page, or a press of the retry button.

    ``presses`` are the stretches of the world's list of authorisations in which it was under way.
    """

    kind: str  # page, retry
    customer: str
    at: datetime
    shown: dict[str, int] = field(default_factory=dict)  # minor units by invoice
    agreed: set[str] = field(default_factory=set)
    fingerprint: str = ""  # of the card that was typed in
    saved: bool = False  # the last button was pressed
    presses: list[tuple[int, int]] = field(default_factory=list)
    label: str = ""  # what the button said

    def covers(self, index: int) -> bool:
        return any(start <= index < end for start, end in self.presses)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail, and the world at the moment at which it came in."""

    mail: MailMessage
    bills: dict[str, Bill]  # by number
    stopped: frozenset[str]  # addresses whose owners wanted no more
    charged_soon: frozenset[str]  # addresses of customers whose cards a renewal will charge


@dataclass(frozen=True, slots=True)
class Read:
    """A page somebody read, and the world a moment later."""

    page: Shown
    bills: dict[str, Bill]  # by invoice id
    link_bill: str  # the number of the invoice whose mail had the link
    customer: str
    deed: Deed | None = None  # the page tells what came of it


@dataclass
class WalkBooks:
    sandbox: Sandbox
    mailbox: Mailbox
    turnstile: Turnstile
    engine: Engine
    founder: str
    deeds: list[Deed] = field(default_factory=list)
    read: list[Read] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)  # customers with something no program expects
    corrected: dict[str, datetime] = field(default_factory=dict)  # addresses, since when
    died: list[tuple[str, str]] = field(default_factory=list)  # (job, what it died of)
    scanners_did: list[str] = field(default_factory=list)  # what they made the product ask for
    observing: list[tuple[int, bool]] = field(default_factory=list)  # (authorisations, observes)
    _snapshots: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.mailbox._now = self._mail_comes  # at the very moment at which one is taken

    # -- the world ------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.sandbox.clock.now()

    @property
    def tries(self) -> list[Try]:
        return self.sandbox.books.tries

    def bills(self) -> dict[str, Bill]:
        """Every renewal that failed, by invoice."""
        with self.sandbox.state.lock:
            return {name: self._bill(name) for name in self.sandbox.books.failed}

    def _bill(self, invoice_id: str) -> Bill:
        store = self.sandbox.store
        invoice = store.get(invoice_id)
        sub = store.objects.get(subscription_id(invoice), {})
        customer = store.get(invoice["customer"])
        return Bill(
            id=invoice_id,
            number=invoice["number"],
            status=invoice["status"],
            remaining=invoice["amount_remaining"],
            customer=invoice["customer"],
            email=customer.get("email") or "",
            subscription=sub.get("id", ""),
            subscription_status=sub.get("status", "ended"),
            paused=bool(sub.get("pause_collection")) or _wanted_pause(sub),
            automatic=_automatic(invoice),
            came_in=self.came_in(invoice_id),
            leaving=bool(sub.get("cancel_at_period_end")),
            disputed=bool(oddities.open_disputes(self.sandbox, invoice["customer"])),
        )

    def came_in(self, invoice_id: str) -> int:
        charged = sum(t.amount_minor for t in self.tries if t.invoice == invoice_id and t.approved)
        outside = self.sandbox.store.get(invoice_id)["amount_paid_off_stripe"] or 0
        return charged + int(outside)

    def went_back(self, invoice_id: str) -> int:
        """Refunds, and what a dispute took and no verdict brought back."""
        store, total = self.sandbox.store, 0
        lost = Counter(
            {one["charge"]: 1 for one in store.all("dispute") if _costs_money(one)}  # by charge
        )
        for one in self.tries:
            if one.invoice == invoice_id and one.approved:
                charge = store.get(one.charge)
                back = charge["amount_refunded"]
                total += charge["amount"] if lost[charge["id"]] else back
        return total

    def card_of(self, invoice_id: str) -> str:
        """The fingerprint of the card that Stripe would charge for this invoice; "" for none."""
        store = self.sandbox.store
        method = charged_method(store, store.get(invoice_id))
        return store.truth(method["id"]).fingerprint if method else ""

    # -- what people saw ------------------------------------------------------------------------

    def _mail_comes(self) -> datetime:
        bills = {bill.number: bill for bill in self.bills().values()}
        self._snapshots[self.mailbox._received] = (
            bills,
            frozenset(self.stopped),
            frozenset(self._charged_soon()),
        )
        return self.now

    def _charged_soon(self) -> Iterator[str]:
        with self.sandbox.state.lock:
            for sub in self.sandbox.store.all("subscription"):
                goes_on = sub["status"] in ("active", "past_due") and not sub["pause_collection"]
                if goes_on and not sub["cancel_at_period_end"]:
                    yield self.sandbox.store.get(sub["customer"]).get("email") or ""

    def arrived(self, after: int = 0) -> list[Arrived]:
        """Mails to subscribers with a number above ``after``."""
        return [
            Arrived(mail, *self._snapshots[mail.number])
            for mail in self.mailbox.messages(after=after)
            if self.founder not in mail.to
        ]

    def note_page(
        self, page: Shown, customer: str, link_bill: str = "", deed: Deed | None = None
    ) -> None:
        self.read.append(Read(page, self.bills(), link_bill, customer, deed))

    # -- the product's memory -------------------------------------------------------------------

    def rows(self, sql: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(sql), values))

    def ledger(self) -> dict[str, int]:
        """What the product says was won back, by invoice, for every invoice it has a case of."""
        found = self.rows(
            "SELECT c.stripe_invoice_id, COALESCE(SUM(l.amount_minor), 0) FROM cases c "
            "LEFT JOIN ledger l ON l.case_id = c.id GROUP BY c.stripe_invoice_id"
        )
        return {invoice: int(total) for invoice, total in found}


def _automatic(invoice: Obj) -> bool:
    """It is to be charged, and not sent. ``auto_advance`` only says whether Stripe itself acts."""
    return bool(invoice["collection_method"] == "charge_automatically")


def _wanted_pause(sub: Obj) -> bool:
    details = (sub.get("status_details") or {}).get("paused", {}).get("subscription", {})
    return sub.get("status") == "paused" and details.get("type") == "pause_requested"


def _costs_money(dispute: Obj) -> bool:
    return dispute["status"] in ("needs_response", "under_review", "lost")


def row_of(mail: MailMessage, label: str) -> str:
    """What stands beside ``label`` in the mail's box; "" where there is no such row."""
    found = re.search(ROW.format(label=label), mail.text, re.MULTILINE)
    return found[1].strip() if found else ""


def minor(amount: str) -> int:
    """ "$29.00" -> 2900. The walker's world pays in dollars alone."""
    digits = re.sub(r"\D", "", amount)
    return int(digits) if digits else 0


def machine_tries(tries: Iterable[Try]) -> list[tuple[int, Try]]:
    """(index, try) of each that was asked for through the API."""
    return [(n, one) for n, one in enumerate(tries) if one.source is Source.API_PAY]
